"""How long a worker's loop stands still while its next snapshot is made: `.venv/bin/python tests/bench/reloads.py`.

Beside nothing and beside a plain loop in Python, which are the machine's own noise; then beside a thousand patterns of
an operator's, and all rules for personal data, both compiled before. Milliseconds: the worst of some rounds, and the
99th percentile of all gaps.
"""

from __future__ import annotations

import asyncio
import gc
import random
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from extproc.detect import patterns
from extproc.detect.databases import keep_on
from extproc.pattern_shelf import PatternShelf
from extproc.policies import base
from extproc.policies.dlp_filter import DlpFilter, DlpSettings
from extproc.policies.pii_detector import PiiDetector, PiiSettings

ROUNDS = 3
TICK = 0.0005


def made_up(count: int) -> tuple[str, ...]:
    chosen = random.Random(1)
    return tuple(f"{''.join(chosen.choices('ABCDEFGHIJ', k=4))}-[0-9]{{{chosen.randint(4, 9)}}}" for _ in range(count))


def nothing() -> None:
    time.sleep(1)


def plain_loop() -> None:
    total = 0
    for number in range(5_000_000):
        total += number


def thousand_patterns() -> None:
    DlpFilter(DlpSettings(detect_patterns=made_up(1000)))


def personal_data() -> None:
    PiiDetector(PiiSettings())


async def gaps(work: Callable[[], None]) -> list[float]:
    """Seconds between two turns of the loop, beside this work in a thread."""
    found: list[float] = []
    task = asyncio.create_task(asyncio.to_thread(work))
    last = time.perf_counter()
    while not task.done():
        await asyncio.sleep(TICK)
        now = time.perf_counter()
        found.append(now - last)
        last = now
    return found


def main() -> None:
    with tempfile.TemporaryDirectory() as directory:
        keep_on(PatternShelf(Path(directory)))
        thousand_patterns()
        personal_data()
        sys.setswitchinterval(0.001)  # as a worker has it
        gc.freeze()
        gc.set_threshold(20_000, 20, 50)
        for work in (nothing, plain_loop, thousand_patterns, personal_data):
            found: list[float] = []
            for _ in range(ROUNDS):
                patterns._gates.cache_clear()  # a reload that brings new ones
                base._automaton.cache_clear()
                found += asyncio.run(gaps(work))
            found.sort()
            worst, most = found[-1] * 1000, found[int(len(found) * 0.99)] * 1000
            print(f"{work.__name__:18} worst {worst:6.1f} ms, 99 % below {most:5.1f} ms, {len(found)} turns")


if __name__ == "__main__":
    main()
