"""The entries of a host: recent ones in memory, all of them in a SQLite file that a thread of its own writes.

No caller waits for the disk but for a read of one row (some ten microseconds). What is on its way to the disk is in
memory. A file that is damaged is put aside and begun again, while the keeper runs too: it is a cache.
"""

from __future__ import annotations

import logging
import queue
import sqlite3
import threading
import time
from collections import OrderedDict
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

log = logging.getLogger(__name__)

_SCHEMA = """
CREATE TABLE IF NOT EXISTS entries (
  key BLOB PRIMARY KEY, expires REAL NOT NULL, used REAL NOT NULL, size INTEGER NOT NULL, value BLOB NOT NULL
) STRICT;
CREATE INDEX IF NOT EXISTS entries_used ON entries (used);
CREATE INDEX IF NOT EXISTS entries_expires ON entries (expires);
"""
_PUT = "INSERT OR REPLACE INTO entries (key, expires, used, size, value) VALUES (?, ?, ?, ?, ?)"
_TOUCH = "UPDATE entries SET used = ? WHERE key = ?"
_OLDEST = "SELECT key, size FROM entries ORDER BY used LIMIT 256"

BACKLOG = 4096
BACKLOG_BYTES = 64 << 20
"""What may wait for the disk, in writes and in bytes of entries; beyond that an entry stays in memory alone."""

BATCH = 256
"""Writes of one transaction."""

GATHER_SECONDS = 0.05
"""How long the writer waits for more to write at once: a commit costs as much as ten hits."""

TOUCH_SECONDS = 5.0
"""How long uses are gathered before the disk hears of them; they only say what to drop last."""

TIDY_EVERY = 64
"""Writes after which the bounds are looked at again."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Bounds:
    """What the shelf may hold: bytes in memory, entries and bytes on disk."""

    memory_bytes: int = 64 << 20
    entries: int = 10_000
    disk_bytes: int = 1 << 30


@dataclass(slots=True)
class _Memory:
    """The most recently used entries: (expires, value) by key."""

    most: int
    size: int = 0
    entries: OrderedDict[bytes, tuple[float, bytes]] = field(default_factory=OrderedDict)

    def put(self, key: bytes, expires: float, value: bytes) -> None:
        self.drop(key)
        self.entries[key] = (expires, value)
        self.size += len(value)
        while self.size > self.most and len(self.entries) > 1:
            _, (_, oldest) = self.entries.popitem(last=False)
            self.size -= len(oldest)

    def get(self, key: bytes) -> tuple[float, bytes] | None:
        found = self.entries.get(key)
        if found:
            self.entries.move_to_end(key)
        return found

    def drop(self, key: bytes) -> None:
        old = self.entries.pop(key, None)
        self.size -= len(old[1]) if old else 0


@dataclass(frozen=True, slots=True)
class _Write:
    """A statement, the rows that it is run for, and how many bytes of entries they hold."""

    sql: str
    rows: list[tuple[object, ...]]
    size: int = 0


class Shelf:
    """Call from one thread. Times are Unix seconds, given by the caller."""

    def __init__(self, path: Path, bounds: Bounds) -> None:
        self.path = path
        self.bounds = bounds
        self._memory = _Memory(bounds.memory_bytes)
        database = _opened(path)  # here, so that the reader finds what the writer has begun again
        self._reader = _reader(path) if database else None
        self._work: queue.Queue[_Write | None] = queue.Queue(BACKLOG)
        self._given = self._taken = 0  # bytes that went to the thread, and that it has done with; one writes each
        self._damaged = False  # says the reader to the writer
        self._renewed = False  # says the writer to the reader
        self._used: dict[bytes, float] = {}
        self._told = 0.0
        self._thread = threading.Thread(target=self._write, args=(database,), name="shelf", daemon=True)
        self._thread.start()

    def get(self, key: bytes, now: float) -> bytes | None:
        """An entry that has not expired."""
        found = self._memory.get(key)
        if found is None and (found := self._read(key)):
            self._memory.put(key, *found)
        if found is None or found[0] <= now:
            return None
        self._used[key] = now
        if now - self._told >= TOUCH_SECONDS:
            self._tell(now)
        return found[1]

    def put(self, key: bytes, value: bytes, expires: float, now: float) -> None:
        """Keep an entry, in the place of an older one."""
        self._memory.put(key, expires, value)
        self._later(_Write(_PUT, [(key, expires, now, len(value), key + value)], len(value)))

    def rebound(self, bounds: Bounds) -> None:
        """Hold other bounds from the next write on."""
        self.bounds = bounds
        self._memory.most = bounds.memory_bytes

    def close(self) -> None:
        """Write what waits, then let go of the file."""
        self._tell(self._told)
        if self._thread.is_alive():
            with suppress(queue.Full):
                self._work.put(None, timeout=10)
            self._thread.join(10)
        if self._reader:
            self._reader.close()

    def _read(self, key: bytes) -> tuple[float, bytes] | None:
        """A row says whose it is: an index that is damaged must not give one's answer to another."""
        if self._renewed:
            self._renewed = False
            if self._reader:
                self._reader.close()
            self._reader = _reader(self.path)
        if self._reader is None:
            return None
        try:
            row = self._reader.execute("SELECT expires, value FROM entries WHERE key = ?", (key,)).fetchone()
        except sqlite3.Error as error:  # a disk that fails is a cache that misses
            self._damaged = self._damaged or _is_damage(error)
            return None
        return (float(row[0]), bytes(row[1][len(key) :])) if row and row[1].startswith(key) else None

    def _tell(self, now: float) -> None:
        """Let the disk know what was used since the last time."""
        self._later(_Write(_TOUCH, [(when, key) for key, when in self._used.items()]))
        self._used, self._told = {}, now

    def _later(self, write: _Write) -> None:
        if self._thread.is_alive() and self._given - self._taken + write.size <= BACKLOG_BYTES:
            with suppress(queue.Full):
                self._work.put_nowait(write)
                self._given += write.size

    # --- the thread that writes ---

    def _write(self, database: sqlite3.Connection | None) -> None:
        going, failing = database is not None, False
        written = TIDY_EVERY
        while going and database is not None:
            batch, going = self._batch()
            try:
                with database:
                    for write in batch:
                        database.executemany(write.sql, write.rows)
                    written += len(batch)
                    if written >= TIDY_EVERY:
                        written = 0
                        self._tidy(database)
                failing = False
            except sqlite3.Error as error:
                self._damaged = self._damaged or _is_damage(error)
                if not failing and not self._damaged:
                    log.warning("%s: %s; what is new in the cache is in memory alone", self.path, error)
                failing = True
            self._taken += sum(write.size for write in batch)
            if self._damaged:
                database = self._renew(database)
        if database:
            database.close()

    def _renew(self, database: sqlite3.Connection) -> sqlite3.Connection | None:
        """Another file in the place of a damaged one."""
        log.warning("%s is damaged; it is put aside, and the cache begins again", self.path)
        database.close()
        _put_aside(self.path)
        found = _opened(self.path)
        self._damaged, self._renewed = False, True
        return found

    def _batch(self) -> tuple[list[_Write], bool]:
        """What waits, at least one; and whether more may come."""
        batch: list[_Write] = []
        item = self._work.get()
        until = time.monotonic() + GATHER_SECONDS
        while item is not None:
            batch.append(item)
            if len(batch) == BATCH:
                return batch, True
            try:
                item = self._work.get(timeout=max(0.0, until - time.monotonic()))
            except queue.Empty:
                return batch, True
        return batch, False

    def _tidy(self, database: sqlite3.Connection) -> None:
        database.execute("DELETE FROM entries WHERE expires <= ?", (time.time(),))
        count, size = database.execute("SELECT count(*), coalesce(sum(size), 0) FROM entries").fetchone()
        while count > self.bounds.entries or size > self.bounds.disk_bytes:
            gone = _overflow(database.execute(_OLDEST), count - self.bounds.entries, size - self.bounds.disk_bytes)
            database.executemany("DELETE FROM entries WHERE key = ?", [(key,) for key, _ in gone])
            count, size = count - len(gone), size - sum(each for _, each in gone)


