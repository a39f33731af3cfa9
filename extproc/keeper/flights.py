"""Single flight: of those who ask the same thing at the same time, one fetches the answer and the others wait for it.

Pure. A connection may be any hashable value; a waiter is a connection and the number of its question.
"""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass, field
from typing import Generic, TypeVar

Connection = TypeVar("Connection", bound=Hashable)


@dataclass(slots=True)
class _Flight(Generic[Connection]):
    leader: Connection
    waiters: dict[tuple[Connection, int], None] = field(default_factory=dict)


class Flights(Generic[Connection]):
    """What is being fetched. Whoever is released is told by the caller."""

    def __init__(self) -> None:
        self._flights: dict[bytes, _Flight[Connection]] = {}
        self._waiting: dict[tuple[Connection, int], bytes] = {}
        self._leading: dict[Connection, set[bytes]] = {}

    def __len__(self) -> int:
        return len(self._flights)

    def join(self, key: bytes, connection: Connection, number: int) -> bool:
        """Whether this one leads; otherwise it waits."""
        flight = self._flights.get(key)
        if flight is None:
            self._flights[key] = _Flight(connection)
            self._leading.setdefault(connection, set()).add(key)
            return True
        flight.waiters[connection, number] = None
        self._waiting[connection, number] = key
        return False

    def leave(self, connection: Connection, number: int) -> None:
        """This one waits no more."""
        key = self._waiting.pop((connection, number), None)
        if key is not None:
            del self._flights[key].waiters[connection, number]

    def land(self, key: bytes) -> list[tuple[Connection, int]]:
        """The flight is over, whatever came of it: those who waited, in the order in which they came."""
        flight = self._flights.pop(key, None)
        if flight is None:
            return []
        led = self._leading[flight.leader]
        led.discard(key)
        if not led:
            del self._leading[flight.leader]
        for waiter in flight.waiters:
            del self._waiting[waiter]
        return list(flight.waiters)

    def gone(self, connection: Connection) -> list[tuple[Connection, int]]:
        """A connection has ended: it waits for nothing; those of others who waited for what it led."""
        for waiter in [each for each in self._waiting if each[0] == connection]:
            self.leave(*waiter)
        return [waiter for key in list(self._leading.get(connection, ())) for waiter in self.land(key)]
