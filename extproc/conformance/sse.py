"""A whole event stream as events, by the rules of the HTML standard, 9.2.6, that clients keep to."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class StreamEvent:
    """`name` is empty where the stream names none."""

    name: str
    data: str


def events(body: bytes) -> Iterator[StreamEvent]:
    """Those that have data. One that no blank line ends is none, as the standard has it."""
    name, data = "", list[str]()
    for line in _lines(body):
        if line:
            field, _, value = line.partition(":")
            value = value.removeprefix(" ")
            if field == "event":
                name = value
            elif field == "data":
                data.append(value)
            continue
        if data:
            yield StreamEvent(name, "\n".join(data))
        name, data = "", []


def _lines(body: bytes) -> Iterator[str]:
    """The lines that are ended; `str.splitlines` would end some at characters that JSON may hold."""
    text = body.decode("utf-8", "replace").removeprefix("\ufeff").replace("\r\n", "\n").replace("\r", "\n")
    yield from text.split("\n")[:-1]
