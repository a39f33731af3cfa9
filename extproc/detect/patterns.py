"""Many patterns over one text, in linear time: hyperscan says which patterns occur, RE2 says exactly where.

Both engines are automata, so no input makes them slow (detection.md, 1.2). hyperscan alone cannot give the leftmost
start of a match; RE2 alone would run every pattern over every text. Without hyperscan the answers are the same, slower.
Patterns are RE2's dialect: look-around and back-references are refused when the configuration is loaded.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, NewType

import re2

hyperscan: Any
try:
    import hyperscan
except ImportError:  # no wheel for this machine: RE2 alone
    hyperscan = None

Pattern = NewType("Pattern", str)
"""A regular expression in RE2's dialect, checked when the configuration was loaded."""


@dataclass(frozen=True, slots=True)
class PatternSpec:
    """One pattern and the label that its hits carry.

    `gate` is what hyperscan looks for in its place, if that is cheaper and occurs wherever the pattern does.
    """

    label: str
    expression: str
    caseless: bool = False
    literal: bool = False
    gate: str = ""


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
        self._exact = [re2.compile(_expression(spec), _options(spec.caseless)) for spec in specs]
        self._groups = [min(1, compiled.groups) for compiled in self._exact]
        self._database: Any = None
        self._always: Sequence[int] = range(len(specs))
        if prefilter and hyperscan:
            self._database, self._always = _database(tuple(specs))

    def find(self, text: str, start: int = 0) -> list[Hit]:
        """All hits from character `start` on, leftmost first; the text before is what a word boundary looks back at.

        Hits that overlap are one, labelled by the earlier and longer: nothing of either may be left standing.
        """
        if len(text) <= start:
            return []
        data = text.encode("utf-8", "replace")  # a lone surrogate becomes one "?", so code points keep their places
        plain = len(data) == len(text)
        first = start if plain or not start else len(text[:start].encode("utf-8", "replace"))
        hits = [
            (match.start(), match.end(), self._labels[index])
            for index in self._candidates(data)
            for match in self._exact[index].finditer(data, first)
            if match.end() > match.start()
        ]
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
            (index, *match.span(self._groups[index]))
            for index in self._candidates(data)
            for match in self._exact[index].finditer(data, first)
        ]
        if plain or not found:
            return found
        places = _places(data, {at for _, begin, end in found for at in (begin, end)})
        return [(index, places[begin], places[end]) for index, begin, end in found]

    def _candidates(self, data: bytes) -> Sequence[int]:
        """The patterns that may occur, by index."""
        if self._database is None:
            return self._always
        seen = list(self._always)
        self._database.scan(data, match_event_handler=lambda index, *_: seen.append(index))
        return sorted(set(seen)) if len(seen) > 1 else seen


def _expression(spec: PatternSpec) -> str:
    return re2.escape(spec.expression) if spec.literal else spec.expression


def _options(caseless: bool = False) -> Any:
    options = re2.Options()
    options.case_sensitive = not caseless
    options.log_errors = False
    return options


@lru_cache(maxsize=64)
def _database(specs: tuple[PatternSpec, ...]) -> tuple[Any, Sequence[int]]:
    """A hyperscan database of all patterns that it can compile, and the indices of those it cannot.

    Compiling takes tenths of a second, in which a worker that reloads answers nobody: so patterns that did not change
    are not compiled again.
    """
    everything = range(len(specs))
    database = _compiled(specs, everything)
    if database or not specs:
        return database, () if database else everything
    able = [index for index in everything if _compiled(specs, (index,))]
    return (_compiled(specs, able), sorted(set(everything) - set(able))) if able else (None, everything)


def _compiled(specs: Sequence[PatternSpec], chosen: Sequence[int]) -> Any:
    """The chosen patterns in one database, or None where hyperscan cannot."""
    database = hyperscan.Database()
    try:
        database.compile(
            expressions=[(specs[index].gate or _expression(specs[index])).encode() for index in chosen],
            ids=list(chosen),
            elements=len(chosen),
            flags=[_flags(specs[index]) for index in chosen],
        )
    except hyperscan.error:
        return None
    return database


def _flags(spec: PatternSpec) -> int:
    """SINGLEMATCH: that it occurs is all we ask. PREFILTER: may say yes too often, never no."""
    flags = hyperscan.HS_FLAG_SINGLEMATCH | hyperscan.HS_FLAG_PREFILTER | hyperscan.HS_FLAG_UTF8
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