def _overflow(oldest: Iterable[tuple[bytes, int]], count: int, size: int) -> list[tuple[bytes, int]]:
    gone = []
    for key, each in oldest:
        if count <= 0 and size <= 0:
            break
        gone.append((key, each))
        count, size = count - 1, size - each
    return gone


def _opened(path: Path) -> sqlite3.Connection | None:
    """The file, a new one where it is damaged; None where there can be none, which is said once."""
    for attempt in (1, 2):
        try:
            return _connected(path)
        except OSError as error:
            log.warning("%s: %s", path, error)
        except sqlite3.DatabaseError as error:
            log.warning("%s: %s", path, error)
            if attempt == 1 and _is_damage(error):
                _put_aside(path)
    log.error("%s cannot be used; the cache is in memory alone", path)
    return None


def _reader(path: Path) -> sqlite3.Connection | None:
    """One that never waits for a lock: it is asked on the keeper's loop."""
    found = _opened(path)
    if found:
        found.execute("PRAGMA busy_timeout = 0")
    return found


def _is_damage(error: sqlite3.Error) -> bool:
    """Not one of its children, which tell of disks that are full, of locks, of what we said wrongly."""
    return type(error) is sqlite3.DatabaseError


def _put_aside(path: Path) -> None:
    """The journal too, or the next file would be made of what it says."""
    for end in ("", "-wal", "-shm"):
        with suppress(OSError):
            path.with_name(path.name + end).replace(path.with_name(path.stem + ".damaged" + end))


def _connected(path: Path) -> sqlite3.Connection:
    path.touch(mode=0o600)
    database = sqlite3.connect(path, timeout=5, check_same_thread=False)
    database.execute("PRAGMA journal_mode = WAL")
    database.execute("PRAGMA synchronous = NORMAL")
    database.executescript(_SCHEMA)
    return database
