"""Words that are nearly a given term, by Levenshtein distance, in time linear in the text.

Compared are runs of as many words as the term has. Most runs are sorted out by length and by the letters they have;
for the rest the distance costs one step per character (Myers, "A fast bit-vector algorithm for approximate string
matching based on dynamic programming", J. ACM 46(3), 1999; Hyyrö's form for whole strings).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import re2

from extproc.detect.patterns import Hit, encodable

_WORD = re2.compile(r"[\pL\pN_@$!'-]{1,64}")

LETTERS_PER_EDIT = 3
"""A term must have this many letters for each edit that is allowed: `cat` is one edit away from half the dictionary."""


@dataclass(frozen=True, slots=True)
class _Term:
    text: str
    words: int
    distance: int
    letters: int
    places: dict[str, int]


class FuzzyTerms:
    """Terms with the distance at which a run of words still counts as one."""

    def __init__(self, label: str, terms: Sequence[str], max_distance: int) -> None:
        self._label = label
        self._terms = [_term(term, max_distance) for term in terms]
        self._runs = sorted({term.words for term in self._terms})

    def find(self, text: str) -> list[Hit]:
        """All runs within their distance, leftmost first, overlaps left out."""
        if not self._terms:
            return []
        words = [match.span() for match in _WORD.finditer(encodable(text))]
        known: dict[str, bool] = {}
        found = sorted(
            (start, -end)
            for size in self._runs
            for start, end, run in _runs(text, words, size)
            if self._is_term(run, size, known)
        )
        return list(_hits(self._label, found))

    def _is_term(self, run: str, size: int, known: dict[str, bool]) -> bool:
        answer = known.get(run)
        if answer is None:
            letters = _letters(run)
            answer = known[run] = any(
                abs(len(run) - len(term.text)) <= term.distance
                and (letters ^ term.letters).bit_count() <= 2 * term.distance
                and distance(term.places, len(term.text), run) <= term.distance
                for term in self._terms
                if term.words == size
            )
        return answer


def beside(near: Sequence[Hit], exact: Sequence[Hit]) -> Iterator[Hit]:
    """Those of `near` that overlap none of `exact`. Both are in order and without overlaps; one pass."""
    at = 0
    for hit in near:
        while at < len(exact) and exact[at].end <= hit.start:
            at += 1
        if at == len(exact) or exact[at].start >= hit.end:
            yield hit


def distance(places: dict[str, int], size: int, other: str) -> int:
    """The Levenshtein distance of two strings, one given as its length and the bits of each character's places."""
    if not size:
        return len(other)
    last = 1 << (size - 1)
    plus, minus, score = (1 << size) - 1, 0, size
    for character in other:
        equal = places.get(character, 0)
        vertical = equal | minus
        horizontal = (((equal & plus) + plus) ^ plus) | equal
        up = minus | ~(horizontal | plus)
        down = plus & horizontal
        score += bool(up & last) - bool(down & last)
        up = (up << 1) | 1
        plus = (down << 1) | ~(vertical | up)
        minus = up & vertical
        plus &= (last << 1) - 1
        minus &= (last << 1) - 1
    return score


def places_of(text: str) -> dict[str, int]:
    """The bits of each character's places in a string."""
    places: dict[str, int] = {}
    for at, character in enumerate(text):
        places[character] = places.get(character, 0) | 1 << at
    return places


def _term(term: str, max_distance: int) -> _Term:
    words = [match.group() for match in _WORD.finditer(term.lower())]
    text = " ".join(words)
    return _Term(text, len(words), min(max_distance, len(text) // LETTERS_PER_EDIT), _letters(text), places_of(text))


def _letters(text: str) -> int:
    """Which characters a string has, as bits; one edit changes at most two of them."""
    bits = 0
    for character in set(text):
        bits |= 1 << (ord(character) & 63)
    return bits


def _runs(text: str, words: list[tuple[int, int]], size: int) -> Iterator[tuple[int, int, str]]:
    if size == 1:
        for start, end in words:
            yield start, end, text[start:end].lower()
        return
    for first in range(len(words) - size + 1):
        run = words[first : first + size]
        yield run[0][0], run[-1][1], " ".join([text[start:end] for start, end in run]).lower()


def _hits(label: str, found: list[tuple[int, int]]) -> Iterator[Hit]:
    reached = 0
    for start, end in found:
        if start >= reached:
            yield Hit(label, start, -end)
            reached = -end
