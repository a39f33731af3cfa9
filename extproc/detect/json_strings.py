"""Text that is itself JSON, as tool arguments and results are: what its strings say, and where each character stands.

A value written `joe\\u0040acme.io` is an address all the same, and `\\njoe@acme.io` begins after the `n`. So detectors
look at decoded strings, and what they find is replaced in the escaped text, which stays JSON.
"""

from __future__ import annotations

import json
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import pairwise

import orjson
import re2

from extproc.detect.patterns import Hit, encodable

Find = Callable[[str, str], list[Hit]]
"""(text, what stands before it) -> hits in the text."""

CONTEXT = 64
"""Characters before a string that its detector is shown: the key that names it."""

_STRING_THEN = re2.compile(r'("(?:[^"\\]|\\.)*")[ \t\r\n]*(:?)')
_STRING = re2.compile(r'"(?:[^"\\]|\\.)*"')


@dataclass(frozen=True, slots=True)
class Place:
    """Characters `start:end` of a text that hold `value` (decoded). `bare`: a JSON number or the like, in no quotes."""

    start: int
    end: int
    label: str
    value: str
    bare: bool = False


class CrossesStrings(ValueError):
    """A hit that begins in one JSON string and ends in another, so that no replacement leaves JSON behind."""


def is_json(text: str) -> bool:
    """Whether a text is a JSON object or list."""
    if text.lstrip(" \t\r\n")[:1] not in ("{", "["):
        return False
    try:
        orjson.loads(text)
    except orjson.JSONDecodeError:
        return False
    return True


def strings(text: str) -> list[str]:
    """What the strings of a JSON text say, keys and values in order."""
    return [json.loads(text[start:end]) for start, end in _quoted(text)]


def places(text: str, find: Find) -> list[Place]:
    """Where a text holds what `find` finds; a JSON text is searched string by string. Raises CrossesStrings."""
    hits = find(text, "")
    if not hits and "\\" not in text:
        return []
    if not is_json(text):
        return [Place(hit.start, hit.end, hit.label, text[hit.start : hit.end]) for hit in hits]
    edges = _edges(text)
    for hit in hits:
        if bisect_right(edges, hit.start) != bisect_left(edges, hit.end):
            raise CrossesStrings(f"a hit of {hit.label} crosses the strings of a JSON text")
    return [place for start, end in pairwise(edges) for place in _in_piece(text, start, end, find)]


def replaced(place: Place, text: str, marker: str) -> str:
    """The marker as it has to stand in `text`: escaped or quoted where the text is JSON."""
    if place.bare:
        return json.dumps(marker, ensure_ascii=False)
    quoted = json.dumps(marker, ensure_ascii=False)[1:-1]
    return quoted if quoted != marker and is_json(text) else marker


def _quoted(text: str) -> list[tuple[int, int]]:
    return [match.span() for match in _STRING.finditer(encodable(text))]


def _edges(text: str) -> list[int]:
    """Where strings, with their quotes, begin and end, and the ends of the text."""
    return [0, *(at for span in _quoted(text) for at in span), len(text)]


def _in_piece(text: str, start: int, end: int, find: Find) -> Iterator[Place]:
    context = text[max(0, start - CONTEXT) : start]
    if text[start : start + 1] != '"':
        if any(map(str.isdigit, text[start:end])):
            for hit in find(text[start:end], context):
                yield Place(
                    start + hit.start, start + hit.end, hit.label, text[start + hit.start : start + hit.end], True
                )
        return
    raw = text[start + 1 : end - 1]
    value = json.loads(text[start:end]) if "\\" in raw else raw
    hits = find(value, context + '"')
    if not hits:
        return
    offsets = _offsets(raw) if "\\" in raw else range(len(raw) + 1)
    for hit in hits:
        first, last = start + 1 + offsets[hit.start], start + 1 + offsets[hit.end]
        yield Place(first, last, hit.label, value[hit.start : hit.end])


def _offsets(raw: str) -> list[int]:
    """For each character of a decoded string, and its end, where it begins in the escaped one."""
    offsets: list[int] = []
    at = 0
    while at < len(raw):
        offsets.append(at)
        at += _width(raw, at)
    offsets.append(len(raw))
    return offsets


def _width(raw: str, at: int) -> int:
    """Characters that the escape at `at` is written in; a surrogate pair is one character."""
    if raw[at] != "\\":
        return 1
    if raw[at + 1] != "u":
        return 2
    paired = _surrogate(raw, at, "89ab") and _surrogate(raw, at + 6, "cdef")
    return 12 if paired else 6


def _surrogate(raw: str, at: int, third: str) -> bool:
    return raw[at : at + 3].lower() == "\\ud" and raw[at + 3 : at + 4].lower() in tuple(third)


def rewritten_values(text: str, rewrite: Callable[[str], tuple[str, str]]) -> tuple[str, str]:
    """A JSON text with its string values rewritten, keys untouched; and the first name that `rewrite` gave, or ''."""
    parts: list[str] = []
    at = 0
    first = ""
    for match in _STRING_THEN.finditer(encodable(text)):
        if match.group(2):  # a key
            continue
        start, end = match.span(1)
        value, name = rewrite(json.loads(text[start:end]))
        if name:
            parts += (text[at:start], json.dumps(value, ensure_ascii=False))
            at = end
            first = first or name
    return "".join((*parts, text[at:])), first
