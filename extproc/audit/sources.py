"""What the shipper reads: the workers' segments and Envoy's edge logs, each from where it stopped."""

from __future__ import annotations

import errno
import fcntl
import math
import os
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

import orjson

from extproc.audit.spool import Damaged, read_frames

EDGE_LOG = "edge.log"
"""The file that Envoy appends to; `edge-*.log` are those that it was told to leave (gateway/edge_log.py)."""

PIECE = 4 << 20
"""Bytes of an edge log that are read at once."""

SILENCE = 60.0
"""Where the kernel cannot say who writes to a file: seconds without a write after which nobody does."""


@dataclass(slots=True)
class Source:
    """How far a file was read, which requests it names, the earliest time in it, and whether no more comes."""

    path: Path
    offset: int = 0
    final: bool = False
    since: float = math.inf
    ids: set[str] = field(default_factory=set)

    def _note(self, entry: dict[str, object]) -> None:
        self.ids.add(str(entry.get("id", "")))
        with suppress(ValueError):
            self.since = min(self.since, float(str(entry.get("at", "inf"))))


@dataclass(slots=True)
class Segment(Source):
    """One segment file of a worker."""

    damaged: int = 0

    def read(self) -> Iterator[dict[str, object]]:
        """The entries since the last reading. A segment whose writer is gone is read to its end, once and for all."""
        gone = _writer_gone(self.path)  # asked before reading: what a dead writer wrote is all there
        with self.path.open("rb") as file:
            self.since = min(self.since, os.fstat(file.fileno()).st_mtime)
            file.seek(self.offset)
            data = file.read()
        at = 0
        for end, entry in read_frames(data, final=gone):
            at = end
            if isinstance(entry, Damaged):
                self.damaged += entry.size
            else:
                self._note(entry)
                yield entry
        self.offset += at
        self.final = gone


def _writer_gone(path: Path) -> bool:
    """Whether nobody holds the writer's lock; ours is given back at once."""
    fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        fcntl.flock(fd, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    finally:
        os.close(fd)
    return True


@dataclass(slots=True)
class EdgeLog(Source):
    """One edge log: JSON lines, the last of which may still be being written. Its open file survives a rename."""

    fd: int = -1

    def read(self, now: float) -> Iterator[dict[str, object]]:
        """The complete lines since the last reading; a line that is no JSON is skipped, as after a full disk."""
        left = self.path.name != EDGE_LOG and not _written_to(self.fd, now)  # asked before reading, as above
        found = os.fstat(self.fd)
        self.since = min(self.since, found.st_mtime)
        while self.offset < found.st_size:
            data = os.pread(self.fd, PIECE, self.offset)
            complete = data.rfind(b"\n") + 1
            if not complete and len(data) < PIECE:
                break
            self.offset += complete or PIECE  # a line longer than a piece is none of Envoy's
            for line in data[:complete].split(b"\n"):
                entry = _line(line) if line else None
                if entry is not None:
                    self._note(entry)
                    yield entry
        self.final = left


@dataclass(slots=True)
class EdgeLogs:
    """All edge logs of a directory, by inode."""

    directory: Path
    logs: dict[int, EdgeLog] = field(default_factory=dict)

    def read(self, now: float) -> Iterator[dict[str, object]]:
        """What is new, the oldest log's first."""
        self._find()
        for log in sorted(self.logs.values(), key=lambda each: (each.path.name == EDGE_LOG, each.path.name)):
            if not log.final:
                yield from log.read(now)

    def delete(self, inode: int) -> None:
        """Remove a log from disk and memory."""
        log = self.logs.pop(inode)
        log.path.unlink(missing_ok=True)
        os.close(log.fd)

    def close(self) -> None:
        """Let all files go."""
        while self.logs:
            os.close(self.logs.popitem()[1].fd)

    def _find(self) -> None:
        for path in self.directory.glob("edge*.log"):
            with suppress(FileNotFoundError):  # renamed since; the next turn finds it
                fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
                inode = os.fstat(fd).st_ino
                if inode in self.logs:
                    os.close(fd)
                    self.logs[inode].path = path
                else:
                    self.logs[inode] = EdgeLog(path, fd=fd)


def _written_to(fd: int, now: float) -> bool:
    """Whether any process holds this file open for writing.

    Linux grants a read lease only where none does (fcntl(2)). Nobody opens a log by the name that it has after it was
    left, so the lease is never broken.
    """
    try:
        fcntl.fcntl(fd, fcntl.F_SETLEASE, fcntl.F_RDLCK)
        fcntl.fcntl(fd, fcntl.F_SETLEASE, fcntl.F_UNLCK)
    except OSError as error:
        return error.errno == errno.EAGAIN or now - os.fstat(fd).st_mtime < SILENCE
    return False


def _line(line: bytes) -> dict[str, object] | None:
    """One line as an entry. A killed Envoy leaves half a line, and its successor goes on right behind it."""
    for start in (0, line.rfind(b'{"')):
        with suppress(orjson.JSONDecodeError):
            entry = orjson.loads(line[max(start, 0) :])
            return entry if isinstance(entry, dict) else None
    return None
