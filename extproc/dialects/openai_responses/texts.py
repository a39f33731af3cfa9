"""What counts as text in a Responses body or event, and how edited texts are written back."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from extproc.dialects.arguments import rejoined, runs
from extproc.dialects.json_text import KEY, quote, splice
from extproc.dialects.openai_chat.logprobs import LOGPROBS, spelled
from extproc.dialects.openai_chat.texts import opaque
from extproc.dialects.openai_responses.names import unknown
from extproc.dialects.texts import changed
from extproc.model import JsonPath, Text

KINDS = frozenset({"type", "vector_store_ids", "file_ids"})
"""What is no text in tool definitions, metadata and the like, whose other keys people choose."""

_CODED = frozenset(
    {"data", "file_data", "b64_json", "partial_image_b64", "encrypted_content", "signature", "fingerprint"}
)

_IDS = frozenset(
    {"id", "item_id", "call_id", "caller_id", "response_id", "file_id", "container_id", "approval_request_id",
     "previous_response_id", "conversation"}
)  # fmt: skip

OPAQUE = KINDS | _CODED | _IDS | {"role", "status", "phase"}
"""Keys of items and events whose strings are identifiers or coded. An object under such a name is read all the same."""

WORDLESS = OPAQUE | {"object", "model", "service_tier", "obfuscation"}
"""The same for a whole reply or event."""

_PICTURE = "image_generation_call"
"""The item whose `result` is a picture."""

_CHOSEN = frozenset({"arguments", "attributes", "env", "headers", "metadata", "properties", "variables"})
"""Objects in which people choose the keys."""

_LONG = 10**8
"""From nine digits on a number may be somebody's: social security numbers have nine."""

ARGUMENTS = "arguments"
"""The key of a call's arguments: JSON in a string. Its own strings are texts, numbered, each by itself."""

SYSTEM = Text(("instructions",), "system", "")
"""The place of instructions in a request without any."""


class Said(NamedTuple):
    """A string and where it stands; `arguments` where it is the arguments of a call."""

    path: JsonPath
    value: str
    arguments: bool = False


def said(
    value: object, path: JsonPath, keys: frozenset[str], *, name: str = "", numbers: bool = False
) -> Iterator[Said]:
    """Every string below `value`, which `name` leads to, that is not opaque under one of these keys.

    With `numbers`, long ones of those too.
    """
    if isinstance(value, str):
        if value and not opaque(name, value, keys):
            yield Said(path, value, name == ARGUMENTS)
    elif isinstance(value, dict):
        within = keys | {"result"} if value.get("type") == _PICTURE else keys
        for key, child in value.items():
            yield from word(key, path)
            if key == LOGPROBS:
                yield from tokens(child, (*path, key))
            elif isinstance(child, dict) and key in _CHOSEN:
                yield from said(child, (*path, key), KINDS, numbers=numbers)
            else:
                yield from said(child, (*path, key), within, name=key, numbers=numbers)
    elif isinstance(value, list):
        for place, child in enumerate(value):
            listed = "" if name == ARGUMENTS else name
            yield from said(child, (*path, place), keys, name=listed, numbers=numbers)
    elif numbers and isinstance(value, int | float) and abs(value) >= _LONG:
        yield Said(path, str(value))


def word(key: str, path: JsonPath) -> Iterator[Said]:
    """The key of an object at `path` as a text, where it is none of the API's."""
    if unknown(key):
        yield Said((*path, key, KEY), key)


def tokens(logprobs: object, path: JsonPath) -> Iterator[Said]:
    """What log probabilities say: the tokens in a row, and whatever else stands there."""
    if isinstance(logprobs, list | dict | str):
        yield from (Said((*path, name), text) for name, text in spelled(logprobs) if text)


def as_texts(found: Iterator[Said], role: str) -> Iterator[Text]:
    """As texts; the strings of arguments each by itself."""
    for path, value, arguments in found:
        if arguments:
            yield from (Text((*path, number), role, run) for number, run in enumerate(runs(value)) if run)
        else:
            yield Text(path, role, value)


def write(body: bytes, before: tuple[Text, ...], after: tuple[Text, ...]) -> bytes:
    """The body with the texts that changed; every other byte is the same."""
    texts = changed(before, after)
    value = json.loads(body) if texts else {}
    added = "" if isinstance(value.get("instructions"), str) else texts.pop(SYSTEM.path, "")
    written = edited(body, value, texts) if texts else body
    if not added:
        return written
    if "instructions" in value:
        return splice(written, {SYSTEM.path: added})
    head, rest = written.split(b"{", 1)
    return b"".join((head, b'{"instructions":', quote(added).encode(), b",", rest))


def edited(body: bytes, value: Any, texts: Mapping[JsonPath, str]) -> bytes:
    """A body, or an event's data, with other texts, and without the log probabilities that would repeat the old ones.

    `value` is the body, parsed.
    """
    found: dict[JsonPath, str | None] = {}
    for path, text in rejoined(value, texts, ARGUMENTS).items():
        found |= dict.fromkeys(_repeats(value, path))
        if LOGPROBS not in path:
            found[path] = text
    return splice(body, found)


def _repeats(value: Any, path: JsonPath) -> Iterator[JsonPath]:
    """Where log probabilities stand beside a text or above it."""
    for length, step in enumerate(path):
        if isinstance(value, dict) and value.get(LOGPROBS) is not None:
            yield (*path[:length], LOGPROBS)
        if step in (LOGPROBS, KEY):
            return
        value = value[step]
