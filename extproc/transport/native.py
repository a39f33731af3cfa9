"""The native transport: our own HTTP/2 on the event loop, for Envoy on the same host.

Most of what a request costs with grpc.aio is the hand-over between its threads and the loop, four times a request.
Here a read from the socket is judged and answered within one call, and all that it causes is written at once: a write
every four messages cost Envoy half as much again, and a sixth of the requests a second.
The rules of HTTP/2 and gRPC are in `http2`, which does no I/O.

Back-pressure: a message whose driver waits, or whose replies Envoy does not take, is not given back to the flow-control
window, so that a stream holds at most a window beside the message that is being judged; a socket that takes no more
bytes is not read from.
"""

from __future__ import annotations

import asyncio
import logging
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from typing import Protocol, cast

from extproc.transport.http2 import Aborted, Connection, HalfClosed, Limits, Lost, Message, Opened
from extproc.transport.service import HEALTH, PROCESS, SERVED, UNSERVED, Health, NewDriver, unbind

log = logging.getLogger(__name__)

HELD_BYTES = 256 << 10
"""Replies of a stream that may wait for Envoy before its next message is left in the window."""

_OK, _DEADLINE_EXCEEDED, _UNIMPLEMENTED, _INTERNAL = 0, 4, 12, 13
"""Status codes of gRPC."""

_UNITS = {b"H": 3600.0, b"M": 60.0, b"S": 1.0, b"m": 1e-3, b"u": 1e-6, b"n": 1e-9}


class _Call(Protocol):
    """What a connection tells to whoever serves a stream."""

    @property
    def busy(self) -> bool: ...
    def receive(self, data: bytes) -> None: ...
    def half_closed(self) -> None: ...
    def closed(self) -> None: ...


@dataclass(slots=True)
class NativeServer:
    """A listening server. `new_driver(traceparent, peer)` makes the driver of one stream."""

    new_driver: NewDriver
    health: Health
    limits: Limits = field(default_factory=Limits)
    connections: set[_Connection] = field(default_factory=set, init=False)
    _server: asyncio.Server | None = field(default=None, init=False)

    @property
    def active(self) -> int:
        """Open streams."""
        return sum(len(each.calls) for each in self.connections)

    async def start(self, listen: str) -> int:
        """Listen on `unix:PATH` or `HOST:PORT` and return the port (0 for a Unix socket). Raises OSError."""
        loop = asyncio.get_running_loop()
        if listen.startswith("unix:"):
            path = listen.removeprefix("unix:")
            unbind(path)
            self._server = await loop.create_unix_server(lambda: _Connection(self), path)
            return 0
        host, _, port = listen.rpartition(":")
        self._server = await loop.create_server(lambda: _Connection(self), host.strip("[]"), int(port))
        return int(self._server.sockets[0].getsockname()[1])

    async def stop(self, grace: float) -> None:
        """Refuse new streams, let open ones finish for `grace` seconds."""
        if self._server is None:
            return
        self._server.close()
        for each in tuple(self.connections):
            each.drain()
        with suppress(TimeoutError):
            async with asyncio.timeout(grace):
                for each in tuple(self.connections):
                    await each.over.wait()
        for each in tuple(self.connections):
            each.abort()


