"""From hits to edits, for the kinds that redact: finds, marks, and keeps JSON texts JSON."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from extproc.detect.json_strings import Find, hides, places, replaced
from extproc.model import Edit, Text

Quiet = Callable[[str], bool]
"""Whether nothing is in texts that are joined by line feeds; False where that is not sure."""

Mark = Callable[[str, str], str]
"""(label, value) -> what stands in its place."""


def redactions(texts: Sequence[Text], find: Find, mark: Mark, quiet: Quiet) -> tuple[Edit, ...]:
    """An edit for every hit. Raises what `find` and `places` raise: a text that was not searched must not pass."""
    return tuple(
        Edit(text.path, place.start, place.end, replaced(place, mark(place.label, place.value)), place.label)
        for text in _doubtful(texts, quiet)
        for place in places(text.value, find)
    )


def _doubtful(texts: Sequence[Text], quiet: Quiet) -> Sequence[Text]:
    """The texts in which something may be found: of those that hide nothing, mostly none."""
    hiding: list[Text] = []
    plain: list[str] = []
    for text in texts:
        if "\\" in text.value and hides(text.value):  # few have a backslash at all
            hiding.append(text)
        else:
            plain.append(text.value)
    return texts if len(plain) < 2 or not quiet("\n".join(plain)) else hiding
