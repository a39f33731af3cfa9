"""What decoding costs: a chat body of 50 KB in each coding, as a multiple of one `zlib.decompress` of it.

    .venv/bin/python tests/bench/coding.py

Only the ratios mean anything: rounds are interleaved, so that whatever else the machine does hits all alike. The last
column feeds 1 KB at a time, as a stream may arrive.
"""

from __future__ import annotations

import gzip
import json
import random
import statistics
import sys
import time
import zlib
from collections.abc import Callable

import brotli

from extproc.dialects.coding import decoder

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

ROUNDS = 300
SIZE = 50_000
CODINGS: dict[str, Callable[[bytes], bytes]] = {
    "gzip": gzip.compress,
    "deflate": zlib.compress,
    "br": lambda data: brotli.compress(data, quality=5),
    "zstd": zstd.compress,
    "gzip, br": lambda data: brotli.compress(gzip.compress(data), quality=5),
}


def body() -> bytes:
    """A chat request of words that repeat about as often as those of a language do."""
    chance = random.Random(1)
    words = ["".join(chance.choices("etaoinshrdlu", k=chance.randint(2, 9))) for _ in range(3000)]
    text = " ".join(words[int(3000 * chance.random() ** 3)] for _ in range(SIZE))
    return json.dumps({"model": "bench", "messages": [{"role": "user", "content": text[: SIZE - 70]}]}).encode()


def decode(name: str, data: bytes, size: int) -> None:
    undoing = decoder(name, max_bytes=32 << 20)
    assert undoing is not None
    for at in range(0, len(data), size):
        undoing.feed(data[at : at + size])
    undoing.close()


def microseconds(work: Callable[[], object]) -> float:
    start = time.perf_counter()
    work()
    return (time.perf_counter() - start) * 1e6


def cases(plain: bytes) -> dict[tuple[str, str], Callable[[], object]]:
    found: dict[tuple[str, str], Callable[[], object]] = {}
    reference = zlib.compress(plain)
    found["zlib", "whole"] = lambda: zlib.decompress(reference)
    for name, encode in CODINGS.items():
        data = encode(plain)
        for column, size in (("whole", len(data)), ("pieces", 1000)):
            found[name, column] = lambda name=name, data=data, size=size: decode(name, data, size)  # type: ignore[misc]
    return found


def main() -> None:
    plain = body()
    work = cases(plain)
    times: dict[tuple[str, str], list[float]] = {case: [] for case in work}
    for _ in range(ROUNDS):
        for case, one in work.items():
            times[case].append(microseconds(one))
    medians = {case: statistics.median(each) for case, each in times.items()}
    base = medians["zlib", "whole"]
    print(f"{len(plain)} bytes; zlib.decompress: {base:.0f} µs\n{'':10}{'size':>8}{'whole':>8}{'in 1 KB':>9}")
    for name, encode in CODINGS.items():
        whole, pieces = (medians[name, column] / base for column in ("whole", "pieces"))
        print(f"{name:10}{len(encode(plain)):8}{whole:8.2f}{pieces:9.2f}")


if __name__ == "__main__":
    main()
