"""Many clients at once, in a process of their own: `python tests/crowd.py BASE_URL CA KEY COUNT [streams]`.

Half of them speak HTTP/2, a hundred streams to a connection, half HTTP/1.1, one connection each; of either, every
second asks for an event stream, or all of them. One JSON line per request: what it asked, and what it was told.
"""

from __future__ import annotations

import asyncio
import ssl
import sys
from typing import Any

import httpx
import orjson

STREAMS = 100
TIMEOUT = 100.0
TOOL = {
    "type": "function",
    "function": {
        "name": "read_file",
        "description": "Read a file of the workspace.",
        "parameters": {"type": "object", "properties": {"path": {"type": "string"}}, "required": ["path"]},
    },
}


def chat(text: str, stream: bool) -> bytes:
    """What an IDE sends: a system prompt, a history with a tool call, code, and the question."""
    call = {"id": "call_1", "type": "function", "function": {"name": "read_file", "arguments": '{"path": "app.py"}'}}
    code = "def total(rows):\n    return sum(row.price * row.count for row in rows)\n\n" * 20
    messages = [
        {"role": "system", "content": "You are a careful engineer. Answer in Markdown. " * 20},
        {"role": "user", "content": [{"type": "text", "text": "What does app.py do?"}]},
        {"role": "assistant", "content": None, "tool_calls": [call]},
        {"role": "tool", "tool_call_id": "call_1", "content": code},
        {"role": "assistant", "content": f"It adds up the rows.\n\n```python\n{code}```"},
        {"role": "user", "content": text},
    ]
    more = {"stream": True, "stream_options": {"include_usage": True}} if stream else {}
    return orjson.dumps({"model": "demo", "temperature": 0.2, "tools": [TOOL], "messages": messages, **more})


def said(body: bytes, stream: bool) -> str:
    """The assistant's text; '' where the reply is not whole."""
    if not stream:
        return str(orjson.loads(body)["choices"][0]["message"]["content"])
    *events, last, empty = body.split(b"\n\n")
    if (last, empty) != (b"data: [DONE]", b""):
        return ""
    values = [orjson.loads(event.removeprefix(b"data: ")) for event in events]
    return "".join(choice["delta"].get("content") or "" for value in values for choice in value["choices"])


async def ask(client: httpx.AsyncClient, number: int, stream: bool) -> dict[str, Any]:
    text = f"question {number} of many"
    row: dict[str, Any] = {"asked": text, "status": 0, "stream": stream}
    try:
        reply = await client.post("/chat/completions", content=chat(text, stream))
    except httpx.HTTPError as error:
        return {**row, "error": repr(error)}
    row |= {"status": reply.status_code, "http": reply.http_version, "id": reply.headers["x-keeptrusts-request-id"]}
    if reply.status_code != 200:
        return {**row, "error": reply.text}
    return {**row, "said": said(reply.content, stream)}


async def crowd(url: str, ca: str, key: str, count: int, streams: bool) -> list[dict[str, Any]]:
    """All answers, in the order of the questions."""
    tls = {http2: ssl.create_default_context(cafile=ca) for http2 in (False, True)}  # each has its own ALPN
    headers = {"authorization": f"Bearer {key}", "content-type": "application/json"}

    def client(http2: bool, connections: int) -> httpx.AsyncClient:
        limits = httpx.Limits(max_connections=connections)
        return httpx.AsyncClient(
            base_url=url, verify=tls[http2], http2=http2, headers=headers, timeout=TIMEOUT, limits=limits
        )

    second = [client(True, 1) for _ in range(-(-count // 2 // STREAMS))]
    first = client(False, count)
    try:
        clients = (second[n // 2 % len(second)] if n % 2 else first for n in range(count))
        asking = (ask(each, n, streams or n // 2 % 2 == 1) for n, each in enumerate(clients))
        return await asyncio.gather(*asking)
    finally:
        for each in (first, *second):
            await each.aclose()


def main() -> None:
    url, ca, key, count, *streams = sys.argv[1:]
    for row in asyncio.run(crowd(url, ca, key, int(count), bool(streams))):
        sys.stdout.buffer.write(orjson.dumps(row) + b"\n")


if __name__ == "__main__":
    main()