class _Connection(asyncio.Protocol):
    """One of Envoy's threads."""

    def __init__(self, server: NativeServer) -> None:
        self.calls: dict[int, _Call] = {}
        self.core = Connection(server.limits)
        self.over = asyncio.Event()
        self._server = server
        self._transport: asyncio.Transport | None = None
        self._stalled: dict[int, int] = {}  # bytes that are not given back yet, by stream
        self._deadlines: dict[int, asyncio.TimerHandle] = {}
        self._writes = False  # whether this turn of the loop ends with a write
        self._leaving = False

    # --- the socket ---

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Say what we allow."""
        self._transport = cast("asyncio.Transport", transport)
        self._server.connections.add(self)
        self._write()

    def data_received(self, data: bytes) -> None:
        """Judge and answer all that this completes."""
        self._writes = True
        for event in self.core.receive(data, asyncio.get_running_loop().time()):
            if isinstance(event, Message):
                self._message(event)
            elif isinstance(event, Opened):
                self._open(event)
            elif isinstance(event, HalfClosed):
                if call := self.calls.get(event.stream):
                    call.half_closed()
            elif isinstance(event, Aborted):
                self._gone(event.stream)
            elif isinstance(event, Lost):
                self._lose(event)
        self._write()

    def _lose(self, lost: Lost) -> None:
        log.error("a connection ends, HTTP/2 error %d: %s", lost.code, lost.reason)
        self._leaving = True
        for stream in tuple(self.calls):
            self._gone(stream)

    def pause_writing(self) -> None:
        """The socket takes no more: neither do we."""
        if self._transport:
            self._transport.pause_reading()

    def resume_writing(self) -> None:
        """It does again."""
        if self._transport:
            self._transport.resume_reading()

    def connection_lost(self, exc: Exception | None) -> None:
        """Envoy is gone, and every stream with it."""
        self._transport = None
        for stream in tuple(self.calls):
            self._gone(stream)
        self._server.connections.discard(self)
        self.over.set()

    def drain(self) -> None:
        """No new streams; the connection ends with the last of those that are open."""
        self.core.drain()
        self._leaving = True
        self._write()

    def abort(self) -> None:
        """End at once."""
        if self._transport:
            self._transport.abort()

    def soon(self) -> None:
        """Write at the end of this turn of the loop."""
        if not self._writes:
            self._writes = True
            asyncio.get_running_loop().call_soon(self._write)

    def _write(self) -> None:
        self._writes = False
        if self._stalled:
            self._give_back()
        data = self.core.take()
        if self._transport is None:
            return
        if data:
            self._transport.write(data)
        if self._leaving and not self.calls and self.core.idle:
            self._transport.close()

    # --- its streams ---

    def _open(self, opened: Opened) -> None:
        headers = dict(opened.headers)
        path = headers.get(b":path", b"").decode("latin-1")
        if path == PROCESS:
            self._serve(opened.stream, headers)
        elif path == HEALTH:
            self.calls[opened.stream] = _Check(self, opened.stream, self._server.health)
        else:
            self.core.finish(opened.stream, _UNIMPLEMENTED, f"no method {path[:200]}")

    def _serve(self, stream: int, headers: dict[bytes, bytes]) -> None:
        trace = headers.get(b"traceparent", b"").decode("latin-1")
        try:
            self.calls[stream] = self._server.new_driver(trace, _Peer(self, stream))
        except Exception as error:  # one stream's failure, and not that of all on this connection
            log.exception("a stream cannot be served")
            self.core.finish(stream, _INTERNAL, type(error).__name__)
            return
        seconds = _seconds(headers.get(b"grpc-timeout", b""))
        if seconds is not None:
            late = partial(self.end, stream, _DEADLINE_EXCEEDED, "deadline exceeded")
            self._deadlines[stream] = asyncio.get_running_loop().call_later(seconds, late)

    def _message(self, message: Message) -> None:
        stream, size = message.stream, message.size
        call = self.calls.get(stream)
        if call is None:
            self.core.consumed(stream, size)
            return
        call.receive(message.data)
        if call.busy or self.core.queued(stream) > HELD_BYTES:
            self._stalled[stream] = self._stalled.get(stream, 0) + size
        else:
            self.core.consumed(stream, size)

    def _give_back(self) -> None:
        """What streams that go on again were not given back."""
        for stream, size in tuple(self._stalled.items()):
            call = self.calls.get(stream)
            if call is None or not (call.busy or self.core.queued(stream) > HELD_BYTES):
                del self._stalled[stream]
                self.core.consumed(stream, size)

    def end(self, stream: int, status: int, message: str = "") -> None:
        """Our end of a stream, after all that was sent."""
        if stream in self.calls:
            self.core.finish(stream, status, message)
            self.soon()
            self._gone(stream)

    def _gone(self, stream: int) -> None:
        call, deadline = self.calls.pop(stream, None), self._deadlines.pop(stream, None)
        if deadline:
            deadline.cancel()
        if call:
            call.closed()


class _Peer:
    """A driver's end of a stream."""

    __slots__ = ("_connection", "_stream")

    def __init__(self, connection: _Connection, stream: int) -> None:
        self._connection = connection
        self._stream = stream

    def send(self, data: bytes) -> None:
        self._connection.core.send(self._stream, data)
        self._connection.soon()

    def settled(self) -> None:
        self._connection.soon()

    def finish(self) -> None:
        self._connection.end(self._stream, _OK)

    def fail(self, error: str) -> None:
        self._connection.end(self._stream, _INTERNAL, error)


class _Check:
    """One call of the health service."""

    busy = False

    def __init__(self, connection: _Connection, stream: int, health: Health) -> None:
        self._connection = connection
        self._stream = stream
        self._health = health

    def receive(self, data: bytes) -> None:
        self._connection.core.send(self._stream, SERVED if self._health.serving else UNSERVED)
        self._connection.end(self._stream, _OK)

    def half_closed(self) -> None:
        self._connection.end(self._stream, _INTERNAL, "no request")

    def closed(self) -> None:
        """Nothing is kept."""


def _seconds(said: bytes) -> float | None:
    """A `grpc-timeout`: at most eight digits and a unit (gRPC over HTTP/2); None for none, or nonsense."""
    number, unit = said[:-1], _UNITS.get(said[-1:])
    return int(number) * unit if unit and number.isdigit() and len(number) <= 8 else None
