"""A load generator for one HTTP/1.1 address: an open loop at a fixed rate, or as fast as so many connections go.

`python tests/bench/load.py PORT BODY_FILE KEY --rate R --seconds S` prints one JSON object. With `--vary` no two bodies
are the same: the eight zeros in them are counted up. Latencies count from the moment at which a request was due, so a
server that stands still is seen (no coordinated omission), and are kept one by one: percentiles are exact.

Nothing is parsed but where a response ends: the generator must not be what is measured. `own_cpu_ms` says what it took.
"""

from __future__ import annotations

import argparse
import asyncio
import itertools
import json
import time
from collections import deque
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import cast

import uvloop

now = time.perf_counter
"""uvloop's own time counts in milliseconds."""


class Connection(asyncio.Protocol):
    """One keep-alive connection. `answered` is called with itself and a status for each response that is whole."""

    def __init__(self, answered: Callable[[Connection, int], None]) -> None:
        self._answered = answered
        self._held = b""
        self._ends = 0  # bytes of this response; 0 until its head says
        self._chunked = False
        self.due = 0.0
        self.transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast("asyncio.Transport", transport)

    def ask(self, request: bytes, due: float) -> None:
        assert self.transport
        self.due = due
        self.transport.write(request)

    def data_received(self, data: bytes) -> None:
        held = self._held = self._held + data if self._held else data
        if not self._ends and not self._chunked:
            head = held.find(b"\r\n\r\n")
            if head < 0:
                return
            lower = held[:head].lower()
            at = lower.find(b"content-length:")
            if at >= 0:
                self._ends = head + 4 + int(lower[at + 15 :].split(b"\r", 1)[0])
            else:
                self._chunked = True
        if len(held) >= self._ends if self._ends else held.endswith(b"\r\n0\r\n\r\n"):
            status = int(held[9:12])
            self._held, self._ends, self._chunked = b"", 0, False
            self._answered(self, status)

    def connection_lost(self, exc: Exception | None) -> None:
        if self.due:
            self._answered(self, 0)


class Load:
    """Requests and what became of them. `more` makes the next request's bytes."""

    def __init__(self, more: Callable[[], bytes]) -> None:
        self._more = more
        self._loop = asyncio.get_running_loop()
        self._free: deque[Connection] = deque()
        self._late: deque[float] = deque()  # due, and no connection was free
        self._open = 0
        self._until = 0.0
        self._closed = False
        self._over = asyncio.Event()
        self.latencies: list[float] = []
        self.failed = 0

    async def connect(self, port: int, count: int) -> None:
        for _ in range(count):
            _, connection = await self._loop.create_connection(lambda: Connection(self._answered), "127.0.0.1", port)
            self._free.append(connection)

    async def open_loop(self, rate: float, seconds: float) -> None:
        """Each sent when it is due."""
        start = now()
        for number in range(int(rate * seconds)):
            due = start + number / rate
            if (wait := due - now()) > 0:
                await asyncio.sleep(wait)
            self._send(due)
        await self._all_answered()

    async def closed_loop(self, seconds: float) -> None:
        """Each connection asks again as soon as it is answered."""
        self._closed, self._until = True, now() + seconds
        for _ in range(len(self._free)):
            self._send(now())
        await self._all_answered()

    def _send(self, due: float) -> None:
        self._open += 1
        if self._free:
            self._free.popleft().ask(self._more(), due)
        else:
            self._late.append(due)

    async def _all_answered(self) -> None:
        while self._open:
            self._over.clear()
            await asyncio.wait_for(self._over.wait(), 120)

    def _answered(self, connection: Connection, status: int) -> None:
        ended = now()
        self.latencies.append(ended - connection.due)
        self.failed += status != 200
        self._open -= 1
        connection.due = 0.0
        if not status:  # the connection is gone, and what waits may have to fail
            self._over.set()
            return
        if self._late:
            connection.ask(self._more(), self._late.popleft())
            return
        self._free.append(connection)
        if self._closed and ended < self._until:
            self._send(ended)
        elif not self._open:
            self._over.set()


def requests(
    body: bytes, key: str, path: str, headers: list[str], numbers: Iterator[int] | None
) -> Callable[[], bytes]:
    more = "".join(f"{header}\r\n" for header in headers)
    head = (
        f"POST {path} HTTP/1.1\r\nhost: localhost\r\nauthorization: Bearer {key}\r\n"
        f"content-type: application/json\r\nuser-agent: bench\r\n{more}content-length: {len(body)}\r\n\r\n"
    )
    request = head.encode() + body
    if numbers is None:
        return lambda: request
    return lambda: request.replace(b"00000000", b"%08d" % next(numbers), 1)


async def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("port", type=int)
    parser.add_argument("body", type=Path)
    parser.add_argument("key")
    parser.add_argument("--path", default="/v1/chat/completions")
    parser.add_argument("--header", action="append", default=[])
    parser.add_argument("--rate", type=float, default=0.0, help="requests per second; 0 for as fast as it goes")
    parser.add_argument("--connections", type=int, default=4)
    parser.add_argument("--seconds", type=float, default=2.0)
    parser.add_argument("--vary", type=int, help="the first number; with it every body is another")
    a = parser.parse_args()
    numbers = None if a.vary is None else itertools.count(a.vary)
    load = Load(requests(a.body.read_bytes(), a.key, a.path, a.header, numbers))
    await load.connect(a.port, max(a.connections, 16) if a.rate else a.connections)
    began, cpu = now(), time.process_time()
    await (load.open_loop(a.rate, a.seconds) if a.rate else load.closed_loop(a.seconds))
    took, own = now() - began, time.process_time() - cpu
    found = sorted(load.latencies)
    print(
        json.dumps(
            {
                "requests": len(found),
                "per_second": len(found) / took,
                "p50_ms": found[len(found) // 2] * 1000,
                "p99_ms": found[int(len(found) * 0.99)] * 1000,
                "failed": load.failed,
                "own_cpu_ms": own * 1000 / len(found),
            }
        )
    )


if __name__ == "__main__":
    uvloop.run(main())
