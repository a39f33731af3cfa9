"""The bundled demo provider: OpenAI's chat and Anthropic's messages, offline; tests use it too.

It is deterministic but for the ids of responses that it keeps.

`python -m extproc.gateway.demo --listen 127.0.0.1:0 [--seed N] [--record FILE] [--fault NAME]` prints the address.
It echoes the last user message, or what a tool gave back, as JSON or as server-sent events whose bytes are cut at
seeded places, and calls the tool that the message asks for (`demo_calls`). Completions echo each prompt; an embedding
follows from its text alone.
Faults, by `--fault` or as a model named `demo-FAULT`: `503`, `429`,
`hang`, `reset`, `cut` (a stream that breaks in the middle), `stall` (one that falls silent there), `slow` (one that
takes a tenth of a second a piece), `leak` (a reply that holds ACME-123456), `garbage`.
HTTP/1.1 with keep-alive, Content-Length and chunked bodies; nothing else, for Envoy is its only client.
"""

from __future__ import annotations

import argparse
import asyncio
import hashlib
import random
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import orjson

from extproc.gateway import demo_anthropic
from extproc.gateway.demo_calls import Said, Tool, call, given_back, text_of
from extproc.gateway.demo_completions import completion_events, completions, embeddings
from extproc.gateway.demo_kept import KeptResponses
from extproc.gateway.demo_responses import events_of

_ANTHROPIC = (demo_anthropic.said, demo_anthropic.message, demo_anthropic.events)
LEAK = "The customer is ACME-123456."


@dataclass(frozen=True, slots=True)
class Received:
    """One request as it arrived."""

    method: str
    path: str
    headers: tuple[tuple[str, str], ...]
    body: bytes


@dataclass(frozen=True, slots=True)
class Answer:
    """A reply's body, or a stream's bytes."""

    data: bytes
    streams: bool = False


