"""Runs of text inside JSON: decoded, with the place of each character in the raw text, where edits are made."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Literal, NamedTuple

from extproc.dialects.json_text import quote

Kind = Literal["key", "value", "number", "plain"]


class Run(NamedTuple):
    """Text of one string or number, or what follows an error of syntax. A tuple, because it is made for every delta.

    An open number is shown as far as it goes, perhaps with space behind it; it is released only when it has ended, so
    that it can still become a string.
    """

    kind: Kind
    text: str
    """Decoded, and without what was released before."""

    offset: int
    """Characters of this run that were released before."""

    ended: bool


@dataclass(frozen=True, slots=True)
class Replacement:
    """Other text for characters `start` to `end` of run number `run`. A number becomes a string by it."""

    run: int
    start: int
    end: int
    text: str


class Growing:
    """A run while it grows."""

    __slots__ = ("_end", "_marks", "_parts", "_raw", "ended", "kind", "offset", "size")

    def __init__(self, kind: Kind, start: int) -> None:
        self.kind: Kind = kind
        self.ended = False
        self.offset = 0
        self.size = 0  # characters that are there, from `offset` on
        self._parts: list[str] = []
        self._end = start  # where in the raw text the last character ends
        # Characters that stand in the raw text as they are need no map: a mark is made where that is interrupted.
        self._marks: list[int] = []  # characters, counted from the start of the run
        self._raw: list[int] = []  # where each of them begins in the raw text

    def add(self, text: str, start: int) -> None:
        """Characters that stand at `start` of the raw text as they are."""
        self._mark(start)
        self._parts.append(text)
        self.size += len(text)
        self._end = start + len(text)

    def add_escaped(self, character: str, start: int, end: int) -> None:
        """A character that is written as an escape, from `start` to `end` of the raw text."""
        self._mark(start)
        self._parts.append(character)
        self.size += 1
        self._end = end

    def text(self) -> str:
        """All characters from `offset` on."""
        if len(self._parts) > 1:
            self._parts = ["".join(self._parts)]
        return self._parts[0] if self._parts else ""

    def last(self) -> str:
        """The last character; empty where there is none."""
        return self._parts[-1][-1] if self.size else ""

    def raw(self, character: int) -> int:
        """Where a character begins in the raw text; at `size`, where the last one ends."""
        if character == self.size:
            return self._end
        counted = self.offset + character
        mark = bisect_right(self._marks, counted) - 1
        return self._raw[mark] + counted - self._marks[mark]

    def trim(self, characters: str) -> None:
        """Leave out these characters at the end."""
        text = self.text().rstrip(characters)
        self._end = self.raw(len(text))
        self._parts = [text]
        self.size = len(text)

    def drop(self, count: int) -> None:
        """Forget the first characters."""
        if not count:
            return
        self._parts = [self.text()[count:]]
        self.size -= count
        self.offset += count
        past = max(0, bisect_right(self._marks, self.offset) - 1)
        del self._marks[:past], self._raw[:past]

    def edits(self, replacements: Iterable[Replacement]) -> Iterator[tuple[int, int, str]]:
        """Raw start, raw end and raw text of each, which are in order. In a number they are one: the whole, quoted."""
        if self.kind == "number":
            yield self.raw(0), self.raw(self.size), quote(self._edited(replacements))
            return
        for each in self._checked(replacements):
            text = each.text if self.kind == "plain" else quote(each.text)[1:-1]
            yield self.raw(each.start), self.raw(each.end), text

    def _mark(self, start: int) -> None:
        """A character begins at `start`: note it unless it follows the last one as that stands itself."""
        counted = self.offset + self.size
        if not self._marks or self._raw[-1] + counted - self._marks[-1] != start:
            self._marks.append(counted)
            self._raw.append(start)

    def _edited(self, replacements: Iterable[Replacement]) -> str:
        text = self.text()
        parts: list[str] = []
        at = 0
        for each in self._checked(replacements):
            parts += (text[at : each.start], each.text)
            at = each.end
        return "".join((*parts, text[at:]))

    def _checked(self, replacements: Iterable[Replacement]) -> Iterator[Replacement]:
        at = 0
        for each in replacements:
            if not at <= each.start <= each.end <= self.size:
                where = f"characters {each.start} to {each.end} of run {each.run}"
                raise ValueError(f"the replacement of {where} overlaps another or leaves the run")
            yield each
            at = each.end
