"""A timer that is set and silenced for every chunk of a stream, and so must cost nothing until it rings."""

from __future__ import annotations

import asyncio
from collections.abc import Callable


class Alarm:
    """Setting it only notes a time: one timer of the loop runs on, and goes to sleep again where it woke too early."""

    __slots__ = ("_due", "_handle", "_loop", "_ring")

    def __init__(self, ring: Callable[[], None]) -> None:
        self._ring = ring
        self._loop = asyncio.get_running_loop()
        self._due: float | None = None
        self._handle: asyncio.TimerHandle | None = None

    def set(self, seconds: float) -> None:
        """Ring once after this time, unless it is set again or silenced before."""
        self._due = self._loop.time() + seconds
        if self._handle is None or self._handle.when() > self._due:
            self._sleep(self._due)

    def silence(self) -> None:
        """Do not ring."""
        self._due = None

    def stop(self) -> None:
        """Never ring again, and let go of whoever would hear it: a cycle would hold an exchange and its bodies until
        the collector comes by.
        """
        self._due = None
        self._ring = _unheard
        if self._handle:
            self._handle.cancel()

    def _sleep(self, until: float) -> None:
        if self._handle:
            self._handle.cancel()
        self._handle = self._loop.call_at(until, self._wake)

    def _wake(self) -> None:
        self._handle = None
        if self._due is None:
            return
        if self._due > self._loop.time():
            self._sleep(self._due)
            return
        self._due = None
        self._ring()


def _unheard() -> None:
    """What a stopped alarm rings."""
