"""The events of a stream in order: each waits until all its texts are settled, and leaves edited or as it came."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Protocol

from extproc.dialects.sse import Event
from extproc.dialects.texts import Fragment
from extproc.guard.text import Piece
from extproc.model import JsonPath


class Writer(Protocol):
    """How a dialect writes events."""

    def write(self, event: Event, values: Mapping[JsonPath, str]) -> bytes: ...
    def part(self, event: Event, fragment: Fragment, text: str) -> bytes | None: ...


@dataclass(slots=True)
class Waiting:
    """An event that waits, and what became of its texts so far. Its texts are numbered from `first` on."""

    event: Event
    fragments: tuple[Fragment, ...]
    first: int
    parts: list[list[str]]
    missing: int
    begun: bool = False  # the beginning of its text went out as an event of its own

    def values(self) -> dict[JsonPath, str]:
        """The texts that are not what they were."""
        found = {}
        for fragment, parts in zip(self.fragments, self.parts, strict=True):
            text = parts[0] if len(parts) == 1 else "".join(parts)
            if text is not fragment.value and (self.begun or text != fragment.value):
                found[fragment.path] = text
        return found


@dataclass(slots=True)
class EventQueue:
    """`size` counts the bytes of the events that wait, `left` the events that do not any more."""

    writer: Writer
    size: int = 0
    left: int = 0
    _events: deque[Waiting] = field(default_factory=deque)
    _places: dict[int, Waiting] = field(default_factory=dict)
    _next: int = 0

    def __bool__(self) -> bool:
        return bool(self._events)

    def __iter__(self) -> Iterator[Waiting]:
        return iter(self._events)

    def put(self, event: Event, fragments: tuple[Fragment, ...]) -> Waiting:
        """An event behind all others."""
        waiting = Waiting(event, fragments, self._next, [[] for _ in fragments], len(fragments))
        for _ in fragments:
            self._places[self._next] = waiting
            self._next += 1
        self._events.append(waiting)
        self.size += len(event.raw)
        return waiting

    def settle(self, piece: Piece) -> None:
        """A part of one text is settled."""
        waiting = self._places[piece.number]
        waiting.parts[piece.number - waiting.first].append(piece.text)
        if piece.last:
            waiting.missing -= 1
            del self._places[piece.number]

    def release(self) -> list[bytes]:
        """The events that need not wait any more."""
        out = []
        while self._events and not self._events[0].missing:
            waiting = self._events.popleft()
            self.left += 1
            self.size -= len(waiting.event.raw)
            values = waiting.values()
            out.append(self.writer.write(waiting.event, values) if values else waiting.event.raw)
        return out

    def begin(self) -> bytes:
        """The first event's text as far as it is settled, as an event of its own."""
        waiting = self._events[0] if self._events else None
        if waiting is None or len(waiting.fragments) != 1 or not waiting.parts[0]:
            return b""
        sent = self.writer.part(waiting.event, waiting.fragments[0], "".join(waiting.parts[0]))
        if sent is None:
            return b""
        waiting.parts[0].clear()
        waiting.begun = True
        return sent

    def clear(self) -> None:
        """Nothing that waits will leave."""
        self._events.clear()
        self._places.clear()
        self.size = 0
