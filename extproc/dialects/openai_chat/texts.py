"""What counts as text in a chat body, and how edited texts are written back."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

from extproc.dialects.arguments import rejoined, runs
from extproc.dialects.json_text import KEY, insert_first, quote, splice
from extproc.dialects.openai_chat.logprobs import LOGPROBS
from extproc.dialects.openai_chat.names import NAMES, unknown
from extproc.dialects.texts import changed
from extproc.model import JsonPath, Text

KINDS = frozenset({"type"})
"""What is no text in tool definitions and the like, whose other keys people choose."""

_CODED = frozenset({"data", "file_data", "b64_json", "encrypted_content", "signature", "thought_signature"})

OPAQUE = KINDS | _CODED | {"id", "role", "tool_call_id", "file_id"}
"""Keys of a message whose strings are identifiers or coded. An object under such a name is read all the same."""

REPLY_OPAQUE = OPAQUE | {"finish_reason"}

WORDLESS = frozenset({"id", "object", "model", "system_fingerprint", "service_tier", "obfuscation"})
"""Members of a whole reply or event that hold no text of the model's; padding and fingerprints among them."""

HOLDS_TEXT = (str, dict, list)
"""What a walk goes into; most members of replies are numbers."""

_LINKS = frozenset({"url", "image_url"})

_LONG = 10**8
"""From nine digits on a number may be somebody's: social security numbers have nine."""

ARGUMENTS = "arguments"
"""The key of a tool call's arguments: JSON in a string. Its own strings are texts, numbered, each by itself."""

SYSTEM = Text(("messages", -1, "content"), "system", "")
"""The place of a system message in a request without any: what is written there becomes its first message."""


def opaque(key: object, value: str, keys: frozenset[str]) -> bool:
    """Whether a string is an identifier or coded, by its key and its looks: in neither are there blanks, or an @."""
    return (key in keys or (key in _LINKS and _coded(value))) and " " not in value and "@" not in value


def _coded(link: str) -> bool:
    return link.startswith("data:") and ";base64," in link[:256]


def strings(value: object, path: JsonPath, role: str, keys: frozenset[str], *, numbers: bool = False) -> Iterator[Text]:
    """Every string below `value` that is not opaque under one of these keys; with `numbers`, long ones of those too."""
    if isinstance(value, str):
        if not value or opaque(path[-1], value, keys):
            return
        if path[-1] == ARGUMENTS:
            yield from (Text((*path, number), role, run) for number, run in enumerate(runs(value)) if run)
        else:
            yield Text(path, role, value)
    elif isinstance(value, dict):
        for key, child in value.items():
            if key not in NAMES:
                yield from words(key, path, role)
            if numbers or isinstance(child, HOLDS_TEXT):
                yield from strings(child, (*path, key), role, keys, numbers=numbers)
    elif isinstance(value, list):
        for index, child in enumerate(value):
            yield from strings(child, (*path, index), role, keys, numbers=numbers)
    elif numbers and isinstance(value, int | float) and abs(value) >= _LONG:
        yield Text(path, role, str(value))


def words(key: str, path: JsonPath, role: str) -> Iterator[Text]:
    """The key of an object at `path` as a text, where it is none of the API's."""
    if unknown(key):
        yield Text((*path, key, KEY), role, key)


def write(body: bytes, before: tuple[Text, ...], after: tuple[Text, ...]) -> bytes:
    """The body with the texts that changed; every other byte is the same."""
    texts = changed(before, after)
    system = texts.pop(SYSTEM.path, "")
    value = json.loads(body)
    written = splice(body, without_repeats(value, rejoined(value, texts, ARGUMENTS)))
    if not system:
        return written
    return insert_first(written, ("messages",), f'{{"role":"system","content":{quote(system)}}}'.encode())


def without_repeats(value: Any, edited: Mapping[JsonPath, str | None]) -> dict[JsonPath, str | None]:
    """These edits, and null for the log probabilities that would repeat what they take away, or were edited."""
    texts = {path: text for path, text in edited.items() if path[2:3] != (LOGPROBS,) or path[0] != "choices"}
    places = {path[1] for path in edited if path[0] == "choices"}
    gone = (("choices", place, LOGPROBS) for place in places if value["choices"][place].get(LOGPROBS) is not None)
    return {**texts, **dict.fromkeys(gone, None)}
