"""A worker that reloads goes on serving: the new snapshot is made beside the loop, and swapped in when it is whole."""

from __future__ import annotations

import asyncio
import os
import threading
from collections.abc import Callable
from typing import Any

import pytest
from full_chain import CHAIN, HEAD, NO_CACHE
from golden.play import rules_of

from extproc.heartbeat import REFUSED, RELOADED, Heartbeat
from extproc.model import ConfigError, Fault
from extproc.session import Rules
from extproc.worker import Worker

OLD, NEW, NEWER = (rules_of(HEAD.replace("PORT", port) + NO_CACHE + CHAIN) for port in "123")
ELSEWHERE: Any = None
"""What a reload does not look at."""


class Slow(Worker):
    """Makes these snapshots, one after the other, each when it is let go."""

    def prepare(self, *made: Rules | Exception) -> None:
        self.made, self.go, self.begun = list(made), threading.Semaphore(0), threading.Semaphore(0)

    def _snapshot(self) -> Rules:
        self.begun.release()
        assert self.go.acquire(timeout=10)
        found = self.made.pop(0)
        if isinstance(found, Exception):
            raise found
        return found


def worker(*made: Rules | Exception) -> tuple[Slow, Callable[[], bytes]]:
    """A worker, and what it has said since that was last asked."""
    reading, writing = os.pipe()
    os.set_blocking(reading, False)
    found = Slow(ELSEWHERE, ELSEWHERE, OLD, ELSEWHERE, Heartbeat(writing), ELSEWHERE, b"")
    found.prepare(*made)

    def said() -> bytes:
        try:
            return os.read(reading, 100)
        except BlockingIOError:
            return b""

    return found, said


async def begun(slow: Slow) -> None:
    """Returns only where the loop runs while a snapshot is made."""
    assert await asyncio.to_thread(slow.begun.acquire, timeout=10)


async def done(slow: Slow) -> None:
    assert slow.reloading
    await asyncio.wait_for(slow.reloading, 10)


async def test_the_old_snapshot_serves_until_the_new_one_is_whole() -> None:
    slow, said = worker(NEW)
    slow.reload()
    await begun(slow)
    assert slow.rules is OLD and said() == b""
    slow.go.release()
    await done(slow)
    assert slow.rules is NEW and said() == RELOADED


async def test_what_changes_while_a_snapshot_is_made_is_read_again() -> None:
    slow, said = worker(NEW, NEWER)
    slow.reload()
    await begun(slow)
    slow.reload()
    slow.reload()  # twice before anybody looks is one change
    slow.go.release(2)
    await done(slow)
    assert slow.rules is NEWER and said() == RELOADED * 2 and not slow.made


@pytest.mark.parametrize("fault", [ConfigError([Fault("f.yaml", 1, 1, "", "no")]), OSError("no file")])
async def test_a_fault_changes_nothing_and_the_next_reload_is_heard(fault: Exception) -> None:
    slow, said = worker(fault, NEW)
    slow.go.release(2)
    slow.reload()
    await done(slow)
    assert slow.rules is OLD and said() == REFUSED
    slow.reload()
    await done(slow)
    assert slow.rules is NEW and said() == RELOADED
