"""Single flight: of those who ask the same thing at the same time, one fetches the answer and the others wait for it.

Pure. A connection may be any hashable value; whoever asks is a connection and the number of its question.
"""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass, field
from typing import Generic, TypeVar

Connection = TypeVar("Connection", bound=Hashable)


@dataclass(slots=True)
class _Flight(Generic[Connection]):
    """The first of `asking` leads."""

    until: float
    asking: dict[tuple[Connection, int], None] = field(default_factory=dict)


class Flights(Generic[Connection]):
    """What is being fetched. Whoever is released is told by the caller, who gives the time too, in seconds."""

    def __init__(self) -> None:
        self._flights: dict[bytes, _Flight[Connection]] = {}
        self._asked: dict[Connection, dict[int, bytes]] = {}

    def __len__(self) -> int:
        return len(self._flights)

    @property
    def waiting(self) -> int:
        """How many wait for the answer of another."""
        return sum(map(len, self._asked.values())) - len(self._flights)

    def flying(self, key: bytes) -> bool:
        """Whether somebody is fetching this."""
        return key in self._flights

    def lead(self, key: bytes, connection: Connection, number: int, until: float) -> None:
        """This one fetches what nobody is fetching; to begin to wait for it makes sense `until` then."""
        self._flights[key] = _Flight(until)
        self._ask(key, connection, number)

    def wait(self, key: bytes, connection: Connection, number: int, now: float) -> bool:
        """Whether this one may wait for what is being fetched: not where that takes too long already."""
        if now >= self._flights[key].until:
            return False
        self._ask(key, connection, number)
        return True

    def leave(self, connection: Connection, number: int) -> list[tuple[Connection, int]]:
        """This one has gone: it waits no more, and nobody waits for what it led."""
        key = self._asked.get(connection, {}).get(number)
        if key is None:
            return []
        asking = self._flights[key].asking
        if next(iter(asking)) == (connection, number):
            return self.land(key)
        del asking[connection, number]
        self._forget(connection, number)
        return []

    def land(self, key: bytes) -> list[tuple[Connection, int]]:
        """The flight is over, whatever came of it: those who waited, in the order in which they came."""
        flight = self._flights.pop(key, None)
        asking = list(flight.asking) if flight else []
        for each in asking:
            self._forget(*each)
        return asking[1:]

    def gone(self, connection: Connection) -> list[tuple[Connection, int]]:
        """A connection has ended: all of its questions leave. Those of others who waited for what it led."""
        numbers = list(self._asked.get(connection, ()))
        return [each for number in numbers for each in self.leave(connection, number) if each[0] != connection]

    def _ask(self, key: bytes, connection: Connection, number: int) -> None:
        self._flights[key].asking[connection, number] = None
        self._asked.setdefault(connection, {})[number] = key

    def _forget(self, connection: Connection, number: int) -> None:
        asked = self._asked[connection]
        del asked[number]
        if not asked:
            del self._asked[connection]
