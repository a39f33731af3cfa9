"""Rotates Envoy's edge log, which would otherwise grow for ever (docs/decisions/0007-audit-files.md).

The log is renamed and Envoy told to open it anew; the shipper goes on in the renamed file, and deletes it when nobody
writes to it any more and all its requests have an event.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

MAX_AGE = 86_400.0
"""A quiet gateway's log is rotated too: it names clients, and bounds what the shipper reads when it starts."""


@dataclass(slots=True)
class EdgeLogRotation:
    """`reopen` asks Envoy and returns its status; OSError means that Envoy is not there, and the log not open."""

    path: Path
    reopen: Callable[[], int]
    since: float = field(default_factory=time.monotonic)
    unconfirmed: bool = False

    def turn(self, max_bytes: int, now: float) -> None:
        """Rotate a log that is large or old enough, and ask Envoy until it has said yes. Raises OSError.

        An Envoy that starts anew opens the new log by itself; the request is then one too many, and harmless.
        """
        size = self.path.stat().st_size if self.path.exists() else 0
        if size and not self.unconfirmed and (size >= max_bytes or now - self.since >= MAX_AGE):
            self.leave()
            self.since = now
        if self.unconfirmed:
            with suppress(OSError):
                self.unconfirmed = self.reopen() != 200

    def leave(self) -> None:
        """Give the log that is there a name of its own; names sort by time. Raises OSError."""
        with suppress(FileNotFoundError):
            self.path.rename(self.path.with_name(f"edge-{time.time_ns():020d}.log"))
            self.unconfirmed = True
