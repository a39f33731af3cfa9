"""What counts as text in a body of the Messages API, and how edited texts are written back."""

from __future__ import annotations

import json
from collections.abc import Iterator

from extproc.dialects.anthropic_messages.names import unknown
from extproc.dialects.json_text import KEY, insert_member, splice
from extproc.dialects.texts import changed
from extproc.model import JsonPath, Text

KINDS = frozenset({"type"})
"""What is no text in tool definitions and the like, whose other keys people choose."""

_ENCRYPTED = frozenset({"signature", "encrypted_content", "encrypted_index", "encrypted_stdout"})

OPAQUE = KINDS | _ENCRYPTED | {"id", "role", "tool_use_id", "tool_id", "skill_id", "file_id", "media_type"}
"""Keys of a message whose strings are identifiers or coded. An object under such a name is read all the same."""

REPLY_OPAQUE = OPAQUE | {"stop_reason"}

WORDLESS = frozenset({"id", "type", "role", "model", "stop_reason"})
"""Members of a whole reply that hold no text of the model's."""

_CODED = ("base64", "redacted_thinking")
"""Types of objects whose `data` is coded. That of a plain-text source, which has the same name, is text."""

_BELOW = {"input": frozenset[str](), "input_schema": KINDS, "schema": KINDS}
"""Where people choose the keys: nothing in a tool's input is known to be an identifier."""

_TERMS = frozenset({"ttl", "scope"})

LONG = 10**8
"""From nine digits on a number may be somebody's: social security numbers have nine."""

SYSTEM = Text(("system",), "system", "")
"""The place of the system prompt in a request without any words in it."""


def opaque(key: object, value: str, keys: frozenset[str]) -> bool:
    """Whether a string is an identifier or coded, by its key and its looks: in neither are there blanks, or an @."""
    return key in keys and " " not in value and "@" not in value


def inside(value: dict[str, object], keys: frozenset[str]) -> frozenset[str]:
    """The opaque keys of this object, given those of its kind."""
    return keys | {"data"} if keys and value.get("type") in _CODED else keys


def below(key: str, keys: frozenset[str]) -> frozenset[str]:
    """The opaque keys of what stands under this key of an object with these."""
    return keys | _TERMS if key == "cache_control" else _BELOW.get(key, keys)


def strings(value: object, path: JsonPath, role: str, keys: frozenset[str]) -> Iterator[Text]:
    """Every string below `value` that is not opaque under one of these keys, and every long number."""
    if isinstance(value, str):
        if value and not opaque(path[-1], value, keys):
            yield Text(path, role, value)
    elif isinstance(value, dict):
        own = inside(value, keys)
        for key, child in value.items():
            yield from words(key, path, role)
            yield from strings(child, (*path, key), role, below(key, own))
    elif isinstance(value, list):
        for index, child in enumerate(value):
            yield from strings(child, (*path, index), role, keys)
    elif isinstance(value, int | float) and abs(value) >= LONG:
        yield Text(path, role, str(value))


def words(key: str, path: JsonPath, role: str) -> Iterator[Text]:
    """The key of an object at `path` as a text, where it is none of the API's."""
    if unknown(key):
        yield Text((*path, key, KEY), role, key)


def write(body: bytes, before: tuple[Text, ...], after: tuple[Text, ...]) -> bytes:
    """The body with the texts that changed; every other byte is the same."""
    texts = changed(before, after)
    if SYSTEM.path not in texts or "system" in json.loads(body):
        return splice(body, texts)
    system = texts.pop(SYSTEM.path)
    return insert_member(splice(body, texts), "system", system)
