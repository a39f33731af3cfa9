"""Where the texts stand in one event of a stream, and which text of the reply each of them belongs to.

Every choice has several texts that grow side by side: content, reasoning, refusal, the arguments of each tool call.
Providers add names of their own, and clients add up whatever strings a delta has: so every string below a delta is part
of a text, unless it is known to be an identifier. Elsewhere clients keep the last, and a string stands alone.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from extproc.dialects import UnreadableReply
from extproc.dialects.json_text import KEY
from extproc.dialects.openai_chat.logprobs import LOGPROBS, spelled
from extproc.dialects.openai_chat.names import NAMES, unknown
from extproc.dialects.openai_chat.texts import ARGUMENTS, HOLDS_TEXT, REPLY_OPAQUE, WORDLESS, opaque
from extproc.dialects.texts import Form, Fragment
from extproc.model import JsonPath

_ADDED_UP: Mapping[str, Form] = {"delta": "brief", "message": "brief"}
"""The members of a choice that clients add up, event by event."""

_FORMS: dict[str, Form] = {
    ARGUMENTS: "json",
    **dict.fromkeys(
        ("content", "reasoning_content", "reasoning", "refusal", "text", "thinking", "transcript"), "growing"
    ),
}
"""By name, wherever it stands."""

_PARTS = frozenset({"text", "thinking", "refusal"})
"""What a part of a content list has one of. Clients append parts, so those of one type are one text."""


def of_choice(
    choice: dict[str, Any], place: int, index: int, added_up: Mapping[str, Form] = _ADDED_UP
) -> Iterator[Fragment]:
    """The texts of the choice at this place of an event."""
    for key, child in choice.items():
        if key not in NAMES:
            yield from _word(key, ("choices", place, key))
        if key == LOGPROBS:
            if child is not None:
                yield from _tokens(child, ("choices", place, key), index)
        elif isinstance(child, HOLDS_TEXT):
            yield from _strings(child, ("choices", place, key), (index, key), added_up.get(key, "whole"))


def of_others(value: dict[str, Any]) -> Iterator[Fragment]:
    """The texts of an event outside of its choices."""
    for key, child in value.items():
        if key not in NAMES:
            yield from _word(key, (key,))
        if isinstance(child, str):
            if not opaque(key, child, WORDLESS):
                yield from _strings(child, (key,), (key,), "whole")
        elif key != "choices" and isinstance(child, HOLDS_TEXT):
            yield from _strings(child, (key,), (key,), "whole")


def _tokens(logprobs: object, path: JsonPath, index: int) -> Iterator[Fragment]:
    for name, text in spelled(logprobs):
        if text:
            yield Fragment(
                (index, LOGPROBS, name), (*path, name), text, "whole" if name.endswith("/else") else "growing"
            )


def _word(key: str, path: JsonPath) -> Iterator[Fragment]:
    """The key that ends `path`, where it is none of the API's."""
    if unknown(key):
        yield Fragment(("keys",), (*path, KEY), key, "whole")


def _strings(value: object, path: JsonPath, key: JsonPath, form: Form) -> Iterator[Fragment]:
    """Every string below `value`, with the name of the text that it belongs to."""
    if isinstance(value, str):
        if value and not opaque(path[-1], value, REPLY_OPAQUE):
            yield Fragment(key, path, value, form)
    elif isinstance(value, dict):
        for name, child in value.items():
            if name not in NAMES:
                yield from _word(name, (*path, name))
            if isinstance(child, HOLDS_TEXT):
                known = form if name == ARGUMENTS and not isinstance(child, str) else _FORMS.get(name, form)
                yield from _strings(child, (*path, name), (*key, name), known)
    elif isinstance(value, list):
        for place, child in enumerate(value):
            yield from _strings(child, (*path, place), (*key, _number(child, place)), form)


def _number(child: object, place: int) -> str | int:
    """Which member of a list this is: by the list's own numbering, where it has one."""
    if not isinstance(child, dict):
        return ""  # strings in a list are added up like parts
    index = child.get("index")
    if isinstance(index, int):
        return index
    if index is not None:
        raise UnreadableReply("an event numbers the members of a list by something else than numbers")
    kind = child.get("type")
    return kind if isinstance(kind, str) and not _PARTS.isdisjoint(child) else place
