"""Many patterns over one text, in linear time: hyperscan says which patterns occur, RE2 says exactly where.

Both engines are automata, so no input makes them slow (detection.md, 1.2). hyperscan alone cannot give the leftmost
start of a match; RE2 alone would run every pattern over every text. Without hyperscan the answers are the same, slower.
Patterns are RE2's dialect: look-around and back-references are refused when the configuration is loaded.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import islice
from typing import Any, NewType

import re2
from re2 import _re2

from extproc.detect import databases
from extproc.detect.databases import hyperscan
from extproc.detect.widths import width

_UNANCHORED = _re2.RE2.Anchor.UNANCHORED

Pattern = NewType("Pattern", str)
"""A regular expression in RE2's dialect, checked when the configuration was loaded."""


@dataclass(frozen=True, slots=True)
class PatternSpec:
    """One pattern and the label that its hits carry.

    `gate` is what hyperscan looks for in its place, if that is cheaper and occurs wherever the pattern does. With
    `once`, `spans` tells the first match alone, for what is only to be noticed.
    """

    label: str
    expression: str
    caseless: bool = False
    literal: bool = False
    gate: str = ""
    once: bool = False


@dataclass(frozen=True, slots=True)
class Hit:
    """Characters `start:end` of a text match the pattern with this label."""

    label: str
    start: int
    end: int


def check(expression: str) -> str | None:
    """What is wrong with a pattern, or None. One that matches the empty text would match everywhere."""
    try:
        compiled = re2.compile(expression, _options())
    except re2.error as error:
        return _text(error)
    return "it matches the empty text" if compiled.search("") else None


def encodable(text: str) -> str:
    """The text with "?" for each lone surrogate, which UTF-8 and so RE2 cannot take; places stay the same."""
    return text if text.isascii() else text.encode("utf-8", "replace").decode("utf-8")


class Scanner:
    """Compiled once per snapshot, then only read; `find` may be called from one thread at a time."""

    def __init__(self, specs: Sequence[PatternSpec], *, prefilter: bool = True) -> None:
        self._labels = [spec.label for spec in specs]
        self._exact = [_exact(spec) for spec in specs]
        self._groups = [min(1, compiled.groups) for compiled in self._exact]
        self._most = [1 if spec.once else None for spec in specs]
        self._gates: Sequence[_Gate] = ()
        self._always: Sequence[int] = range(len(specs))
        if prefilter and hyperscan:
            self._gates, self._always = _gates(tuple(specs))
        self._joinable = all(_joinable(spec) for spec in specs)

    def quiet(self, text: str) -> bool:
        """Whether nothing is found in a text, which may be several joined by line feeds; False where that is not sure.

        One look at many texts costs what one of them does: most of the price of a short text is the call.
        """
        return self._joinable and not self._candidates(text.encode("utf-8", "replace"))

    def find(self, text: str, start: int = 0, *, most: int | None = None) -> list[Hit]:
        """All hits from character `start` on, leftmost first; the text before is what a word boundary looks back at.

        Hits that overlap are one, labelled by the earlier and longer: nothing of either may be left standing.
        With `most`, no more than so many are looked for, of whichever patterns.
        """
        if len(text) <= start:
            return []
        data = text.encode("utf-8", "replace")  # a lone surrogate becomes one "?", so code points keep their places
        plain = len(data) == len(text)
        first = start if plain or not start else len(text[:start].encode("utf-8", "replace"))
        every = (
            (match.start(), match.end(), self._labels[index])
            for index in self._candidates(data)
            for match in self._exact[index].finditer(data, first)
            if match.end() > match.start()
        )
        hits = list(islice(every, most))
        if not hits:
            return []
        kept = _joined(hits)
        return [Hit(label, start, end) for start, end, label in kept] if plain else _in_characters(data, kept)

    def spans(self, text: str, start: int = 0) -> list[tuple[int, int, int]]:
        """Every match from character `start` on as (index of its pattern, start, end), overlaps and all, in no order.

        Where a pattern has a group, the span is the group's.
        """
        if len(text) <= start:
            return []
        data = text.encode("utf-8", "replace")
        plain = len(data) == len(text)
        first = start if plain or not start else len(text[:start].encode("utf-8", "replace"))
        found = [
            (index, *span)
            for index in self._candidates(data)
            for span in islice(_spans(self._exact[index], data, first, self._groups[index]), self._most[index])
        ]
        if plain or not found:
            return found
        places = _places(data, {at for _, begin, end in found for at in (begin, end)})
        return [(index, places[begin], places[end]) for index, begin, end in found]

    def _candidates(self, data: bytes) -> Sequence[int]:
        """The patterns that may occur, by index."""
        seen = set(self._always)
        for gate in self._gates:
            for block in _blocks(data, gate.overlap):
                gate.database.scan(block, match_event_handler=lambda index, *_: seen.add(index))
        return sorted(seen)


