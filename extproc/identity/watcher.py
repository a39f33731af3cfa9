"""Keeps a worker's directory of keys fresh, in a thread: a revocation is in force within two seconds.

The store is looked at once a second and read where its files changed. Reading holds up the event loop, which shares the
interpreter with this thread, for as long as there are keys; looking does not.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from extproc.identity.directory import KeyDirectory
from extproc.identity.store import Mark, StoreError, TokenStore

log = logging.getLogger(__name__)

LOOK_EVERY = 1.0
READ_EVERY = 60.0
"""Whatever the files look like."""

SETTLED = 2.0
"""Seconds. Files that were written just before a reading are read again: their times are not fine enough to tell a
later write from one that the reading has seen.
"""


class KeyWatcher:
    """Holds the newest directory in `directory`; reading it is one attribute access."""

    def __init__(self, state_dir: Path, now: Callable[[], float] = time.time) -> None:
        self._store = TokenStore(state_dir)
        self._now = now
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._watch, name="keys", daemon=True)
        self._mark: Mark | None = None  # of files that have settled, and were read then
        self._read_at = 0.0
        self.directory = KeyDirectory()

    def start(self) -> None:
        """Read once, so that the first request is answered rightly, then keep looking. Raises StoreError."""
        self.look()
        self._thread.start()

    def stop(self) -> None:
        """Stop looking."""
        self._stopping.set()

    def look(self) -> None:
        """One look at the store, and a reading where it may have changed. Raises StoreError."""
        now, mark = self._now(), self._store.mark()  # the mark first: what is written after it changes the next one
        if mark == self._mark and now - self._read_at < READ_EVERY:
            self.directory = replace(self.directory, read_at=now)
            return
        self.directory = KeyDirectory.of(self._store.all(), self._store.pepper(), now)
        self._read_at = now
        self._mark = mark if mark.written_at + SETTLED < now else None

    def _watch(self) -> None:
        while not self._stopping.wait(LOOK_EVERY):
            try:
                self.look()
            except StoreError as error:
                log.error("access keys cannot be read: %s", error)
