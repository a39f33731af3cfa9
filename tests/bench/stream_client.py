"""Plays event streams at once, as Envoy would, against a processor on a Unix socket.

`python tests/bench/stream_client.py unix:PATH KEY BODY_FILE... --pace SECONDS`

Says `ready` once all replies' headers are through and waits for a line, so that only chunks are measured; then prints
one JSON object and waits for the end of its input.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import sys
import time
from pathlib import Path
from typing import Any

import uvloop
from grpc import aio

sys.path.insert(0, str(Path(__file__).parents[1]))

from guarded import events

from extproc.proto import ext_proc_pb2 as pb
from extproc.transport.service import PROCESS

PROMPT = json.dumps({"model": "bench", "stream": True, "messages": [{"role": "user", "content": "Say it."}]}).encode()


def headers(**pairs: str) -> pb.HttpHeaders:
    found = [
        pb.HeaderValue(key=key.replace("__", ":").replace("_", "-"), raw_value=value.encode())
        for key, value in pairs.items()
    ]
    return pb.HttpHeaders(headers=pb.HeaderMap(headers=found))


def before(key: str) -> list[bytes]:
    """What comes before the first chunk; each is answered."""
    asked = headers(__method="POST", __path="/v1/chat/completions", authorization=f"Bearer {key}")
    config = pb.ProtocolConfiguration(request_body_mode=pb.BUFFERED, response_body_mode=pb.BUFFERED)
    messages = (
        pb.ProcessingRequest(request_headers=asked, protocol_config=config),
        pb.ProcessingRequest(request_body=pb.HttpBody(body=PROMPT, end_of_stream=True)),
        pb.ProcessingRequest(response_headers=headers(__status="200", content_type="text/event-stream")),
    )
    return [message.SerializeToString() for message in messages]


def pieces(body: bytes) -> list[bytes]:
    chunks = events(body)
    return [
        pb.ProcessingRequest(
            response_body=pb.HttpBody(body=chunk, end_of_stream=number == len(chunks))
        ).SerializeToString()
        for number, chunk in enumerate(chunks, 1)
    ]


async def send(call: Any, messages: list[bytes], offset: float, pace: float) -> None:
    start = time.perf_counter() + offset
    for number, message in enumerate(messages):
        await asyncio.sleep(max(0.0, start + number * pace - time.perf_counter()))
        await call.write(message)


async def receive(call: Any) -> None:
    """Until the piece that is marked as the last. Raises ValueError for any other reply."""
    while True:
        data = await call.read()
        if data is aio.EOF:
            raise ValueError(f"the processor ended the stream: {await call.details()}")
        reply = pb.ProcessingResponse.FromString(data)
        streamed = reply.response_body.response.body_mutation.streamed_response
        if reply.WhichOneof("response") != "response_body":
            raise ValueError(f"a {reply.WhichOneof('response')} in a stream")
        if streamed.end_of_stream:
            return


async def line() -> str:
    return await asyncio.get_running_loop().run_in_executor(None, sys.stdin.readline)


async def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("socket")
    parser.add_argument("key")
    parser.add_argument("bodies", type=Path, nargs="+")
    parser.add_argument("--pace", type=float, default=0.01)
    a = parser.parse_args()
    streams = [pieces(body.read_bytes()) for body in a.bodies]
    async with aio.insecure_channel(a.socket) as channel:
        await asyncio.wait_for(channel.channel_ready(), 20)
        calls = [channel.stream_stream(PROCESS)() for _ in streams]
        for call in calls:
            for message in before(a.key):
                await call.write(message)
                await call.read()
        print("ready", flush=True)
        await line()
        sending = [
            send(call, messages, a.pace * place / len(calls), a.pace)
            for place, (call, messages) in enumerate(zip(calls, streams, strict=True))
        ]
        await asyncio.gather(*(receive(call) for call in calls), *sending)
        print(json.dumps({"chunks": sum(map(len, streams))}), flush=True)
        await line()
        for call in calls:
            await call.done_writing()


if __name__ == "__main__":
    uvloop.run(main())
