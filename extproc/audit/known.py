"""Which requests have an event already, so that no entry that is read late or twice makes another one.

An id is known while a source on disk names it, and longer where one of its entries never came and still may.
What is known is therefore bounded by what lies on disk and by what went wrong in a day, not by the gateway's age.
"""

from __future__ import annotations

import heapq
from collections.abc import Iterable
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field


@dataclass(slots=True)
class Known:
    """`until` holds, for a part of `ids`, the time before which they are not forgotten."""

    ids: set[str] = field(default_factory=set)
    until: dict[str, float] = field(default_factory=dict)
    _due: list[tuple[float, str]] = field(default_factory=list)

    def __contains__(self, key: object) -> bool:
        return key in self.ids

    def __len__(self) -> int:
        return len(self.ids)

    def add(self, key: str, until: float = 0.0) -> None:
        """One request whose event is written, or about to be."""
        self.ids.add(key)
        if until:
            self.until[key] = until
            heapq.heappush(self._due, (until, key))

    def forget(self, ids: AbstractSet[str], named: Iterable[AbstractSet[str]]) -> None:
        """A source with these ids is gone; `named` are the ids of those that are left."""
        gone = (self.ids & ids) - self.until.keys()
        for others in named:
            gone -= others
        self.ids -= gone

    def expire(self, now: float, named: Iterable[AbstractSet[str]]) -> None:
        """What waited for a late entry has waited long enough."""
        over = set()
        while self._due and self._due[0][0] <= now:
            until, key = heapq.heappop(self._due)
            if self.until.get(key) == until:
                del self.until[key]
                over.add(key)
        if over:
            self.forget(over, named)
