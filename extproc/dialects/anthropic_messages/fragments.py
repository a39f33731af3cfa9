"""Where the texts stand in one event of a stream, and which text of the message each of them belongs to.

A content block has a number, a beginning and an end, and its deltas say where they belong: `text` and `thinking` grow,
`partial_json` is a tool's input as JSON in pieces. What comes at once, a tool's result say, stands in the block's
start, and each of its strings alone. A delta of an unknown kind may do either, and so may an unknown event that names
a block; any other unknown event stands alone.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from extproc.dialects.anthropic_messages.names import unknown
from extproc.dialects.anthropic_messages.texts import LONG, REPLY_OPAQUE, below, inside, opaque
from extproc.dialects.json_text import KEY
from extproc.dialects.texts import Form, Fragment
from extproc.model import JsonPath

_FORMS: dict[str, Form] = {"text": "growing", "thinking": "growing", "partial_json": "json"}

_ALONE: JsonPath = ("alone",)
"""The key of texts that nothing belongs to; no block's, so that they do not count as its going on."""

_MODEL = frozenset({"model"})


def of_start(block: dict[str, Any], path: JsonPath, index: int) -> Iterator[Fragment]:
    """The texts of a block's start: what its deltas go on with, and what stands there whole."""
    own = inside(block, REPLY_OPAQUE)
    for name, child in block.items():
        yield from _word(name, path)
        if name in _FORMS and isinstance(child, str):
            yield from _strings(child, (*path, name), (index, name), _FORMS[name], own)
        else:
            yield from _strings(child, (*path, name), _ALONE, "whole", below(name, own))


def of_delta(delta: dict[str, Any], path: JsonPath, index: int, begun: int) -> Iterator[Fragment]:
    """The texts of a delta of the block that event number `begun` began.

    Whatever begins, clients may add up texts by their index alone; another tool's input is another document.
    """
    own = inside(delta, REPLY_OPAQUE)
    for name, child in delta.items():
        yield from _word(name, path)
        if name == "citation":
            yield from _strings(child, (*path, name), _ALONE, "whole", own)
        else:
            form = _FORMS.get(name, "brief") if isinstance(child, str) else "brief"
            key = (index, name, begun) if form == "json" else (index, name)
            yield from _strings(child, (*path, name), key, form, below(name, own))


def of_others(value: dict[str, Any], known: frozenset[str], index: int | None = None) -> Iterator[Fragment]:
    """The texts of an event outside of these members; with a block's index, they may be part of that block."""
    form: Form = "whole" if index is None else "brief"
    for name, child in value.items():
        yield from _word(name, ())
        if name not in known:
            key = _ALONE if index is None else (index, "", name)
            yield from _strings(child, (name,), key, form, below(name, REPLY_OPAQUE))


def of_message(message: dict[str, Any]) -> Iterator[Fragment]:
    """The texts of a message's start, which may have blocks already."""
    for name, child in message.items():
        yield from _word(name, ("message",))
        if name == "content" and isinstance(child, list):
            for place, block in enumerate(child):
                path = ("message", "content", place)
                if isinstance(block, dict):
                    yield from of_start(block, path, place)
                else:
                    yield from _strings(block, path, _ALONE, "whole", REPLY_OPAQUE)
        else:
            yield from _strings(child, ("message", name), _ALONE, "whole", REPLY_OPAQUE | _MODEL)


def _word(key: str, path: JsonPath) -> Iterator[Fragment]:
    """The key of an object at `path`, where it is none of the API's."""
    if unknown(key):
        yield Fragment(_ALONE, (*path, key, KEY), key, "whole")


def _strings(value: object, path: JsonPath, key: JsonPath, form: Form, keys: frozenset[str]) -> Iterator[Fragment]:
    """Every string below `value`, with the name of the text that it belongs to."""
    if isinstance(value, str):
        if value and not opaque(path[-1], value, keys):
            yield Fragment(key, path, value, form)
    elif isinstance(value, dict):
        own = inside(value, keys)
        for name, child in value.items():
            yield from _word(name, path)
            yield from _strings(child, (*path, name), (*key, name), form, below(name, own))
    elif isinstance(value, list):
        for place, child in enumerate(value):
            yield from _strings(child, (*path, place), (*key, place), form, keys)
    elif isinstance(value, int | float) and abs(value) >= LONG:
        yield Fragment(_ALONE, path, str(value), "whole")
