"""A load generator for one HTTP/1.1 address: an open loop at a fixed rate, or as fast as a few connections go.

`python tests/bench/load.py PORT BODY_FILE KEY --rate R --seconds S` prints one JSON object. With `--vary` no two bodies
are the same: the eight zeros in them are counted up. Latencies count from the
moment at which a request was due, so a server that stands still is seen (no coordinated omission).
"""

from __future__ import annotations

import argparse
import asyncio
import itertools
import json
import time
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path

CONNECTIONS = 16


class Connection:
    """One keep-alive connection that sends the same request again and again, or one that differs by a number."""

    def __init__(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, request: bytes, numbers: Iterator[int] | None
    ) -> None:
        self._reader, self._writer, self._request, self._numbers = reader, writer, request, numbers

    async def ask(self) -> int:
        """The status of one exchange, its body read whole."""
        request = self._request
        if self._numbers:
            request = request.replace(b"00000000", b"%08d" % next(self._numbers), 1)
        self._writer.write(request)
        head = (await self._reader.readuntil(b"\r\n\r\n")).lower()
        length = int(head.split(b"content-length:")[1].split(b"\r\n")[0])
        await self._reader.readexactly(length)
        return int(head[9:12])


async def connect(port: int, body: bytes, key: str, numbers: Iterator[int] | None) -> Connection:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    head = (
        f"POST /v1/chat/completions HTTP/1.1\r\nhost: localhost\r\nauthorization: Bearer {key}\r\n"
        f"content-type: application/json\r\nuser-agent: bench\r\ncontent-length: {len(body)}\r\n\r\n"
    )
    return Connection(reader, writer, head.encode() + body, numbers)


async def open_loop(pool: list[Connection], rate: float, seconds: float) -> tuple[list[float], list[int]]:
    """Latencies in seconds and statuses of `rate * seconds` requests, each sent when it is due."""
    free: asyncio.Queue[Connection] = asyncio.Queue()
    for connection in pool:
        free.put_nowait(connection)
    latencies: list[float] = []
    statuses: list[int] = []
    start = time.perf_counter()

    async def one(due: float) -> None:
        connection = await free.get()
        statuses.append(await connection.ask())
        latencies.append(time.perf_counter() - due)
        free.put_nowait(connection)

    tasks = []
    for number in range(int(rate * seconds)):
        due = start + number / rate
        await asyncio.sleep(max(0.0, due - time.perf_counter()))
        tasks.append(asyncio.create_task(one(due)))
    await asyncio.gather(*tasks)
    return latencies, statuses


async def closed_loop(pool: list[Connection], seconds: float) -> tuple[list[float], list[int]]:
    """The same for connections that ask again as soon as they are answered."""
    until = time.perf_counter() + seconds
    latencies: list[float] = []
    statuses: list[int] = []

    async def repeat(connection: Connection) -> None:
        while (began := time.perf_counter()) < until:
            statuses.append(await connection.ask())
            latencies.append(time.perf_counter() - began)

    await asyncio.gather(*(repeat(connection) for connection in pool))
    return latencies, statuses


async def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("port", type=int)
    parser.add_argument("body", type=Path)
    parser.add_argument("key")
    parser.add_argument("--rate", type=float, default=0.0, help="requests per second; 0 for a closed loop")
    parser.add_argument("--seconds", type=float, default=2.0)
    parser.add_argument("--vary", type=int, help="the first number; with it every body is another")
    a = parser.parse_args()
    body = a.body.read_bytes()
    numbers = None if a.vary is None else itertools.count(a.vary)
    pool = [await connect(a.port, body, a.key, numbers) for _ in range(CONNECTIONS if a.rate else 4)]
    measure: Callable[[], Awaitable[tuple[list[float], list[int]]]] = (
        (lambda: open_loop(pool, a.rate, a.seconds)) if a.rate else (lambda: closed_loop(pool, a.seconds))
    )
    began = time.perf_counter()
    latencies, statuses = await measure()
    took = time.perf_counter() - began
    latencies.sort()
    print(
        json.dumps(
            {
                "requests": len(latencies),
                "per_second": len(latencies) / took,
                "p50_ms": latencies[len(latencies) // 2] * 1000,
                "p99_ms": latencies[int(len(latencies) * 0.99)] * 1000,
                "failed": sum(status != 200 for status in statuses),
            }
        )
    )


if __name__ == "__main__":
    asyncio.run(main())
