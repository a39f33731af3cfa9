"""What a worker heard from the keeper a moment ago: a question that many ask now is answered without asking again.

Pure; the clock is the caller's. An answer is held for a second, so that a fresher one, or its end, is seen by then: as
old as any other reading that workers hold of the keeper's state (design D8).
"""

from __future__ import annotations

from collections import OrderedDict

from extproc.cache.commands import Found

HELD_SECONDS = 1.0
MOST_BYTES = 16 << 20


class Recent:
    """The answers that were heard last, by key. Times are seconds of a clock that never goes back."""

    def __init__(self, *, seconds: float = HELD_SECONDS, most_bytes: int = MOST_BYTES) -> None:
        self._seconds = seconds
        self._most = most_bytes
        self._size = 0
        self._found: OrderedDict[bytes, tuple[float, Found]] = OrderedDict()

    def __len__(self) -> int:
        return len(self._found)

    def get(self, key: bytes, now: float) -> Found | None:
        """An answer that was heard less than a second ago."""
        held = self._found.get(key)
        if held is None or now - held[0] >= self._seconds:
            return None
        return held[1]

    def put(self, key: bytes, found: Found, now: float) -> None:
        """Hold an answer; old ones go."""
        self.drop(key)
        self._found[key] = (now, found)
        self._size += _size(found)
        while self._found:
            oldest = next(iter(self._found))
            if self._size <= self._most and now - self._found[oldest][0] < self._seconds:
                return
            self.drop(oldest)

    def drop(self, key: bytes) -> None:
        """Forget an answer: there is a newer one."""
        held = self._found.pop(key, None)
        if held:
            self._size -= _size(held[1])


def _size(found: Found) -> int:
    return len(found.entry.body) + len(found.entry.events)
