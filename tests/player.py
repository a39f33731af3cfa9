"""A provider that plays a script: each write is a step, so that a test decides what arrives in one piece and when."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Protocol

SSE = (("content-type", "text/event-stream"),)
ABORT = "abort"
Pairs = Sequence[tuple[str, str]]
Step = bytes | threading.Event | asyncio.Barrier | float | str
"""Bytes are written, the script's first in one piece with the headers; an event is waited for, and at a
barrier so many other replies; seconds are slept, as
the provider's pace; ABORT resets the connection."""


class Out(Protocol):
    """One reply on its way, in whatever version of HTTP. Raises ConnectionError where its reader has gone away."""

    def left(self) -> bool: ...
    async def write(self, data: bytes) -> None: ...
    async def end(self) -> None: ...
    def abort(self) -> None: ...


@dataclass(slots=True)
class Play:
    """One script, and what became of it: `written` counts the pieces that were written and drained, `gone` is set
    once a reader has gone away before the end.
    """

    script: Sequence[Step] = ()
    headers: Pairs = SSE
    trailers: Pairs = ()
    status: int = 200
    written: int = 0
    gone: threading.Event = field(default_factory=threading.Event)

    @property
    def joined(self) -> bool:
        """Whether the headers wait for the first piece."""
        return isinstance(next(iter(self.script), None), bytes)

    async def perform(self, out: Out) -> None:
        """Until the end of the script, or until nobody listens."""
        try:
            for step in self.script:
                await self._step(step, out)
                if step == ABORT or out.left():
                    break
            else:
                await out.end()
        except ConnectionError:
            self.gone.set()

    async def _step(self, step: Step, out: Out) -> None:
        match step:
            case threading.Event():
                await asyncio.to_thread(step.wait, 20)
            case asyncio.Barrier():
                await step.wait()
            case float():
                await asyncio.sleep(step)
            case str():
                out.abort()
            case _:
                await out.write(step)
                self.written += 1


@dataclass
class Player:
    """Answers with one play after another, over HTTP/1.1, one exchange to a connection."""

    now: Play = field(default_factory=Play)
    bodies: list[bytes] = field(default_factory=list)
    _server: asyncio.Server | None = None

    def play(self, *script: Step, headers: Pairs = SSE, trailers: Pairs = (), status: int = 200) -> None:
        """Answer so from now on."""
        self.now = Play(script, headers, trailers, status)

    @property
    def written(self) -> int:
        return self.now.written

    @property
    def gone(self) -> threading.Event:
        return self.now.gone

    async def start(self) -> int:
        self._server = await asyncio.start_server(self._connection, "127.0.0.1", 0, limit=1 << 20, backlog=4096)
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
        play = self.now
        leaving = asyncio.ensure_future(reader.read(1))  # Envoy says nothing more on this connection
        leaving.add_done_callback(lambda task: task.cancelled() or play.gone.set())
        try:
            await play.perform(_Http1(writer, play, leaving))
        finally:
            leaving.cancel()


class _Http1:
    """A chunked reply."""

    def __init__(self, writer: asyncio.StreamWriter, play: Play, leaving: asyncio.Future[bytes]) -> None:
        self._writer = writer
        self._trailers = play.trailers
        self._leaving = leaving
        lines = _lines((*play.headers, ("connection", "close"), ("transfer-encoding", "chunked")))
        self._head = f"HTTP/1.1 {play.status} Played\r\n{lines}\r\n".encode()
        if not play.joined:
            writer.write(self._head)
            self._head = b""

    def left(self) -> bool:
        return self._leaving.done()

    async def write(self, data: bytes) -> None:
        if not data:
            return
        self._writer.write(b"%b%x\r\n%b\r\n" % (self._head, len(data), data))
        self._head = b""
        await self._writer.drain()

    async def end(self) -> None:
        self._writer.write(b"0\r\n" + _lines(self._trailers).encode() + b"\r\n")
        await self._writer.drain()

    def abort(self) -> None:
        self._writer.transport.abort()


def _lines(pairs: Pairs) -> str:
    return "".join(f"{name}: {value}\r\n" for name, value in pairs)
