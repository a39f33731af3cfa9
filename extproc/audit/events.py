"""The merged events on disk: one JSON object a line, a file a day (UTC), appended by the shipper, read by anyone.

A file is in the order in which the shipper wrote, which is what `recorded_at` says. An event is recorded after it
began, so what began at some time stands behind all that was recorded before: readers begin or stop there.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import islice
from math import inf
from pathlib import Path
from typing import BinaryIO

import orjson

CLOCK_SET_BACK = 60.0
"""Seconds by which a clock may be corrected without an event that stands out of order being missed."""


class EventLog:
    """The shipper's side: appends, and knows which requests are in already."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        directory.mkdir(parents=True, exist_ok=True, mode=0o700)

    def append(self, events: Sequence[Mapping[str, object]], now: float) -> None:
        """Write whole lines with one write(2): a killed shipper leaves at most one torn line.

        Raises OSError, and has then written nothing.
        """
        path = self._directory / f"{_day(now)}.jsonl"
        data = b"".join(orjson.dumps(event) + b"\n" for event in events)
        fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
        try:
            before = os.fstat(fd).st_size
            if os.write(fd, data) != len(data):
                os.ftruncate(fd, before)
                raise OSError(f"{path}: a short write; is the disk full?")
        finally:
            os.close(fd)

    def mend(self) -> None:
        """Cut a torn last line, whose event will be written again. Raises OSError."""
        for path in sorted(self._directory.glob("*.jsonl"))[-1:]:
            with path.open("r+b") as file:
                file.truncate(_complete(file))

    def since(self, start: float) -> Iterator[dict[str, object]]:
        """The events that were recorded at `start` (Unix seconds) or later, and some before."""
        return EventTail(self._directory).recorded_since(start)


CHUNK = 1 << 20
"""Bytes that a reader has in memory at a time."""


@dataclass(slots=True)
class EventTail:
    """Reads events, and on the next call those that came since. `offsets` says how far each file was read."""

    directory: Path
    offsets: dict[str, int] = field(default_factory=dict)

    def read(self) -> Iterator[dict[str, object]]:
        """Complete lines not read before, oldest file first."""
        while events := self.take(1000):
            yield from events

    def take(self, most: int) -> list[dict[str, object]]:
        """At most so many of them. Files that are gone are forgotten; a failure (OSError) takes none."""
        paths = sorted(self.directory.glob("*.jsonl"))
        offsets = {path.name: self.offsets.get(path.name, 0) for path in paths}
        events: list[dict[str, object]] = []
        for path in paths:
            with suppress(FileNotFoundError):  # somebody may have deleted it
                if path.stat().st_size == offsets[path.name]:
                    continue
                with path.open("rb") as file:
                    while len(events) < most and (lines := _lines(file, offsets[path.name])):
                        lines = lines[: most - len(events)]
                        events += _events(lines)
                        offsets[path.name] += sum(map(len, lines))
        self.offsets = offsets
        return events

    def since(self, start: float) -> Iterator[dict[str, object]]:
        """Those that began at `start` (Unix seconds) or later."""
        return (event for event in self.recorded_since(start) if _began(event) >= start)

    def recorded_since(self, start: float) -> Iterator[dict[str, object]]:
        """Those that were recorded then or later, and some before; files of earlier days are not opened."""
        start = max(start - CLOCK_SET_BACK, 0.0)
        for path in self.directory.glob("*.jsonl"):
            with suppress(FileNotFoundError):
                if path.stem < _day(start):
                    self.offsets[path.name] = path.stat().st_size
                elif path.stem == _day(start):
                    with path.open("rb") as file:
                        self.offsets[path.name] = _first_recorded(file, start)
        return self.read()

    def last(
        self, most: int, wanted: Callable[[Mapping[str, object]], bool], since: float = 0.0
    ) -> list[dict[str, object]]:
        """The last so many that are wanted and began at `since` (Unix seconds) or later, old ones first.

        Read backwards, and no further than needed. All that is there now counts as read.
        """
        paths = self._pass_all()
        events = (event for event in self._backwards(paths, since) if _began(event) >= since and wanted(event))
        return list(islice(events, most))[::-1]

    def find(self, key: str) -> dict[str, object] | None:
        """The event with this id or request id, the newest first; lines that do not name it are not parsed."""
        try:
            name = orjson.dumps(key)
        except orjson.JSONEncodeError:  # bytes of a command line that are no text
            return None
        lines = (line for path in self._pass_all() for line in self._lines_backwards(path) if name in line)
        return next((event for event in _events(lines) if key in (event.get("id"), event.get("request_id"))), None)

    def _pass_all(self) -> list[Path]:
        """Count everything as read; the files, the newest first."""
        paths = sorted(self.directory.glob("*.jsonl"), reverse=True)
        for path in paths:
            with suppress(FileNotFoundError), path.open("rb") as file:
                newest = path == paths[0]  # the only one that may still be written to
                self.offsets[path.name] = _complete(file) if newest else file.seek(0, os.SEEK_END)
        return paths

    def _backwards(self, paths: Sequence[Path], since: float) -> Iterator[dict[str, object]]:
        """Those that were recorded at `since` or later, and perhaps some before, the newest first."""
        start = max(since - CLOCK_SET_BACK, 0.0)
        for path in paths:
            if path.stem < _day(start):
                return
            for event in _events(self._lines_backwards(path)):
                if _recorded(event) < start:
                    return
                yield event

    def _lines_backwards(self, path: Path) -> Iterator[bytes]:
        with suppress(FileNotFoundError), path.open("rb") as file:
            yield from _backwards(file, self.offsets[path.name])


