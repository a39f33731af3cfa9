"""From hits to edits, for the kinds that redact: finds, marks, and keeps JSON texts JSON."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from extproc.detect.json_strings import Find, places, replaced
from extproc.model import Edit, Text

Mark = Callable[[str, str], str]
"""(label, value) -> what stands in its place."""


def redactions(texts: Iterable[Text], find: Find, mark: Mark) -> tuple[Edit, ...]:
    """An edit for every hit. Raises what `find` and `places` raise: a text that was not searched must not pass."""
    return tuple(
        Edit(text.path, place.start, place.end, replaced(place, mark(place.label, place.value)), place.label)
        for text in texts
        for place in places(text.value, find)
    )