BLOCK = 16384
"""Bytes that hyperscan is given at once.

Some sets of patterns cost it the square of the length of some texts (hyperscan 0.9.1: 1.7 s for 800 KB of `glpat-` and
two rules, each harmless alone); nothing says which. In blocks the square is that of a block.
"""

_LONGEST = 1024
"""Characters of the longest match of a pattern that is looked for in blocks; others need the text whole."""


@dataclass(frozen=True, slots=True)
class _Gate:
    """A database, and how many bytes of a block the next one repeats: 0 to scan the text whole."""

    database: Any
    overlap: int


def _blocks(data: bytes, overlap: int) -> Iterator[bytes]:
    """Blocks of whole characters, such that every match has a block to itself, with a character on either side."""
    if not overlap or len(data) <= BLOCK:
        yield data
        return
    start, size = 0, len(data)
    while True:
        end = _character_at(data, start + BLOCK) if start + BLOCK < size else size
        yield data[start:end]
        if end == size:
            return
        start = _character_at(data, end - overlap)


def _character_at(data: bytes, at: int) -> int:
    """Where the character begins that the byte at `at` belongs to."""
    while data[at] & 0xC0 == 0x80:
        at -= 1
    return at


def _spans(compiled: Any, data: bytes, start: int, group: int) -> Iterator[tuple[int, int]]:
    """Where a pattern's group matches, as `finditer` would say, whose match objects cost more than the search."""
    match = compiled._regexp.Match
    size = len(data)
    while start <= size:
        found = match(_UNANCHORED, data, start, size)
        begin, end = found[0]
        if begin < 0:
            return
        yield found[group]
        start = end + (end == start)


def _exact(spec: PatternSpec) -> Any:
    """Compiled by RE2."""
    _breathe()
    return re2.compile(_expression(spec), _options(spec.caseless))


def _breathe() -> None:
    """Let others go on, where a pattern is made ready beside them. RE2 lets go of Python's lock at each call and takes
    it again at once, before whoever waits for it has woken up: a loop beside 1,000 patterns stood still for 0.14 s.
    """
    if threading.current_thread() is not threading.main_thread():
        time.sleep(_BREATH)


_BREATH = 0.00005
"""Seconds. A thread that sleeps, however shortly, has others go on."""


def _expression(spec: PatternSpec) -> str:
    return re2.escape(spec.expression) if spec.literal else spec.expression


def _options(caseless: bool = False) -> Any:
    options = re2.Options()
    options.case_sensitive = not caseless
    options.log_errors = False
    return options


@lru_cache(maxsize=64)
def _gates(specs: tuple[PatternSpec, ...]) -> tuple[Sequence[_Gate], Sequence[int]]:
    """Databases of all patterns that hyperscan can compile, and the indices of those it cannot.

    Patterns that did not change are not even read again: a snapshot shares them with the one before.
    """
    widths = [width(_gate(spec), otherwise=_LONGEST + 1) for spec in specs]
    short = [index for index, size in enumerate(widths) if size <= _LONGEST]
    long = [index for index, size in enumerate(widths) if size > _LONGEST]
    overlap = 4 * (max([widths[index] for index in short], default=0) + 2)
    gates: list[_Gate] = []
    refused: list[int] = []
    for chosen, size in ((short, overlap), (long, 0)):
        database = _compiled(specs, chosen) if chosen else None
        if chosen and not database:
            able = [index for index in chosen if _compiled(specs, (index,))]
            refused += set(chosen) - set(able)
            database = _compiled(specs, able) if able else None
        if database:
            gates.append(_Gate(database, size))
    return gates, sorted(refused)


