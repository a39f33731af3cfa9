"""What a worker says to the keeper about the cache, and what the keeper answers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from extproc.cache.entry import Entry


@dataclass(frozen=True, slots=True)
class Look:
    """Who knows the answer to this question? `wait` is how many seconds whoever asks the same waits for the one who is
    fetching it, which may become this one; 0 for a question that neither waits nor fetches for others.
    """

    key: bytes
    wait: float


@dataclass(frozen=True, slots=True)
class Found:
    """An answer, and how many seconds ago it was stored."""

    entry: Entry
    age: int


@dataclass(frozen=True, slots=True)
class Lead:
    """Nobody knows it, and the others wait for you: `Fill` or `Abandon` must follow."""


@dataclass(frozen=True, slots=True)
class Free:
    """Nobody knows it and nobody waits: fetch it for yourself."""


Answer = Found | Lead | Free


@dataclass(frozen=True, slots=True)
class Fill:
    """A provider's whole reply as it was sent to the client: a JSON body, or the events of a stream.

    `hidden` is an event that the client was not shown, because we alone had asked for it.
    """

    key: bytes
    dialect: str
    form: Literal["json", "stream"]
    data: bytes
    wanted_usage: bool
    ttl: float
    hidden: bytes = b""


@dataclass(frozen=True, slots=True)
class Abandon:
    """What was led will not be filled: whoever waits fetches for itself."""

    key: bytes


Fact = Fill | Abandon
