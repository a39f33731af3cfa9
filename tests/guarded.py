"""Streams through a guard, for tests and benchmarks: how long each event waits."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from math import ceil

from extproc.chain import Chain, Link
from extproc.dialects.openai_chat.reader import Stream
from extproc.dialects.sse import Framer
from extproc.guard.stream import StreamGuard, StreamLimits
from extproc.model import Exchange, Request
from extproc.policies.base import Policy


def guard(*policies: Policy) -> StreamGuard:
    """The guard of one chat stream under these policies, with a clock that stands still."""
    chain = Chain(tuple(Link(policy=policy) for policy in policies), lambda: 0)
    return StreamGuard(Stream(), chain, Exchange(request=Request("m", True, ())), StreamLimits())


def events(body: bytes) -> list[bytes]:
    """A stream as providers send it: one chunk for each event."""
    framer = Framer()
    return [event.raw for event in framer.feed(body) + framer.close()]


def waits(guarding: StreamGuard, chunks: Sequence[bytes]) -> list[int]:
    """How many others each event waited for before it left; of a stream that is stopped, those that left."""
    leaving = Framer()
    found: list[int] = []
    for number, chunk in enumerate(chunks):
        left = leaving.feed(guarding.feed(chunk))
        if guarding.stopped:
            return found
        found += [number - place for place in range(len(found), len(found) + len(left))]
    return found + [len(chunks) - 1 - place for place in range(len(found), len(chunks))]


def percentile(values: Iterable[float], percent: float) -> float:
    """The smallest value that so many percent of all do not exceed."""
    ordered = sorted(values)
    return ordered[max(0, ceil(len(ordered) * percent / 100) - 1)]
