"""JSON as text: read strictly, and edited in place so that untouched bytes stay as they are.

Strict means that we and the provider cannot read two different things: duplicate keys, NaN, a byte-order mark, bad
UTF-8 and text after the value are errors (RFC 8259, sections 4, 6 and 8.1; detection.md, threat model).
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, Never

import orjson

from extproc.model import ClientError, JsonPath

_scanstring: Any = json.decoder.scanstring  # type: ignore[attr-defined]  # json's own, in C; typeshed leaves it out
_SPACE = " \t\n\r"

_SPACES = _SPACE.encode()

KEY = -1
"""After an object's key in a path: the key itself, in place of its value."""

_SCALAR_END = frozenset(",]} \t\n\r")


def parse(body: bytes, *, max_depth: int) -> Any:
    """The value of a JSON body. Raises ClientError (400) that says what is wrong and where.

    What orjson would write the same is read by it, in a fifth of the time: it keeps the last of duplicate keys, so in
    such a text there are none.
    """
    try:
        value = orjson.loads(body)
        if not _says_the_same(orjson.dumps(value), body):
            value = _strictly(body, max_depth)
    except (orjson.JSONDecodeError, orjson.JSONEncodeError):
        value = _strictly(body, max_depth)
    if body.count(b"[") + body.count(b"{") > max_depth and _deeper_than(value, max_depth):
        raise _too_deep(max_depth)
    return value


def splice(body: bytes, values: Mapping[JsonPath, str | None]) -> bytes:
    """The body with other strings, or null, at these paths, and every other byte the same.

    The body is JSON already, and no path lies within another. Raises LookupError where a path leads nowhere.
    """
    text = body.decode("utf-8")
    spans = _Spans(text, values)
    spans.value(spans.space(0), ())
    if len(spans.found) != len(values):
        raise LookupError("a text to be edited is not in the body")
    parts: list[str] = []
    at = 0
    for start, end, path in spans.found:
        value = values[path]
        parts += (text[at:start], "null" if value is None else quote(value))
        at = end
    return "".join((*parts, text[at:])).encode()


def insert_first(body: bytes, path: JsonPath, member: bytes) -> bytes:
    """The body with another first member in the list at this path. Raises LookupError where that has no member."""
    text = body.decode("utf-8")
    spans = _Spans(text, {(*path, 0): None})
    spans.value(spans.space(0), ())
    if not spans.found:
        raise LookupError("the list to be added to is not in the body")
    at = spans.found[0][0]
    return (text[:at] + member.decode("utf-8") + "," + text[at:]).encode()


def put(body: bytes, path: JsonPath, value: bytes) -> bytes:
    """The body with another value, JSON itself, at this path. Raises LookupError where the path leads nowhere."""
    text = body.decode("utf-8")
    spans = _Spans(text, {path: None})
    spans.value(spans.space(0), ())
    if not spans.found:
        raise LookupError("the value to be replaced is not in the body")
    start, end, _ = spans.found[0]
    return (text[:start] + value.decode("utf-8") + text[end:]).encode()


def without(body: bytes, key: str) -> bytes:
    """The body, an object, without this member and its comma. Raises LookupError where it has none."""
    text = body.decode("utf-8")
    spans = _Spans(text, {(key, KEY): None, (key,): None})
    spans.value(spans.space(0), ())
    if not spans.found:
        raise LookupError("the member to be taken out is not in the body")
    start, end = spans.found[0][0], spans.found[-1][1]
    before = text[:start].rstrip(_SPACE)
    if before.endswith(","):
        return (before[:-1] + text[end:]).encode()
    after = spans.space(end)
    return (text[:start] + text[spans.space(after + 1) if text[after] == "," else end :]).encode()


def insert_member(body: bytes, key: str, value: str) -> bytes:
    """The body, an object that has members, with another one first: a string under this key."""
    text = body.decode("utf-8")
    at = text.index("{") + 1
    return (text[:at] + f"{quote(key)}:{quote(value)}," + text[at:]).encode()


