"""The merged events on disk: one JSON object a line, a file a day (UTC), appended by the shipper, read by anyone."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import BinaryIO

import orjson

FILTERS = ("decision", "key_id", "model", "path", "policy", "provider", "reason", "source", "status", "team", "user")
"""What `--filter` may name."""


class EventLog:
    """The shipper's side: appends, and knows which requests are in already."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        directory.mkdir(parents=True, exist_ok=True, mode=0o700)

    def append(self, events: Sequence[Mapping[str, object]], now: float) -> None:
        """Write whole lines with one write(2): a killed shipper leaves at most one torn line.

        Raises OSError, and has then written nothing.
        """
        path = self._directory / f"{datetime.fromtimestamp(now, UTC):%Y-%m-%d}.jsonl"
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
        """The events that were written at `start` (Unix seconds) or later, and on that day before."""
        return EventTail(self._directory).days_since(start)


CHUNK = 1 << 20
"""Bytes that a reader has in memory at a time."""


@dataclass(slots=True)
class EventTail:
    """Reads events, and on the next call those that came since. `offsets` says how far each file was read."""

    directory: Path
    offsets: dict[str, int] = field(default_factory=dict)

    def read(self) -> Iterator[dict[str, object]]:
        """Complete lines not read before, oldest file first."""
        while events := self.take(10_000):
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
        return (event for event in self.days_since(start) if float(str(event.get("at") or 0)) >= start)

    def days_since(self, start: float) -> Iterator[dict[str, object]]:
        """Those in the files of that day and later ones; the others are not opened."""
        day = f"{datetime.fromtimestamp(max(start, 0.0), UTC):%Y-%m-%d}"
        for path in self.directory.glob("*.jsonl"):
            if path.stem < day:
                self.offsets[path.name] = path.stat().st_size
        return self.read()

    def last(self, most: int, wanted: Callable[[Mapping[str, object]], bool]) -> list[dict[str, object]]:
        """The last so many that are wanted, old ones first; all that is there now counts as read. Read backwards."""
        found: list[dict[str, object]] = []
        for path in sorted(self.directory.glob("*.jsonl"), reverse=True):
            if len(found) == most:
                self.offsets[path.name] = path.stat().st_size
                continue
            with path.open("rb") as file:
                self.offsets[path.name] = end = _complete(file)
                for line in _backwards(file, end):
                    found += [event for event in _events([line]) if wanted(event)]
                    if len(found) == most:
                        break
        return found[::-1]


def _events(lines: Sequence[bytes]) -> Iterator[dict[str, object]]:
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


def matches(event: Mapping[str, object], filters: Mapping[str, str]) -> bool:
    """Whether every filter's value is the event's."""
    return all(str(event.get(name, "")) == value for name, value in filters.items())


def line(event: Mapping[str, object]) -> str:
    """An event for people."""
    at = event.get("at")
    when = f"{datetime.fromtimestamp(float(str(at)), UTC):%H:%M:%S}" if at else "--:--:--"
    who = str(event.get("user") or "-")
    what = f"{event.get('decision')!s:9} {event.get('status') or '-'} {who} {event.get('model') or '-'}"
    end = f' policy={event["policy"]} reason="{event.get("reason")}"' if event.get("policy") else ""
    reason = f' reason="{event["reason"]}"' if event.get("reason") and not end else ""
    return f"{when} {what} {event.get('duration_ms') or 0}ms{end}{reason}"
