"""What the shipper reads: the workers' segments and Envoy's edge log, each from where it stopped."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

import orjson

from extproc.audit.spool import Damaged, read_frames

EDGE_BYTES = 64 << 20
"""The edge log is rotated beyond this size."""


@dataclass(slots=True)
class Segment:
    """One segment file and how far it was read."""

    path: Path
    offset: int = 0
    damaged: int = 0
    final: bool = False
    ids: set[str] = field(default_factory=set)

    def read(self) -> Iterator[dict[str, object]]:
        """The entries since the last reading. A segment whose writer is gone is read to its end, once and for all."""
        gone = _writer_gone(self.path)  # asked before reading: what a dead writer wrote is all there
        with self.path.open("rb") as file:
            file.seek(self.offset)
            data = file.read()
        at = 0
        for end, entry in read_frames(data, final=gone):
            at = end
            if isinstance(entry, Damaged):
                self.damaged += entry.size
            else:
                self.ids.add(str(entry.get("id", "")))
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
class EdgeLog:
    """Envoy's access log: JSON lines, the last of which may still be being written."""

    path: Path
    offset: int = 0

    def read(self) -> Iterator[dict[str, object]]:
        """The complete lines since the last reading; a line that is no JSON is skipped, as after a full disk."""
        if not self.path.exists():
            return
        with self.path.open("rb") as file:
            file.seek(self.offset)
            data = file.read()
        complete = data.rfind(b"\n") + 1
        self.offset += complete
        for line in data[:complete].splitlines():
            entry = _line(line)
            if entry is not None:
                yield entry


def _line(line: bytes) -> dict[str, object] | None:
    """One line as an entry. A killed Envoy leaves half a line, and its successor goes on right behind it."""
    for start in (0, line.rfind(b'{"')):
        with suppress(orjson.JSONDecodeError):
            entry = orjson.loads(line[max(start, 0) :])
            return entry if isinstance(entry, dict) else None
    return None
