"""A check as a value, what it is asked about, and what it found."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Literal

Pairs = tuple[tuple[str, str], ...]
Speaks = Literal["openai", "anthropic"]


@dataclass(frozen=True, slots=True)
class Subject:
    """A gateway as a client is set up for it. `embedding` is empty where no model embeds."""

    key: str = field(repr=False)
    model: str
    embedding: str = ""


@dataclass(frozen=True, slots=True)
class Ask:
    """One request. The path begins with `/` below the gateway's root and may have a query."""

    method: str
    path: str
    headers: Pairs = field(repr=False)  # a key is in them
    body: bytes = b""


@dataclass(frozen=True, slots=True)
class Reply:
    """The whole answer, decoded. Header names are in lower case; `cut` says why the body is not whole."""

    status: int
    headers: Mapping[str, str]
    body: bytes
    cut: str = ""


Judge = Callable[[Reply], str]
"""What is wrong with a reply, for people; empty where nothing is."""


@dataclass(frozen=True, slots=True)
class Turn:
    """One request of a check, made of what came before, and how its reply is judged."""

    ask: Callable[[Subject, tuple[Reply, ...]], Ask]
    judge: Judge


@dataclass(frozen=True, slots=True)
class Check:
    """Turns in order; the first fault ends them.

    `breaks` is what a user of the client sees where it fails, `next` what the gateway has to do.
    """

    name: str
    turns: tuple[Turn, ...]
    breaks: str
    next: str
    needs_embedding: bool = False


@dataclass(frozen=True, slots=True)
class Client:
    """A client and its checks. `source` says which version was recorded or read, and how.

    `below` is what stands between a gateway's root and `/v1` where a client needs a base URL of its own.
    """

    name: str
    title: str
    speaks: Speaks
    source: str
    checks: tuple[Check, ...]
    below: str = ""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What one check found; `seconds` is how long its turns took together."""

    check: Check
    status: Literal["ok", "fail", "skip"]
    message: str
    seconds: float


def once(ask: Callable[[Subject], Ask], judge: Judge) -> tuple[Turn]:
    """The turns of a check that asks one thing."""
    return (Turn(lambda subject, _: ask(subject), judge),)
