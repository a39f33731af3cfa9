"""What a child process says to its supervisor, a byte at a time over a pipe; gateway/child.py listens."""

from __future__ import annotations

import os
from contextlib import suppress
from dataclasses import dataclass

READY = b"R"
ALIVE = b"."
RELOADED = b"L"
REFUSED = b"X"

BEAT_SECONDS = 1.0


@dataclass(slots=True)
class Heartbeat:
    """The child's end; without a file descriptor it says nothing."""

    fd: int | None
    last: float = float("-inf")

    def say(self, byte: bytes) -> None:
        """One byte; a supervisor that is gone or does not read is noticed by others."""
        if self.fd is not None:
            with suppress(BrokenPipeError, BlockingIOError):
                os.write(self.fd, byte)

    def beat(self, now: float) -> None:
        """Say `ALIVE`, at most once in BEAT_SECONDS, however often a busy loop calls."""
        if now - self.last >= BEAT_SECONDS:
            self.last = now
            self.say(ALIVE)
