"""A provider of pictures, sound and files: it counts what it is sent, keeps none of it, and speaks WebSocket.

A body's first 64 KiB are held back until `go` is set, so that a test sees what stands between it and the provider.
"""

from __future__ import annotations

import asyncio
import base64
import hashlib
import os
import ssl
import struct
import threading
from contextlib import suppress
from dataclasses import dataclass, field

_ACCEPT = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
TEXT, BINARY, CLOSE = 1, 2, 8
PART = 64 << 10


@dataclass(slots=True)
class Seen:
    """One request: its head, and of its body no more than the size and a digest."""

    method: str
    path: str
    headers: dict[str, str]
    size: int = 0
    sha256: str = ""
    began: threading.Event = field(default_factory=threading.Event)


class Unread:
    """Runs on a loop of its own. A reply is `reply` bytes of no kind that anybody could read, or these bytes, as JSON."""

    def __init__(self, reply: int | bytes = 1000, context: ssl.SSLContext | None = None) -> None:
        self.seen: list[Seen] = []
        self.go = threading.Event()
        self.go.set()
        self._reply = reply
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._thread.start()
        starting = asyncio.start_server(self._serve, "127.0.0.1", 0, limit=PART, ssl=context)
        self._server = asyncio.run_coroutine_threadsafe(starting, self._loop).result(5)
        self.port = int(self._server.sockets[0].getsockname()[1])

    def close(self) -> None:
        asyncio.run_coroutine_threadsafe(self._stop(), self._loop).result(5)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(5)

    async def _stop(self) -> None:
        self._server.close()
        serving = asyncio.all_tasks() - {asyncio.current_task()}
        for task in serving:
            task.cancel()
        await asyncio.gather(*serving, return_exceptions=True)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(asyncio.IncompleteReadError, ConnectionError):
            while True:
                await self._exchange(reader, writer)
        writer.close()

    async def _exchange(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        lines = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
        method, path, _ = lines[0].split(" ")
        pairs = (line.partition(":") for line in lines[1:] if line)
        seen = Seen(method, path, {name.lower(): value.strip() for name, _, value in pairs})
        self.seen.append(seen)
        if seen.headers.get("upgrade") == "websocket":
            await self._talk(seen, reader, writer)
        await self._count(seen, reader)
        size = len(self._reply) if isinstance(self._reply, bytes) else self._reply
        kind = "json" if isinstance(self._reply, bytes) else "octet-stream"
        writer.write(f"HTTP/1.1 200 OK\r\ncontent-type: application/{kind}\r\ncontent-length: {size}\r\n\r\n".encode())
        for at in range(0, size, PART):
            length = min(PART, size - at)
            writer.write(self._reply[at : at + length] if isinstance(self._reply, bytes) else bytes(length))
            await writer.drain()

    async def _count(self, seen: Seen, reader: asyncio.StreamReader) -> None:
        digest, left = hashlib.sha256(), int(seen.headers.get("content-length", "0"))
        while left:
            data = await reader.read(min(PART, left))
            if not data:
                raise ConnectionError("the client left")
            seen.began.set()
            await asyncio.to_thread(self.go.wait)
            digest.update(data)
            left -= len(data)
            seen.size += len(data)
        seen.sha256 = digest.hexdigest()

    async def _talk(self, seen: Seen, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Greet, then say everything again until the client says good-bye."""
        key = seen.headers["sec-websocket-key"].encode()
        accept = base64.b64encode(hashlib.sha1(key + _ACCEPT).digest()).decode()  # RFC 6455 says so
        head = f"HTTP/1.1 101 Switching Protocols\r\nupgrade: websocket\r\nconnection: Upgrade\r\nsec-websocket-accept: {accept}\r\n\r\n"
        writer.write(head.encode() + frame(TEXT, b"hello"))
        while True:
            kind, data = await unframed(reader)
            writer.write(frame(kind, data))
            await writer.drain()
            if kind == CLOSE:
                raise ConnectionError("both said good-bye")


def frame(kind: int, data: bytes, *, masked: bool = False) -> bytes:
    """A message of one frame (RFC 6455, 5.2)."""
    mask = os.urandom(4) if masked else b""
    size, bit = len(data), 0x80 if masked else 0
    short = bytes([size | bit]) if size < 126 else b""
    head = bytes([0x80 | kind]) + (short or bytes([(126 if size < 1 << 16 else 127) | bit]))
    length = b"" if short else struct.pack(">H" if size < 1 << 16 else ">Q", size)
    return head + length + mask + (bytes(b ^ mask[i % 4] for i, b in enumerate(data)) if masked else data)


async def unframed(reader: asyncio.StreamReader) -> tuple[int, bytes]:
    """The kind and the bytes of the next message."""
    first, second = await reader.readexactly(2)
    size = second & 0x7F
    if size > 125:
        width = 2 if size == 126 else 8
        size = int.from_bytes(await reader.readexactly(width), "big")
    mask = await reader.readexactly(4) if second & 0x80 else bytes(4)
    data = await reader.readexactly(size)
    return first & 0x0F, bytes(b ^ mask[i % 4] for i, b in enumerate(data))
