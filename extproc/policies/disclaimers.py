"""What a reply must not be without: added to the end of each answer that lacks it."""

from __future__ import annotations

from collections.abc import Sequence

from extproc.detect.json_strings import is_json
from extproc.model import Edit, Text

LABEL = "disclaimer"
_SAID = frozenset({"content", "text"})


def appended(texts: Sequence[Text], notes: Sequence[str]) -> tuple[Edit, ...]:
    """An edit for each answer that lacks one of the notes. An answer that is JSON has no place for them."""
    last = {_answer(text): text for text in texts if text.role == "assistant" and text.path and text.path[-1] in _SAID}
    edits = []
    for text in last.values():
        said = text.value.casefold()
        lacking = [note for note in notes if note.casefold() not in said]
        if lacking and not is_json(text.value):
            edits.append(Edit(text.path, len(text.value), len(text.value), "\n\n" + "\n".join(lacking), LABEL))
    return tuple(edits)


def _answer(text: Text) -> tuple[str | int, ...]:
    """Which of several answers a text belongs to."""
    return text.path[:2] if text.path[0] == "choices" else ()
