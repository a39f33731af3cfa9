"""Text that is itself JSON, as tool arguments and results are: what its strings say, and where each character stands.

A value written `joe\\u0040acme.io` is an address all the same, and `\\njoe@acme.io` begins after the `n`. So detectors
look at decoded strings, and what they find is replaced in the escaped text, which stays JSON.
"""

from __future__ import annotations

import json
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import takewhile

import orjson
import re2

from extproc.detect.patterns import Hit, encodable

Find = Callable[[str, str], list[Hit]]
"""(text, what stands before it) -> hits in the text."""

CONTEXT = 64
"""Characters of the key that names a string, as its detector is shown them."""

_SPACE = " \t\r\n"

_STRING_THEN = re2.compile(r'("(?:[^"\\]|\\.)*")[ \t\r\n]*(:?)')
_STRING = re2.compile(r'"(?:[^"\\]|\\.)*"')
_BARE = re2.compile(r"-?[0-9][0-9.eE+-]*|true|false|null")


@dataclass(frozen=True, slots=True)
class Place:
    """Characters `start:end` of a text that hold `value` (decoded).

    `quoted`: they stand in a string of a JSON text; `bare`: they are a number or literal of one.
    """

    start: int
    end: int
    label: str
    value: str
    quoted: bool = False
    bare: bool = False


def is_json(text: str) -> bool:
    """Whether a text is a JSON object or list."""
    if text.lstrip(_SPACE)[:1] not in ("{", "["):
        return False
    try:
        orjson.loads(text)
    except orjson.JSONDecodeError:
        return False
    return True


def hides(text: str) -> bool:
    """Whether a text may be JSON whose escapes say something else than what stands there."""
    return "\\" in text and text.lstrip(_SPACE)[:1] in ("{", "[")


def strings(text: str) -> list[str]:
    """What the strings of a JSON text say, keys and values in order."""
    return [json.loads(text[start:end]) for start, end in _quoted(text)]


def places(text: str, find: Find) -> list[Place]:
    """Where a text holds what `find` finds.

    A JSON text is searched string by string, each decoded and with the key before it as its context. A hit across
    strings is one in each of them: so nothing of it is left, and no edit crosses a quote. Searched again are only the
    strings in which something was found, or may be once they are decoded.
    """
    hits = find(text, "")
    if not hits and not hides(text):
        return []
    if not is_json(text):
        return [Place(hit.start, hit.end, hit.label, text[hit.start : hit.end]) for hit in hits]
    pieces = list(_pieces(text))
    hidden = _with_hits([piece for piece in pieces if "\\" in piece.raw], find)
    found: list[Place] = []
    at = 0
    for piece in pieces:
        while at < len(hits) and hits[at].end <= piece.start:
            at += 1
        touching = list(takewhile(lambda hit, end=piece.end: hit.start < end, hits[at:]))  # type: ignore[misc]
        if touching or (hidden and "\\" in piece.raw):
            found += piece.places(touching, find)
    return found


def replaced(place: Place, marker: str) -> str:
    """The marker as it has to stand there: escaped or quoted where the text is JSON."""
    if not (place.quoted or place.bare):
        return marker
    quoted = json.dumps(marker, ensure_ascii=False)
    return quoted if place.bare else quoted[1:-1]


def _quoted(text: str) -> list[tuple[int, int]]:
    return [match.span() for match in _STRING.finditer(encodable(text))]


@dataclass(frozen=True, slots=True)
class _Piece:
    """A string of a JSON text without its quotes, or a number or literal; and what its detector is shown before it."""

    start: int
    raw: str
    context: str
    bare: bool

    @property
    def end(self) -> int:
        return self.start + len(self.raw)

    @property
    def value(self) -> str:
        return json.loads(f'"{self.raw}"', strict=False) if "\\" in self.raw else self.raw

    def places(self, touching: list[Hit], find: Find) -> list[Place]:
        """What is found in it, and of hits that reach across its ends what stands in it."""
        value = self.value
        offsets = _offsets(self.raw) if "\\" in self.raw else range(len(self.raw) + 1)
        shown = f'{value}"' if self.context and not self.bare else value
        spans = [(hit.start, min(hit.end, len(value)), hit.label) for hit in find(shown, self.context)]
        for hit in touching:
            if hit.start < self.start or hit.end > self.end:
                first = bisect_right(offsets, max(0, hit.start - self.start)) - 1
                last = bisect_left(offsets, min(hit.end - self.start, len(self.raw)))
                spans.append((first, last, hit.label))
        if self.bare and spans:
            return [Place(self.start, self.end, spans[0][2], value, bare=True)]
        return [
            Place(self.start + offsets[first], self.start + offsets[last], label, value[first:last], quoted=True)
            for first, last, label in _joined(spans)
        ]


def _pieces(text: str) -> Iterator[_Piece]:
    key = ""
    at = 0
    for match in _STRING_THEN.finditer(encodable(text)):
        start, end = match.span(1)
        yield from _bare(text, at, start, key)
        at = match.end()
        is_key = bool(match.group(2))
        yield _Piece(start + 1, text[start + 1 : end - 1], "" if is_key else f'{key}"' if key else "", False)
        if is_key:
            key = f"{text[start:end]}: "[-CONTEXT:]
    yield from _bare(text, at, len(text), key)


def _bare(text: str, start: int, end: int, key: str) -> Iterator[_Piece]:
    between = text[start:end]
    if between.strip(f"{_SPACE},:{{}}[]"):
        for match in _BARE.finditer(between):
            yield _Piece(start + match.start(), match.group(), key, True)


def _with_hits(pieces: list[_Piece], find: Find) -> bool:
    """Whether anything is found in one of these once they are decoded: all at once, because there may be many."""
    return bool(pieces and find("\0".join([f'{piece.context}{piece.value}"' for piece in pieces]), ""))


def _joined(spans: list[tuple[int, int, str]]) -> list[tuple[int, int, str]]:
    joined: list[tuple[int, int, str]] = []
    for start, end, label in sorted(spans):
        if joined and start < joined[-1][1]:
            joined[-1] = (joined[-1][0], max(end, joined[-1][1]), joined[-1][2])
        elif start < end:
            joined.append((start, end, label))
    return joined


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