def _compiled(specs: Sequence[PatternSpec], chosen: Sequence[int]) -> Any:
    """The chosen patterns in one database, or None where hyperscan cannot."""
    return databases.database([(index, _gate(specs[index]).encode(), _flags(specs[index])) for index in chosen])


_TOKEN = re2.compile(r"\\.|(\[\^?\]?(?:\\.|[^\]\\])*\])(?:\{([0-9]{1,4})(?:,[0-9]{0,4})?\})?|.")
_ENOUGH = 16
"""So many characters of a run behind a prefix make a gate rare enough."""


def _gate(spec: PatternSpec) -> str:
    """What hyperscan looks for: the pattern up to its first long run behind a prefix, and only the start of that run.

    It occurs wherever the pattern does. Two patterns that share a prefix before long runs make hyperscan quadratic in
    texts that repeat the prefix: 0.1 s for 400 KB of `sk-proj-` (hyperscan 0.9.1, two rules).
    """
    _breathe()
    if spec.gate or spec.literal or "\\Q" in spec.expression:
        return spec.gate or _expression(spec)
    short = ""
    depth = 0
    for token in _TOKEN.finditer(spec.expression):
        match token.group():
            case "(":
                depth += 1
            case ")":
                depth -= 1
            case "|" if not depth:
                return spec.expression
        prefix = spec.expression[: token.start()]
        long = int(token.group(2) or 0) > _ENOUGH and len(prefix.removeprefix("\\b")) >= 3
        if long and not depth and not short:
            short = f"{prefix}{token.group(1)}{{{_ENOUGH}}}"
    return short or spec.expression


def _joinable(spec: PatternSpec) -> bool:
    """Whether a pattern that occurs in a text occurs in texts joined by line feeds, as hyperscan looks for it.

    A line feed is no part of a word, so word boundaries stay; and for hyperscan lines begin and end like texts. What
    asks for the text's own ends, or says that lines do not, is not sure to be found.
    """
    return spec.literal or not (
        "\\A" in spec.expression or "\\z" in spec.expression or _SWITCHED.search(spec.expression)
    )


_SWITCHED = re2.compile(r"\(\?[A-Za-z]*-")


def _flags(spec: PatternSpec) -> int:
    """SINGLEMATCH: that it occurs is all we ask. PREFILTER: may say yes too often, never no. So may MULTILINE."""
    flags = hyperscan.HS_FLAG_SINGLEMATCH | hyperscan.HS_FLAG_PREFILTER | hyperscan.HS_FLAG_UTF8
    flags |= hyperscan.HS_FLAG_MULTILINE
    if spec.caseless:
        flags |= hyperscan.HS_FLAG_CASELESS | hyperscan.HS_FLAG_UCP
    return int(flags)


def _joined(hits: list[tuple[int, int, str]]) -> list[tuple[int, int, str]]:
    kept: list[tuple[int, int, str]] = []
    for start, end, label in sorted(hits, key=lambda hit: (hit[0], -hit[1])):
        if kept and start < kept[-1][1]:
            kept[-1] = (kept[-1][0], max(end, kept[-1][1]), kept[-1][2])
        else:
            kept.append((start, end, label))
    return kept


def _in_characters(data: bytes, hits: list[tuple[int, int, str]]) -> list[Hit]:
    """Byte offsets as offsets in code points; one pass, because the hits are in order."""
    found: list[Hit] = []
    byte = character = 0
    for start, end, label in hits:
        first = character + len(data[byte:start].decode("utf-8"))
        character = first + len(data[start:end].decode("utf-8"))
        byte = end
        found.append(Hit(label, first, character))
    return found


def _places(data: bytes, offsets: set[int]) -> dict[int, int]:
    """Byte offsets and the same places counted in code points; one pass."""
    places: dict[int, int] = {}
    byte = character = 0
    for at in sorted(offsets):
        character += len(data[byte:at].decode("utf-8"))
        places[at] = character
        byte = at
    return places


def _text(error: Exception) -> str:
    first = error.args[0] if error.args else "not a pattern"
    return first.decode("utf-8", "replace") if isinstance(first, bytes) else str(first)
