"""docs/performance.md, written from one run."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import curves
import heavy
import phases
import streams


@dataclass(frozen=True)
class Run:
    """What was measured, and with what. `heavy` is None where it was left out."""

    command: str
    machine: str
    compiled: bool
    phases: Mapping[str, phases.Cell]
    curve: Mapping[str, Mapping[str, float]]
    streams: Mapping[str, Any]
    heavy: Mapping[str, float] | None


INTRO = """# Performance

This page is written by `{command}`, from one run; it is not edited.

## Method

- {machine}, the request path {path}; provider, load generator and all stacks share them, so nothing here says how fast one of them would be on its own.
- All stacks run side by side, and rounds are interleaved: what else the machine does hits all alike. Medians are shown, as ratios within the run; absolute times of such a machine are noise.
- CPU is what the processes' own accounting says, under {busy} connections that ask again at once. Latencies are those of an open loop of {rate:g} requests a second, counted from the moment at which each was due.
- A chat of 2 KB, a JSON reply of 1 KB from an Envoy that answers at once. Plain HTTP/1.1, Envoy with one thread, one worker.
- A run in which any request failed is thrown away.

## Phases

Each line adds to the one before. Columns are multiples of what Envoy alone takes.
"""

LIMITS = """
## Limits of the method

Two cores for everything are fewer than anybody serves a team with; processes that wait for a core make the latencies' tail, ours more than Envoy's, because there are more of them.
TLS is left out, which costs the same in every row.
A provider answers at once here; a real one takes seconds, and what is added is a small part of them.
"""


def lines(run: Run) -> Iterator[str]:
    """The page."""
    yield INTRO.format(
        command=run.command,
        machine=run.machine,
        path="compiled" if run.compiled else "as its source stands",
        busy=phases.BUSY,
        rate=phases.RATE,
    )
    yield from _block(phases.table(run.phases))
    peers = [name for name in ("litellm", "portkey") if name in run.phases]
    if peers:
        yield "\nLiteLLM and Portkey pass the request on and do nothing else (`tests/bench/peers.py` has their versions and configuration)."
    yield "\n## What was promised\n"
    yield from (f"- {bar}" for bar in phases.bars(run.phases))
    if run.heavy:
        yield f"- p99 of a chat beside bodies of 31 MiB, times without them: {run.heavy['lane_ratio']:.2f} (at most {heavy.BAR:g}); without the heavy lane {run.heavy['none_ratio']:.0f}"
    yield "\n## Bodies of any size\n"
    yield from _block(curves.table(run.curve))
    yield "\n## Event streams\n"
    yield from _block(streams.table(run.streams))
    yield LIMITS.rstrip()


def _block(found: Iterable[str]) -> Iterator[str]:
    yield "```"
    yield from found
    yield "```"
