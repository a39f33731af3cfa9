"""What the suite of the SDKs asks of an API: a provider's words in its shape, and its SDK's ways to hear them.

    player.play(speaker.reply(said)); assert speaker.ask(client, "whole") == said

`Said` is what a model says, whatever the API; a speaker writes it as the provider does and reads it as the SDK does.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from types import ModuleType
from typing import Any, Literal, Protocol

from live import Gateway
from pydantic import BaseModel

Way = Literal["whole", "events", "helper"]
"""How the SDK is asked: for a reply, for a stream's events, or through its own helper that puts a stream together."""

WAYS: tuple[Way, ...] = ("whole", "events", "helper")
TOKENS = (11, 7)
"""What each reply took, in and out."""


@dataclass(frozen=True, slots=True)
class Call:
    """A call of a tool; the arguments are JSON as the model wrote it."""

    id: str
    name: str
    arguments: str


@dataclass(frozen=True, slots=True)
class Said:
    """A reply. `seal` is what a provider signs or encrypts its thought with, and wants back unchanged."""

    text: str = ""
    calls: tuple[Call, ...] = ()
    thought: str = ""
    seal: str = ""


class Weather(BaseModel):
    """A structured answer."""

    city: str
    celsius: float


class Speaker(Protocol):
    """One API and its SDK. `errors` is the SDK, which has its exceptions.

    `reply`, `events` and `delta` are what the provider sends; `error` its refusal, `broken` one within a stream, and
    `lament` what the SDK says of that. `fetch` is the SDK's own object for a question, with `more` in the API's words;
    `read` what it says; `ask` both. `begin` is a stream as the SDK has it.
    """

    @property
    def name(self) -> str: ...
    @property
    def errors(self) -> ModuleType: ...
    def client(self, gateway: Gateway, **settings: Any) -> Any: ...
    def reply(self, said: Said) -> bytes: ...
    def events(self, said: Said) -> list[bytes]: ...
    def delta(self, text: str) -> bytes: ...
    def error(self, message: str) -> bytes: ...
    def broken(self, message: str) -> bytes: ...
    def fetch(self, client: Any, way: Way, text: str = "hi", **more: Any) -> Any: ...
    def read(self, reply: Any) -> Said: ...
    def ask(self, client: Any, way: Way, text: str = "hi", **more: Any) -> Said: ...
    def begin(self, client: Any, text: str = "hi") -> Any: ...
    def lament(self, client: Any) -> str: ...


class Talker(Speaker, Protocol):
    """One that holds conversations: `again` asks with an earlier turn before the question, `picture` with pictures
    beside it, `parse` for a `Weather`.
    """

    @property
    def tools(self) -> Sequence[dict[str, Any]]: ...
    def again(self, client: Any, way: Way, before: Said) -> Said: ...
    def picture(self, client: Any, way: Way, data: str, url: str) -> Said: ...
    def parse(self, client: Any, way: Way, text: str = "hi") -> Weather | None: ...


def words(text: str) -> list[str]:
    """A text as tokens come."""
    return text.replace(" ", "\0 ").split("\0")


def pieces(text: str, size: int = 5) -> list[str]:
    """Arguments as they come, cut anywhere."""
    return [text[start : start + size] for start in range(0, len(text), size)]
