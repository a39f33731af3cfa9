"""A provider that plays a script: each write is a step, so that a test decides what arrives in one piece and when."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field

SSE = (("content-type", "text/event-stream"),)
ABORT = "abort"
Step = bytes | threading.Event | str
"""Bytes are written; an event is waited for; ABORT resets the connection."""


@dataclass
class Player:
    """`written` counts the pieces of the last reply that were written, `gone` is set once its reader has gone away."""

    script: Sequence[Step] = ()
    headers: Sequence[tuple[str, str]] = SSE
    bodies: list[bytes] = field(default_factory=list)
    written: int = 0
    gone: threading.Event = field(default_factory=threading.Event)
    _server: asyncio.Server | None = None

    def play(self, *script: Step, headers: Sequence[tuple[str, str]] = SSE) -> None:
        self.script, self.headers, self.written = script, headers, 0
        self.gone.clear()

    async def start(self) -> int:
        self._server = await asyncio.start_server(self._connection, "127.0.0.1", 0, limit=1 << 20)
        return int(self._server.sockets[0].getsockname()[1])

    async def stop(self) -> None:
        if self._server:
            self._server.close()

    async def _connection(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            with suppress(asyncio.IncompleteReadError, ConnectionError):
                head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").lower()
                length = int(head.partition("content-length: ")[2].partition("\r\n")[0])
                self.bodies.append(await reader.readexactly(length))
                await self._reply(reader, writer)
        finally:
            writer.close()

    async def _reply(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        lines = "".join(f"{name}: {value}\r\n" for name, value in self.headers)
        leaving = asyncio.ensure_future(reader.read(1))  # Envoy says nothing before its next request
        leaving.add_done_callback(lambda _: self.gone.set())
        writer.write(f"HTTP/1.1 200 OK\r\n{lines}transfer-encoding: chunked\r\n\r\n".encode())
        try:
            for step in self.script:
                if isinstance(step, threading.Event):
                    await asyncio.to_thread(step.wait, 20)
                elif isinstance(step, str):
                    writer.transport.abort()
                    return
                elif step:
                    writer.write(b"%x\r\n%b\r\n" % (len(step), step))
                    await writer.drain()
                    self.written += 1
                if leaving.done():
                    return
            writer.write(b"0\r\n\r\n")
            await writer.drain()
        finally:
            leaving.cancel()
