"""Where the texts of a chat body stand, and how edited ones are written back."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import orjson

from extproc.dialects.arguments import joined, runs
from extproc.dialects.json_text import splice
from extproc.dialects.texts import changed
from extproc.model import JsonPath, Text

MEDIA = frozenset({"image_url", "input_audio", "file"})
"""Keys whose values are encoded media, whatever their shape."""

OPAQUE = frozenset({"id", "type", "role", "tool_call_id"})
"""Keys whose strings are identifiers. An object under such a name, as in a tool's schema, is read all the same."""

REPLY_OPAQUE = OPAQUE | {"finish_reason", "bytes", "encrypted_content", "signature", "data", "object"}

ARGUMENTS = "arguments"
"""The key of a tool call's arguments: JSON in a string. Its own strings are texts, numbered, each by itself."""


def strings(value: object, path: JsonPath, role: str, opaque: frozenset[str]) -> Iterator[Text]:
    """Every string below `value` that is not under an opaque key."""
    if isinstance(value, str):
        if value and path[-1] == ARGUMENTS:
            yield from (Text((*path, number), role, run) for number, run in enumerate(runs(value)) if run)
        elif value:
            yield Text(path, role, value)
    elif isinstance(value, dict):
        for key, child in value.items():
            if key not in MEDIA and not (key in opaque and isinstance(child, str)):
                yield from strings(child, (*path, key), role, opaque)
    elif isinstance(value, list):
        for index, child in enumerate(value):
            yield from strings(child, (*path, index), role, opaque)


def write(body: bytes, before: tuple[Text, ...], after: tuple[Text, ...]) -> bytes:
    """The body with the texts that changed; every other byte is the same."""
    return splice(body, _values(orjson.loads(body), changed(before, after)))


def _values(value: Any, texts: Mapping[JsonPath, str]) -> dict[JsonPath, str | None]:
    """The values to be replaced: arguments put together again, the log probabilities of an edited choice gone."""
    found: dict[JsonPath, str | None] = {}
    arguments: dict[JsonPath, dict[int, str]] = {}
    for path, text in texts.items():
        number = path[-1]
        if isinstance(number, int) and path[-2] == ARGUMENTS:
            arguments.setdefault(path[:-1], {})[number] = text
        else:
            found[path] = text
    for path, edits in arguments.items():
        found[path] = joined(_at(value, path), edits)
    return {**found, **dict.fromkeys(repeating(value, found), None)}


def repeating(value: Any, edited: Mapping[JsonPath, object]) -> list[JsonPath]:
    """The log probabilities that would repeat what these edits took away."""
    indices = {path[1] for path in edited if path[0] == "choices"}
    return [("choices", index, "logprobs") for index in indices if value["choices"][index].get("logprobs") is not None]


def _at(value: Any, path: JsonPath) -> Any:
    for step in path:
        value = value[step]
    return value
