"""What the keeper does about a command. The clock and the shelf are given; whoever is to be told comes back."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Protocol

from extproc.cache import filling
from extproc.cache.commands import Abandon, Fill, Free, Lead, Look
from extproc.cache.entry import DamagedEntry, stored_at
from extproc.keeper import protocol
from extproc.keeper.flights import Flights
from extproc.keeper.protocol import Command, Leave, Ping
from extproc.keeper.shelf import Shelf
from extproc.routing.kept import Keep, Whose

log = logging.getLogger(__name__)

MOST_FLIGHTS = 100_000
"""What is fetched for others at the same time; more than that many open requests no host has."""

CLOCK_SECONDS = 5.0
"""How far a clock may be set back without entries being lost: what time servers correct at once."""


class Line(Protocol):
    """A connection, as its owner sees it."""

    def __hash__(self) -> int: ...
    def write(self, data: bytes) -> None: ...


@dataclass(slots=True)
class Service:
    """`now` is Unix time in seconds; `owners` has whose each kept response is."""

    shelf: Shelf
    dialects: Mapping[str, filling.Keeps]
    now: Callable[[], float]
    owners: Shelf
    flights: Flights[Line] = field(default_factory=Flights[Line])

    def take(self, line: Line, number: int, command: Command) -> None:
        """Perform a command."""
        match command:
            case Look():
                self._look(line, number, command)
            case Leave():
                self._release(self.flights.leave(line, number))
            case Fill():
                self._fill(command)
            case Abandon():
                self._release(self.flights.land(command.key))
            case Keep():
                self._keep(command)
            case Whose(keys):
                now = self.now()
                line.write(protocol.owners(number, [self.owners.get(key, now) or b"" for key in keys]))
            case Ping():
                line.write(protocol.pong(number))

    def gone(self, line: Line) -> None:
        """A worker is gone: it waits for nothing, and nobody waits for it."""
        self._release(self.flights.gone(line))

    def _look(self, line: Line, number: int, look: Look) -> None:
        now = self.now()
        if found := self._stored(look.key, now):
            line.write(protocol.found(number, *found))
        elif answer := self._join(line, number, look, now):
            line.write(protocol.answer(number, answer))

    def _join(self, line: Line, number: int, look: Look, now: float) -> Lead | Free | None:
        """What becomes of whoever asks for what is not there; None for one that waits."""
        if look.wait and self.flights.flying(look.key):
            return None if self.flights.wait(look.key, line, number, now) else Free()
        if not look.wait or len(self.flights) >= MOST_FLIGHTS:
            return Free()
        self.flights.lead(look.key, line, number, now + look.wait)
        return Lead()

    def _stored(self, key: bytes, now: float) -> tuple[bytes, int] | None:
        """An entry's bytes and its age. What is damaged is none; nor is what comes from the future, for then a clock
        was set back, and nobody knows how old it is.
        """
        value = self.shelf.get(key, now)
        try:
            age = now - stored_at(value) if value else -CLOCK_SECONDS
        except DamagedEntry:
            return None
        return (value, max(0, int(age))) if value and age > -CLOCK_SECONDS else None

    def _keep(self, keep: Keep) -> None:
        """Nobody takes over what is another's."""
        now = self.now()
        for key in keep.keys:
            if self.owners.get(key, now) is None:
                self.owners.put(key, keep.org.encode(), now + keep.ttl, now)

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
