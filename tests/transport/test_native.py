"""The native transport on a real socket: deadlines, back-pressure, draining, and that no stream is left behind."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from http2_bytes import (
    DATA,
    GOAWAY,
    HEADERS,
    REQUEST,
    RST_STREAM,
    START,
    WINDOW_UPDATE,
    Frame,
    data,
    frame,
    headers,
    message,
    number,
    read,
    settings,
)

from extproc.transport.driver import Peer
from extproc.transport.http2 import Code, Limits
from extproc.transport.native import NativeServer
from extproc.transport.service import HEALTH, Health


@dataclass
class Scripted:
    """A driver that answers by `answer`, and is busy while `holds`."""

    peer: Peer
    answer: Callable[[Peer, bytes], None]
    busy: bool = False
    ends: int = 0
    heard: list[bytes] = field(default_factory=list)

    def receive(self, said: bytes) -> None:
        self.heard.append(said)
        self.answer(self.peer, said)

    def half_closed(self) -> None:
        self.peer.finish()

    def closed(self) -> None:
        self.ends += 1


def echo(peer: Peer, said: bytes) -> None:
    peer.send(said)


@dataclass
class Wire:
    """A client that writes bytes, and the frames that came back."""

    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter
    frames: list[Frame] = field(default_factory=list)
    rest: bytes = b""
    over: bool = False

    def say(self, *sent: bytes) -> None:
        self.writer.write(b"".join(sent))

    async def until(self, wanted: Callable[[], bool]) -> None:
        """Read until something is so."""
        async with asyncio.timeout(10):
            while not wanted():
                got = await self.reader.read(1 << 20)
                self.over = not got
                self.rest += got
                end = 0
                while (
                    len(self.rest) - end >= 9
                    and (size := 9 + int.from_bytes(self.rest[end : end + 3], "big")) <= len(self.rest) - end
                ):
                    end += size
                self.frames += read(self.rest[:end])
                self.rest = self.rest[end:]
                if self.over:
                    assert wanted(), "the server closed the connection"

    def of(self, stream: int, kind: int) -> list[Frame]:
        return [each for each in self.frames if (each.stream, each.kind) == (stream, kind)]

    def ended(self, stream: int) -> bool:
        return any(each.flags & 1 for each in self.of(stream, HEADERS))


@dataclass
class Served:
    """A server, its drivers, and a way to connect."""

    server: NativeServer
    path: str
    drivers: list[Scripted]

    async def connect(self) -> Wire:
        return Wire(*await asyncio.open_unix_connection(self.path))


@asynccontextmanager
async def serving(
    root: Path, answer: Callable[[Peer, bytes], None] = echo, limits: Limits | None = None
) -> AsyncIterator[Served]:
    drivers: list[Scripted] = []

    def new_driver(traceparent: str, peer: Peer) -> Scripted:
        if traceparent == "breaks":
            raise KeyError("a bug")
        drivers.append(Scripted(peer, answer))
        return drivers[-1]

    path = str(root / "s.sock")
    server = NativeServer(new_driver, Health(serving=True), limits or Limits())  # type: ignore[arg-type]  # a Driver in all that is used
    await server.start(f"unix:{path}")
    try:
        yield Served(server, path, drivers)
    finally:
        await server.stop(0)


async def until(wanted: Callable[[], bool]) -> None:
    async with asyncio.timeout(10):
        while not wanted():  # noqa: ASYNC110  # the timeout bounds it
            await asyncio.sleep(0.001)


def asking(stream: int, *more: tuple[str, str], path: str = "") -> bytes:
    fields = [(name, path if path and name == ":path" else value) for name, value in REQUEST]
    return headers(stream, [*fields, *more])


async def test_what_a_read_brings_is_answered_by_one_write(tmp_path: Path) -> None:
    async with serving(tmp_path) as served:
        wire = await served.connect()
        wire.say(START, *(asking(n) + data(n, message(b"%d" % n), end=True) for n in (1, 3, 5)))
        await wire.until(lambda: all(wire.ended(n) for n in (1, 3, 5)))
        assert [wire.of(n, DATA)[0].payload for n in (1, 3, 5)] == [message(b"%d" % n) for n in (1, 3, 5)]
        assert [driver.ends for driver in served.drivers] == [1, 1, 1]
        assert served.server.active == 0


async def test_an_unknown_method_is_unimplemented_and_health_is_told(tmp_path: Path) -> None:
    async with serving(tmp_path) as served:
        wire = await served.connect()
        wire.say(
            START, asking(1, path="/other.Service/Method"), asking(3, path=HEALTH), data(3, message(b""), end=True)
        )
        wire.say(headers(5, [(n, HEALTH if n == ":path" else v) for n, v in REQUEST], end=True))
        await wire.until(lambda: all(wire.ended(n) for n in (1, 3, 5)))
        assert b"grpc-status\x0212" in wire.of(1, HEADERS)[-1].payload
        assert wire.of(3, DATA)[0].payload == message(b"\x08\x01")
        assert b"grpc-status\x0213" in wire.of(5, HEADERS)[-1].payload


async def test_a_driver_that_cannot_be_made_fails_its_stream_alone(tmp_path: Path) -> None:
    async with serving(tmp_path) as served:
        wire = await served.connect()
        wire.say(START, asking(1), asking(3, ("traceparent", "breaks")), data(1, message(b"x"), end=True))
        await wire.until(lambda: wire.ended(1) and wire.ended(3))
        assert b"grpc-status\x0213" in wire.of(3, HEADERS)[-1].payload
        assert b"a bug" not in wire.of(3, HEADERS)[-1].payload
        assert wire.of(1, DATA)[0].payload == message(b"x")


@pytest.mark.parametrize("within", ["20m", "20000u"])
async def test_a_deadline_that_passes_ends_the_stream(tmp_path: Path, within: str) -> None:
    async with serving(tmp_path) as served:
        wire = await served.connect()
        wire.say(START, asking(1, ("grpc-timeout", within)), asking(3, ("grpc-timeout", "x")))
        await wire.until(lambda: wire.ended(1))
        assert b"grpc-status\x014" in wire.of(1, HEADERS)[-1].payload
        assert [driver.ends for driver in served.drivers] == [1, 0]


async def test_a_stream_whose_driver_waits_is_not_given_its_window_back_until_it_goes_on(tmp_path: Path) -> None:
    async with serving(tmp_path, limits=Limits(stream_window=65_535)) as served:
        wire = await served.connect()
        wire.say(START, asking(1))
        await until(lambda: bool(served.drivers))
        served.drivers[0].busy = True
        wire.say(*(data(1, message(bytes(10_000))) for _ in range(5)), asking(3), data(3, message(b"other"), end=True))
        await wire.until(lambda: wire.ended(3))
        assert len(served.drivers[0].heard) == 5
        assert not wire.of(1, WINDOW_UPDATE)
        served.drivers[0].busy = False
        served.drivers[0].peer.settled()
        await wire.until(lambda: bool(wire.of(1, WINDOW_UPDATE)))


async def test_a_stream_whose_replies_nobody_takes_is_not_read_on(tmp_path: Path) -> None:
    def long(peer: Peer, said: bytes) -> None:
        peer.send(bytes(200_000))

    async with serving(tmp_path, long, Limits(stream_window=65_535)) as served:
        wire = await served.connect()
        wire.say(START, asking(1), *(data(1, message(bytes(10_000))) for _ in range(6)), asking(3))
        await until(lambda: len(served.drivers) == 2)
        assert not wire.of(1, WINDOW_UPDATE)
        wire.say(settings((4, 1 << 24)), frame(WINDOW_UPDATE, 0, 0, number(1 << 24)))
        await wire.until(lambda: bool(wire.of(1, WINDOW_UPDATE)))
        await wire.until(lambda: sum(len(each.payload) for each in wire.of(1, DATA)) == 6 * 200_005)


async def test_a_socket_that_takes_nothing_is_not_read_from(tmp_path: Path) -> None:
    def long(peer: Peer, said: bytes) -> None:
        peer.send(bytes(500_000))

    async with serving(tmp_path, long) as served:
        wire = await served.connect()
        wire.say(START, settings((4, 1 << 30)), frame(WINDOW_UPDATE, 0, 0, number(1 << 30)), asking(1))
        for _ in range(200):
            wire.say(data(1, message(b"more")))
            await asyncio.sleep(0)
        heard = served.drivers[0].heard
        await until(lambda: len(heard) > 0)
        (connection,) = served.server.connections
        await until(lambda: connection._transport is not None and not connection._transport.is_reading())
        assert len(heard) < 60
        await wire.until(lambda: len(heard) == 200)


async def test_who_stops_lets_open_streams_end_and_refuses_others(tmp_path: Path) -> None:
    async with serving(tmp_path) as served:
        wire = await served.connect()
        wire.say(START, asking(1))
        await until(lambda: served.server.active == 1)
        stopping = asyncio.create_task(served.server.stop(10))
        await wire.until(lambda: bool(wire.of(0, GOAWAY)))
        ping = next(each for each in wire.frames if each.kind == 6)
        wire.say(frame(6, 1, 0, ping.payload), asking(3), data(1, message(b"late"), end=True))
        await wire.until(lambda: wire.ended(1) and bool(wire.of(3, RST_STREAM)))
        assert wire.of(3, RST_STREAM)[0].code == Code.REFUSED_STREAM
        await wire.until(lambda: wire.over)
        await asyncio.wait_for(stopping, 10)


async def test_who_stops_does_not_wait_for_ever(tmp_path: Path) -> None:
    async with serving(tmp_path) as served:
        wire = await served.connect()
        wire.say(START, asking(1))
        await until(lambda: served.server.active == 1)
        await asyncio.wait_for(served.server.stop(0.05), 5)
        assert served.server.active == 0
        assert served.drivers[0].ends == 1


async def test_a_peer_that_breaks_the_rules_is_told_why_and_leaves_nothing(tmp_path: Path) -> None:
    async with serving(tmp_path) as served:
        wire = await served.connect()
        wire.say(START, asking(1), data(9, b"x"))
        await wire.until(lambda: wire.over)
        assert wire.of(0, GOAWAY)[0].code == Code.PROTOCOL_ERROR
        assert [driver.ends for driver in served.drivers] == [1]


async def test_fifteen_hundred_clients_that_leave_leave_nothing(tmp_path: Path) -> None:
    async with serving(tmp_path) as served:
        wire = await served.connect()
        wire.say(START)
        for place in range(1_500):
            stream = 2 * place + 1
            wire.say(asking(stream), data(stream, message(b"hello")))
            if place % 2:
                wire.say(frame(RST_STREAM, 0, stream, number(8)))
        await until(lambda: len(served.drivers) == 1_500)
        await wire.until(lambda: len([each for each in wire.frames if each.kind == DATA]) >= 750)
        wire.writer.close()  # and with it the other half
        await until(lambda: served.server.active == 0)
        assert {driver.ends for driver in served.drivers} == {1}
        assert not served.server.connections
