"""A stream that was held to its end: its texts put together for the chain, and taken apart again."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from extproc.dialects.arguments import joined, runs
from extproc.dialects.texts import Fragment
from extproc.guard.queue import EventQueue
from extproc.guard.text import Piece
from extproc.model import JsonPath, Text


def texts(queue: EventQueue) -> tuple[Text, ...]:
    """Every text of the stream; the strings of tool arguments each by itself."""
    found: list[Text] = []
    for key, fragments in _by_key(queue).items():
        value = "".join(fragment.value for _, fragment in fragments)
        if fragments[0][1].form == "json":
            found += (Text((*key, number), "assistant", run) for number, run in enumerate(runs(value)))
        else:
            found.append(Text(key, "assistant", value))
    return tuple(found)


def settle(queue: EventQueue, before: tuple[Text, ...], after: tuple[Text, ...]) -> None:
    """Settle every event. A text that changed goes whole into the first event that had a part of it."""
    changed = {old.path: new.value for old, new in zip(before, after, strict=True) if old.value != new.value}
    for key, fragments in _by_key(queue).items():
        for piece in _pieces(key, fragments, changed):
            queue.settle(piece)


def _pieces(key: JsonPath, fragments: list[tuple[int, Fragment]], changed: dict[JsonPath, str]) -> Iterable[Piece]:
    if fragments[0][1].form == "json":
        edits = {int(path[-1]): value for path, value in changed.items() if path[:-1] == key}
        text = joined("".join(fragment.value for _, fragment in fragments), edits) if edits else None
    else:
        text = changed.get(key)
    for place, (number, fragment) in enumerate(fragments):
        kept = fragment.value if text is None else ""
        yield Piece(number, text if text is not None and place == 0 else kept)


def _by_key(queue: EventQueue) -> dict[JsonPath, list[tuple[int, Fragment]]]:
    found: dict[JsonPath, list[tuple[int, Fragment]]] = {}
    for number, fragment in _numbered(queue):
        key = (*fragment.key, number) if fragment.form == "whole" else fragment.key
        found.setdefault(key, []).append((number, fragment))
    return found


def _numbered(queue: EventQueue) -> Iterator[tuple[int, Fragment]]:
    for waiting in queue:
        yield from enumerate(waiting.fragments, waiting.first)
