"""What a text says once its disguises are undone, and where each character of that stands in the text.

Undone are what `folding` knows, and escapes of printable ASCII: `\\u0040`, `&#64;`, `&#x40;`, `%40`, one level.
Detectors look at the shadow too, and what they find there is replaced in the text (detection.md, 3: evasion).
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import NamedTuple

import re2

from extproc.detect.folding import undisguised, unseen
from extproc.detect.fuzzy import beside
from extproc.detect.patterns import Hit, PatternSpec, Scanner

ESCAPE = PatternSpec(
    "escape", r"%[2-7][0-9A-Fa-f]|\\u00[2-7][0-9A-Fa-f]|&#(?:0{0,6}[0-9]{2,3}|[xX]0{0,6}[2-7][0-9A-Fa-f]);", once=True
)
LONGEST_ESCAPE = 12
"""Characters: `&#x00000040;`."""

_SIGNS = ("%", "\\", "&")
"""With one of which every escape begins."""

_ESCAPES = Scanner((replace(ESCAPE, once=False),), prefilter=False)
_BEGUN = re2.compile(rb"(?:%[2-7]?|\\(?:u(?:0(?:0[2-7]?)?)?)?|&(?:#(?:[0-9]{0,9}|[xX][0-9A-Fa-f]{0,8})?)?)$")


class Shadow(NamedTuple):
    """Character `i` of `text` is what stands at `starts[i]:ends[i]` of the original."""

    text: str
    starts: Sequence[int]
    ends: Sequence[int]

    def place(self, hit: Hit) -> Hit:
        """A hit in the shadow as one in the original."""
        return Hit(hit.label, self.starts[hit.start], self.ends[hit.end - 1])


def shadow(text: str, plain: str) -> Shadow | None:
    """The shadow of a text, or None where it is what was looked at already: `plain`, the text or the folded text."""
    seen = undisguised(text)
    escapes = _ESCAPES.spans(seen) if any(sign in seen for sign in _SIGNS) else []
    if not escapes and seen == plain:
        return None
    places: Sequence[int] = range(len(text))
    if len(seen) != len(text):
        places = [place for place, character in enumerate(text) if not unseen(character)]
    return _decoded(seen, places, escapes)


def seen_through(text: str, plain: str, start: int, find: Callable[[str, int], list[Hit]]) -> list[Hit]:
    """What `find` finds in a text from character `start` on, and beside that in its shadow; it was `plain` so far."""
    found = find(plain, start)
    seen = shadow(text, plain) if may_hide(text, plain) else None
    if seen is None:
        return found
    hidden = [seen.place(hit) for hit in find(seen.text, bisect_left(seen.starts, start))]
    return sorted([*found, *beside(hidden, found)], key=_start)


def _start(hit: Hit) -> int:
    return hit.start


def _decoded(seen: str, places: Sequence[int], escapes: Sequence[tuple[int, int, int]]) -> Shadow:
    parts: list[str] = []
    starts: list[int] = []
    ends: list[int] = []
    at = 0
    for _, begin, end in escapes:
        character = _character(seen[begin:end])
        if not character:
            continue
        if at < begin:
            parts.append(seen[at:begin])
            starts += places[at:begin]
            ends += (place + 1 for place in places[at:begin])
        parts.append(character)
        starts.append(places[begin])
        ends.append(places[end - 1] + 1)
        at = end
    parts.append(seen[at:])
    starts += places[at:]
    ends += (place + 1 for place in places[at:])
    return Shadow("".join(parts), starts, ends)


def _character(escape: str) -> str:
    """The printable character of ASCII that an escape stands for, or ''."""
    decimal = escape[0] == "&" and escape[2] not in "xX"
    code = int(escape[2:-1]) if decimal else int(escape.strip(";")[-2:], 16)
    return chr(code) if 0x20 <= code < 0x7F else ""


def may_hide(text: str, plain: str) -> bool:
    """Whether the shadow of a text that begins with this may be another than `plain`."""
    return any(sign in text for sign in _SIGNS) or (not text.isascii() and undisguised(text) != plain)


def begun(text: str) -> int:
    """How many characters at the end of a text are an escape that has only begun."""
    found = _BEGUN.search(text[-LONGEST_ESCAPE:].encode("utf-8", "replace"))
    return len(found.group()) if found else 0
