"""What guarding a stream costs: microseconds per chunk of the guard alone, and how many deltas are held back.

.venv/bin/python tests/bench/guard.py
"""

from __future__ import annotations

import statistics
import sys
import timeit
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from corpus.streams import cases
from corpus.values import sensitive

from extproc.chain import Chain, Link
from extproc.dialects.openai_chat.stream import Stream
from extproc.guard.stream import StreamGuard, StreamLimits
from extproc.model import Exchange, Request
from extproc.policies.dlp_filter import DlpFilter, DlpSettings
from extproc.policies.pii_detector import PiiDetector

BARS = "bars: 60 µs per chunk, 1 delta held at the median, 5 at the 95th percentile"
CHAINS = {
    "dlp, no hits": (DlpFilter(DlpSettings(detect_patterns=("ACME-[0-9]{6}",), action="redact")),),
    "pii-detector": (PiiDetector(PiiDetector.Settings()),),
}
STREAMS = [
    [part + b"\n\n" for part in case.body.split(b"\n\n")[:-1]] for case in cases(sensitive(seed=1, each=2), seed=1)
]


def started(name: str) -> StreamGuard:
    chain = Chain(tuple(Link(policy=policy) for policy in CHAINS[name]), lambda: 0)
    return StreamGuard(Stream(), chain, Exchange(request=Request("m", True, ())), StreamLimits())


def play(name: str) -> list[int]:
    """How many deltas are held back after each chunk, of all streams that are not stopped."""
    held: list[int] = []
    for stream in STREAMS:
        guard = started(name)
        waiting = 0
        for chunk in stream:
            waiting += 1 - guard.feed(chunk).count(b"\n\n")
            if guard.stopped:
                break
            held.append(waiting)
    return held


if __name__ == "__main__":
    print(BARS)
    for each in CHAINS:
        deltas = play(each)
        cost = min(timeit.repeat(lambda each=each: play(each), number=1, repeat=5)) / len(deltas) * 1e6  # type: ignore[misc]
        cuts = statistics.quantiles(deltas, n=100)
        print(f"{each:14} {cost:6.1f} µs; held: median {cuts[49]:.0f}, p95 {cuts[94]:.0f}, p99 {cuts[98]:.0f}")