@dataclass(slots=True)
class DemoProvider:
    """A provider in this process. `requests` is everything that reached it.

    It answers nothing before `together` of them have come.
    """

    seed: int = 0
    fault: str = ""
    record: Path | None = None
    together: int = 0
    requests: list[Received] = field(default_factory=list)
    kept: KeptResponses = field(default_factory=KeptResponses)
    _server: asyncio.Server | None = field(default=None, init=False)
    _all_came: asyncio.Event = field(default_factory=asyncio.Event, init=False)

    async def start(self, host: str = "127.0.0.1", port: int = 0) -> int:
        """Listen and return the port. Raises OSError."""
        self._server = await asyncio.start_server(self._connection, host, port, limit=1 << 20)
        return int(self._server.sockets[0].getsockname()[1])

    async def stop(self) -> None:
        """Close the listening socket; open connections end with their clients."""
        if self._server:
            self._server.close()

    async def _connection(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(asyncio.IncompleteReadError, ConnectionError):
            while await self._exchange(reader, writer):
                pass
        writer.close()

    async def _exchange(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        """Whether the connection may carry another exchange."""
        received = await _read(reader)
        if received is None:
            return False
        self.requests.append(received)
        if self.record:
            _write_down(self.record, received)
        value = _json(received.body)
        model = str(value.get("model", "")) if isinstance(value, dict) else ""
        fault = self.fault or model.removeprefix("demo-") if model.startswith("demo-") or self.fault else ""
        if fault == "hang":
            await reader.read(1)
            return False
        if fault == "reset":
            writer.transport.abort()
            return False
        if fault in ("503", "429"):
            failing = demo_anthropic.error if "/messages" in received.path else _error
            writer.write(_plain(int(fault), failing(f"injected {fault}")))
        elif fault == "garbage":
            writer.write(_plain(200, b"this is not JSON"))
        elif isinstance(value, dict) and (answer := _answer(received.path.partition("?")[0], value, fault, self.kept)):
            return await self._answer(answer, fault, reader, writer)
        elif found := self.kept.answer(received.method, received.path):
            status, data, streams = found
            if streams:
                return await self._answer(Answer(data, streams), fault, reader, writer)
            writer.write(_plain(status, data))
        else:
            writer.write(_plain(404, _error("unknown path")))
        await writer.drain()
        return True

    async def _answer(
        self, answer: Answer, fault: str, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> bool:
        if len(self.requests) >= self.together:
            self._all_came.set()
        await self._all_came.wait()
        if not answer.streams:
            writer.write(_plain(200, answer.data))
            await writer.drain()
            return True
        writer.write(b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n")
        for number, piece in enumerate(_cut(answer.data, random.Random(self.seed))):  # noqa: S311  # repeatable, not secret
            if fault == "cut" and number == 3:
                writer.transport.abort()
                return False
            if fault == "stall" and number == 3:
                await reader.read(1)
                return False
            if fault == "slow":
                await asyncio.sleep(0.1)
            writer.write(b"%x\r\n%b\r\n" % (len(piece), piece))
            await writer.drain()
        writer.write(b"0\r\n\r\n")
        await writer.drain()
        return True


def _answer(path: str, value: dict[str, Any], fault: str, kept: KeptResponses) -> Answer | None:
    """What a model says at this path; None where there is no such path."""
    echo = LEAK + " " if fault == "leak" else "You said: "
    streams = bool(value.get("stream"))
    if path.endswith("/messages/count_tokens"):
        return Answer(orjson.dumps(demo_anthropic.count(demo_anthropic.said(value).text)))
    if path.endswith(("/chat/completions", "/messages")):
        listen, whole, events = _ANTHROPIC if path.endswith("/messages") else (_said, _completion, _events)
        said = listen(value)
        answer = LEAK if fault == "leak" else echo + said.text
        if streams:
            return Answer(events(value, said, answer), streams=True)
        return Answer(orjson.dumps(whole(value, said, answer)))
    if path.endswith("/responses"):
        made = kept.made(value, echo)
        return Answer(events_of(made) if streams else orjson.dumps(made), streams)
    if path.endswith("/completions"):
        return Answer(completion_events(value, echo) if streams else orjson.dumps(completions(value, echo)), streams)
    return Answer(orjson.dumps(embeddings(value))) if path.endswith("/embeddings") else None


async def _read(reader: asyncio.StreamReader) -> Received | None:
    try:
        head = await reader.readuntil(b"\r\n\r\n")
    except asyncio.IncompleteReadError:
        return None
    first, *lines = head[:-4].decode("latin-1").split("\r\n")
    method, path, _ = first.split(" ", 2)
    pairs = (line.partition(":") for line in lines)
    headers = tuple((name.lower(), value.strip()) for name, _, value in pairs)
    by_name = dict(headers)
    if by_name.get("transfer-encoding", "") == "chunked":
        return Received(method, path, headers, await _chunks(reader))
    return Received(method, path, headers, await reader.readexactly(int(by_name.get("content-length", "0"))))


async def _chunks(reader: asyncio.StreamReader) -> bytes:
    parts = []
    while size := int((await reader.readuntil(b"\r\n")).split(b";")[0], 16):
        parts.append(await reader.readexactly(size))
        await reader.readexactly(2)
    await reader.readuntil(b"\r\n")
    return b"".join(parts)


def _write_down(path: Path, received: Received) -> None:
    row = {
        "method": received.method,
        "path": received.path,
        "headers": received.headers,
        "size": len(received.body),
        "sha256": hashlib.sha256(received.body).hexdigest(),
        "body": received.body[:65536].decode("utf-8", "replace"),
    }
    with path.open("ab") as file:
        file.write(orjson.dumps(row) + b"\n")


def _plain(status: int, body: bytes) -> bytes:
    head = f"HTTP/1.1 {status} Demo\r\ncontent-type: application/json\r\ncontent-length: {len(body)}\r\n\r\n"
    return head.encode() + body


def _error(message: str) -> bytes:
    return orjson.dumps({"error": {"message": message, "type": "demo_error", "param": None, "code": None}})


def _json(body: bytes) -> object:
    try:
        return orjson.loads(body)
    except orjson.JSONDecodeError:
        return None


def _said(value: dict[str, Any]) -> Said:
    for message in reversed(value.get("messages", [])):
        content = message.get("content")
        if message.get("role") == "tool":
            return given_back(content)
        if message.get("role") == "user":
            return Said(text_of(content))
    return Said("")


def _message(value: dict[str, Any], said: Said, answer: str) -> tuple[dict[str, Any], str]:
    """The assistant's message and its finish reason."""
    functions = [tool["function"] for tool in value.get("tools") or () if "function" in tool]
    called = call(said, [Tool(each["name"], each.get("parameters") or {}) for each in functions])
    if called:
        function = {"name": called.name, "arguments": orjson.dumps(called.arguments).decode()}
        calls = [{"id": "call_demo", "type": "function", "function": function}]
        return {"role": "assistant", "content": None, "tool_calls": calls}, "tool_calls"
    return {"role": "assistant", "content": answer}, "stop"


def _usage(said: Said, answer: str) -> dict[str, int]:
    asked, answered = len(said.text.split()), len(answer.split())
    return {"prompt_tokens": asked, "completion_tokens": answered, "total_tokens": asked + answered}


def _completion(value: dict[str, Any], said: Said, answer: str) -> dict[str, Any]:
    message, finish = _message(value, said, answer)
    return {
        "id": "chatcmpl-demo",
        "object": "chat.completion",
        "created": 0,
        "model": value.get("model"),
        "choices": [{"index": 0, "message": message, "logprobs": None, "finish_reason": finish}],
        "usage": _usage(said, answer),
    }


def _events(value: dict[str, Any], said: Said, answer: str) -> bytes:
    """The stream's bytes: a role, the words, the finish, usage if asked for, `[DONE]`."""
    message, finish = _message(value, said, answer)
    deltas: list[dict[str, Any]] = [{"role": "assistant", "content": ""}]
    if message.get("tool_calls"):
        deltas.append({"tool_calls": [{"index": 0, **message["tool_calls"][0]}]})
    else:
        deltas += [{"content": word} for word in str(message["content"]).replace(" ", " \0").split("\0")]
    choices: list[dict[str, Any]] = [{"index": 0, "delta": delta, "finish_reason": None} for delta in deltas]
    choices.append({"index": 0, "delta": {}, "finish_reason": finish})
    base = {"id": "chatcmpl-demo", "object": "chat.completion.chunk", "created": 0, "model": value.get("model")}
    rows: list[dict[str, Any]] = [{**base, "choices": [choice]} for choice in choices]
    if (value.get("stream_options") or {}).get("include_usage"):
        rows.append({**base, "choices": [], "usage": _usage(said, answer)})
    return b"".join(b"data: " + orjson.dumps(row) + b"\n\n" for row in rows) + b"data: [DONE]\n\n"


def _cut(data: bytes, chance: random.Random) -> list[bytes]:
    """Pieces of 1 to 200 bytes: events, lines and characters are cut anywhere, as networks do."""
    pieces, at = [], 0
    while at < len(data):
        size = chance.randint(1, 200)
        pieces.append(data[at : at + size])
        at += size
    return pieces


async def _serve(provider: DemoProvider, host: str, port: int) -> None:
    bound = await provider.start(host, port)
    print(f"http://{host}:{bound}", flush=True)
    await asyncio.Event().wait()


def main() -> None:
    """The process's entry."""
    parser = argparse.ArgumentParser(prog="python -m extproc.gateway.demo", description=__doc__)
    parser.add_argument("--listen", default="127.0.0.1:0")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--record", type=Path)
    parser.add_argument("--fault", default="")
    arguments = parser.parse_args()
    host, _, port = arguments.listen.rpartition(":")
    provider = DemoProvider(arguments.seed, arguments.fault, arguments.record)
    with suppress(KeyboardInterrupt):
        asyncio.run(_serve(provider, host, int(port)))


if __name__ == "__main__":
    main()
