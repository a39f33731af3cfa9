"""Terms of a field: words and phrases as people write them, in any case, with spaces or hyphens, one or many of them.

A term is literal but for that: `deemed export` is found in "Deemed-exports". What is found, and how fast, is the
scanner's business (`patterns`); words that are nearly a term, `fuzzy`'s.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import re2

from extproc.detect.folding import folded
from extproc.detect.fuzzy import FuzzyTerms, beside
from extproc.detect.patterns import Hit, PatternSpec, Scanner
from extproc.detect.shadow import may_hide, seen_through

_GAP = r"[\s_-]{1,3}"
_PLURAL = r"(?:'s|s|es)?"
_BETWEEN = r"[^\w.!?\n]{1,3}"
_LOOK_BACK = 80
"""Characters."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Vocabulary:
    """What a field is recognised by: terms, and expressions (RE2, caseless) for what no list of terms can say.

    `pairs` are two expressions and how many words may stand between them in one sentence. A word of `unless` shortly
    before, in the same sentence, says that nobody means it.
    """

    terms: tuple[str, ...] = ()
    expressions: tuple[str, ...] = ()
    pairs: tuple[tuple[str, str, int], ...] = ()
    unless: frozenset[str] = frozenset()


class Lexicon:
    """Vocabularies compiled once; every hit has the one label. Texts are folded first, so places are the text's own."""

    def __init__(
        self, label: str, vocabularies: Sequence[Vocabulary], *, fuzzy: Sequence[str] = (), max_distance: int = 0
    ) -> None:
        self.specs = tuple(spec for each in vocabularies for spec in _specs(label, each))
        self._scanner = Scanner(self.specs)
        self._unless = frozenset(word for each in vocabularies for word in each.unless)
        self._fuzzy = FuzzyTerms(label, fuzzy, max_distance) if fuzzy else None

    def quiet(self, text: str) -> bool:
        """Whether nothing is found in texts that are joined by line feeds; False where that is not sure."""
        plain = folded(text)
        return self._fuzzy is None and self._scanner.quiet(plain) and not may_hide(text, plain)

    def find(self, text: str, start: int = 0) -> list[Hit]:
        """All hits from character `start` on, leftmost first, without overlaps."""
        return seen_through(text, folded(text), start, self._found)

    def _found(self, plain: str, start: int) -> list[Hit]:
        exact = [hit for hit in self._scanner.find(plain, start) if not self._unless or self._meant(plain, hit)]
        if self._fuzzy is None:
            return exact
        near = [hit for hit in self._fuzzy.find(plain) if hit.start >= start]
        return sorted([*exact, *beside(near, exact)], key=lambda hit: hit.start)

    def _meant(self, text: str, hit: Hit) -> bool:
        """Whether no word just before, in the same sentence, turns the meaning: to prevent an attack is no attack."""
        before = text[max(0, hit.start - _LOOK_BACK) : hit.start]
        sentence = before[max(before.rfind(mark) for mark in ".!?\n") + 1 :]
        return self._unless.isdisjoint(sentence.casefold().split())


def term(words: str) -> str:
    """The expression that finds a term: whole words where it begins and ends with a letter or digit of ASCII's."""
    parts = [re2.escape(part) for part in words.replace("-", " ").split()]
    before, after = (r"\b" if edge.isascii() and edge.isalnum() else "" for edge in (words[0], words[-1]))
    return before + _GAP.join(parts) + (_PLURAL + after if after else "")


def _specs(label: str, vocabulary: Vocabulary) -> list[PatternSpec]:
    expressions = (*map(term, vocabulary.terms), *vocabulary.expressions)
    alone = [PatternSpec(label, expression, caseless=True) for expression in expressions]
    return alone + [_pair(label, *pair) for pair in vocabulary.pairs]


def _pair(label: str, first: str, second: str, words: int) -> PatternSpec:
    """Hyperscan looks for the second alone: the words between would take it seconds to compile."""
    between = rf"(?:{_BETWEEN}\w{{1,24}}){{0,{words}}}{_BETWEEN}"
    return PatternSpec(label, rf"\b(?:{first}){between}(?:{second})\b", caseless=True, gate=rf"(?:{second})\b")
