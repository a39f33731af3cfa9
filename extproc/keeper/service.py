"""What the keeper does about a command. The clock and the shelf are given; whoever is to be told comes back."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Protocol

from extproc.cache import filling
from extproc.cache.commands import Abandon, Fill, Free, Lead, Look
from extproc.cache.entry import stored_at
from extproc.keeper import protocol
from extproc.keeper.flights import Flights
from extproc.keeper.protocol import Command, Leave
from extproc.keeper.shelf import Shelf

log = logging.getLogger(__name__)


class Line(Protocol):
    """A connection, as its owner sees it."""

    def __hash__(self) -> int: ...
    def write(self, data: bytes) -> None: ...


@dataclass(slots=True)
class Service:
    """`now` is Unix time in seconds."""

    shelf: Shelf
    dialects: Mapping[str, filling.Keeps]
    now: Callable[[], float]
    flights: Flights[Line] = field(default_factory=Flights[Line])

    def take(self, line: Line, number: int, command: Command) -> None:
        """Perform a command."""
        match command:
            case Look():
                self._look(line, number, command)
            case Leave():
                self.flights.leave(line, number)
            case Fill():
                self._fill(command)
            case Abandon():
                self._release(self.flights.land(command.key))

    def gone(self, line: Line) -> None:
        """A worker is gone: it waits for nothing, and nobody waits for it."""
        self._release(self.flights.gone(line))

    def _look(self, line: Line, number: int, look: Look) -> None:
        now = self.now()
        value = self.shelf.get(look.key, now)
        if value is not None:
            line.write(protocol.found(number, value, max(0, int(now - stored_at(value)))))
        elif not look.lead:
            line.write(protocol.answer(number, Free()))
        elif self.flights.join(look.key, line, number):
            line.write(protocol.answer(number, Lead()))

    def _fill(self, fill: Fill) -> None:
        now = self.now()
        entry = filling.entry(fill, self.dialects, now)
        waiters = self.flights.land(fill.key)
        if isinstance(entry, str):
            log.debug("a reply is not kept: %s", entry)
            self._release(waiters)
            return
        value = entry.encode()
        self.shelf.put(fill.key, value, now + fill.ttl, now)
        for line, number in waiters:
            line.write(protocol.found(number, value, 0))

    def _release(self, waiters: list[tuple[Line, int]]) -> None:
        for line, number in waiters:
            line.write(protocol.answer(number, Free()))