def _day(at: float) -> str:
    return f"{datetime.fromtimestamp(at, UTC):%Y-%m-%d}"


def _began(event: Mapping[str, object]) -> float:
    return float(str(event.get("at") or 0))


def _recorded(event: Mapping[str, object]) -> float:
    """Never, where it does not say: then nothing follows from it."""
    return float(str(event.get("recorded_at", inf)))


def _events(lines: Iterable[bytes]) -> Iterator[dict[str, object]]:
    """A line that is none is skipped: a machine that lost its power may leave one."""
    for line in lines:
        with suppress(orjson.JSONDecodeError):
            yield orjson.loads(line)


def _complete(file: BinaryIO) -> int:
    """Where the last complete line ends; the next one may still be being written."""
    end = file.seek(0, os.SEEK_END)
    while end:
        start = max(0, end - CHUNK)
        file.seek(start)
        if found := file.read(end - start).rfind(b"\n") + 1:
            return start + found
        end = start
    return 0


def _backwards(file: BinaryIO, end: int) -> Iterator[bytes]:
    """The lines before this offset, the last one first."""
    rest = b""
    while end:
        start = max(0, end - CHUNK)
        file.seek(start)
        rest, *lines = (file.read(end - start) + rest).split(b"\n")
        yield from (line for line in reversed(lines) if line)
        end = start
    if rest:
        yield rest


def _first_recorded(file: BinaryIO, start: float) -> int:
    """Where a line begins before which all was recorded before `start`, found by halving."""
    low, high = 0, file.seek(0, os.SEEK_END)
    while high - low > CHUNK:
        middle = (low + high) // 2
        file.seek(middle)
        file.readline()  # the rest of a line
        at = file.tell()
        if at < high and any(_recorded(event) < start for event in _events([file.readline()])):
            low = at
        else:
            high = middle
    return low


def _lines(file: BinaryIO, offset: int) -> list[bytes]:
    """The complete lines in the chunk at this offset; in a larger one where the first line does not end in it."""
    size = CHUNK
    while True:
        file.seek(offset)
        data = file.read(size)
        end = data.rfind(b"\n") + 1
        if end or len(data) < size:
            return data[:end].splitlines(keepends=True)
        size *= 2
