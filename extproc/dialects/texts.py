"""The texts of a body or of an event, and edits on them, as values."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from extproc.model import Edit, JsonPath, Text

Form = Literal["growing", "json", "brief", "whole"]


@dataclass(frozen=True, slots=True)
class Fragment:
    """A text in one event of a stream: where it stands there, and which text of the reply it belongs to.

    `growing` goes on in later events; so does `json`, which is JSON itself once it is all there. `brief` may do either:
    a name comes once, and some providers say the same word with every event. `whole` stands alone.
    """

    key: JsonPath
    path: JsonPath
    value: str
    form: Form


def about_tokens(characters: int) -> int:
    """How many tokens so many characters take: four a token is OpenAI's own rule of thumb."""
    return -(-characters // 4)


def apply_edits(texts: tuple[Text, ...], edits: Sequence[Edit]) -> tuple[Text, ...]:
    """The texts with every edit made; a text without edits stays the same object.

    Raises LookupError for an edit of a text that is not there, ValueError for edits that overlap or leave the text.
    """
    by_path: dict[JsonPath, list[Edit]] = {}
    for edit in edits:
        by_path.setdefault(edit.path, []).append(edit)
    missing = by_path.keys() - {text.path for text in texts}
    if missing:
        raise LookupError(f"no text at {next(iter(missing))}")
    return tuple(_edited(text, by_path[text.path]) if text.path in by_path else text for text in texts)


def _edited(text: Text, edits: list[Edit]) -> Text:
    parts: list[str] = []
    at = 0
    for edit in sorted(edits, key=lambda e: (e.start, e.end)):
        if not at <= edit.start <= edit.end <= len(text.value):
            raise ValueError(f"the edit {edit.start}:{edit.end} overlaps another or leaves its text")
        parts += (text.value[at : edit.start], edit.replacement)
        at = edit.end
    return Text(text.path, text.role, "".join((*parts, text.value[at:])))


def changed(before: tuple[Text, ...], after: tuple[Text, ...]) -> dict[JsonPath, str]:
    """The new values of the texts that differ, by path. Both come in the same order."""
    return {new.path: new.value for old, new in zip(before, after, strict=True) if old.value != new.value}