def quote(value: str) -> str:
    """A JSON string; lone surrogates, which no UTF-8 can carry, are escaped."""
    try:
        value.encode()
    except UnicodeEncodeError:
        return json.dumps(value)
    return json.dumps(value, ensure_ascii=False)


def _says_the_same(written: bytes, body: bytes) -> bool:
    """Whether a body is what was written of its value, but for space.

    Space in strings is left out like any other: what is equal then still has the same quotes, colons and commas, and so
    as many members in each object as the value, whose keys are all different.
    """
    return written == body or written.translate(None, _SPACES) == body.translate(None, _SPACES)


def _strictly(body: bytes, max_depth: int) -> Any:
    try:
        return json.loads(body.decode("utf-8"), object_pairs_hook=_object, parse_constant=_constant)
    except UnicodeDecodeError as misspelt:
        raise _bad(f"The body is not UTF-8: byte {misspelt.start} is out of place.", "invalid_utf8") from misspelt
    except json.JSONDecodeError as misplaced:
        raise _bad(
            f"The body is not JSON: {misplaced.msg} at character {misplaced.pos}.", "invalid_json"
        ) from misplaced
    except RecursionError as nested:
        raise _too_deep(max_depth) from nested
    except ValueError as error:
        raise _bad(f"The body is not JSON: {error}.", "invalid_json") from error


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        keys = [key for key, _ in pairs]
        twice = next(key for key in keys if keys.count(key) > 1)
        raise _bad(f"The body has the key {twice[:64]!r} twice in one object.", "duplicate_key")
    return found


def _constant(name: str) -> Never:
    raise ValueError(f"{name} is not a JSON number")


def _deeper_than(value: object, limit: int) -> bool:
    level = [value]
    for _ in range(limit):
        level = [child for parent in level for child in _children(parent) if isinstance(child, dict | list)]
        if not level:
            return False
    return True


def _children(value: object) -> list[object]:
    if isinstance(value, dict):
        return list(value.values())
    return value if isinstance(value, list) else []


def _too_deep(limit: int) -> ClientError:
    return _bad(f"The body is nested deeper than {limit} levels.", "too_deep")


def _bad(message: str, reason: str) -> ClientError:
    return ClientError(message, status=400, reason=reason)


class _Spans:
    """Walks JSON text and notes where the values at the wanted paths begin and end."""

    def __init__(self, text: str, wanted: Mapping[JsonPath, str | None]) -> None:
        self._text = text
        self._wanted = wanted
        self.found: list[tuple[int, int, JsonPath]] = []

    def space(self, at: int) -> int:
        while at < len(self._text) and self._text[at] in _SPACE:
            at += 1
        return at

    def value(self, at: int, path: JsonPath) -> int:
        end = self._value(at, path)
        if path in self._wanted:
            self.found.append((at, end, path))
        return end

    def _value(self, at: int, path: JsonPath) -> int:
        match self._text[at]:
            case '"':
                end: int = _scanstring(self._text, at + 1)[1]
                return end
            case "{":
                return self._object(at, path)
            case "[":
                return self._array(at, path)
            case _:
                while at < len(self._text) and self._text[at] not in _SCALAR_END:
                    at += 1
                return at

    def _object(self, at: int, path: JsonPath) -> int:
        at = self.space(at + 1)
        while self._text[at] != "}":
            start = self.space(at)
            key, at = _scanstring(self._text, start + 1)
            if (*path, key, KEY) in self._wanted:
                self.found.append((start, at, (*path, key, KEY)))
            at = self.space(self.value(self.space(self.space(at) + 1), (*path, key)))
            if self._text[at] == ",":
                at = self.space(at + 1)
        return at + 1

    def _array(self, at: int, path: JsonPath) -> int:
        at = self.space(at + 1)
        index = 0
        while self._text[at] != "]":
            at = self.space(self.value(at, (*path, index)))
            index += 1
            if self._text[at] == ",":
                at = self.space(at + 1)
        return at + 1
