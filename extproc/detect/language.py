"""Which language a text is in, and how sure that is: by its script, and among those of one script by small words.

Looked at are three windows of a text, so that a long one costs little more than the search for its fences of code.
What is short, code, or half in one language and half in another is in none for sure.
"""

from __future__ import annotations

import unicodedata
from bisect import bisect_right
from collections import Counter
from dataclasses import dataclass

from extproc.detect.languages import LETTERS, SCRIPTS, SHARED, WORDS

UNKNOWN = "und"
"""ISO 639-2's word for a language that was not determined; here one of a script that is not known."""

WINDOW = 400
"""Characters that are looked at of a text's beginning, its middle and its end."""


@dataclass(frozen=True, slots=True)
class Guess:
    """A language by ISO 639-1, and how sure it is, from 0 to 1."""

    language: str
    confidence: float


NONE = Guess("", 0.0)


def guess(text: str) -> Guess:
    """The language that a text is in, by what stands outside its fences of code, if that is enough to tell."""
    if "```" in text:
        prose = _guess(" ".join(text.split("```")[::2]))
        if prose.confidence:
            return prose
    return _guess(text)


def _guess(text: str) -> Guess:
    sample = _sample(text)
    if sample.isascii():
        return _by_words(sample)
    sample = unicodedata.normalize("NFKC", sample)
    script, share, letters = _script(sample)
    if script in SHARED:
        found = _by_words(sample)
        return Guess(found.language, found.confidence * share)
    return Guess(script, share * min(1.0, letters / _ENOUGH_LETTERS)) if script else NONE


_ENOUGH_LETTERS = 6
"""Letters of a script that has one language, which are enough to be sure."""

_ENOUGH_HITS = 4
_COVERAGE = 0.2
"""Of the words of prose, between a fifth (Finnish, Turkish) and a half (English) are among the small words."""

_APART = 1.5
"""Two thirds of the best score are enough to be ahead of the second; Danish and Norwegian share half of their words."""

_SYMBOLS = '{}[]()<>;=_$\\/|&+*#@^~`"'
_PROSE, _CODE = 0.03, 0.1
"""Symbols in a hundred characters: no more than 3 in prose, no fewer than 10 in code."""

_BETWEEN = {ord(each): " " for each in "{}[]()<>;=$\\|&+*#@^~`\"'’‘“”«»„,.:!?¿¡…-–—%\n\t\r"}
"""What stands between words. Not `_` and `/`: parts of names and of addresses are no words."""


def _by_words(sample: str) -> Guess:
    words = [word for word in sample.lower().translate(_BETWEEN).split() if len(word) > 1]
    scores: dict[str, float] = {}
    hits: dict[str, int] = {}
    for word in words:
        for language, weight in _INDEX.get(word, ()):
            scores[language] = scores.get(language, 0.0) + weight
            hits[language] = hits.get(language, 0) + 1
    for letter in _TELLING.intersection(sample):
        for language in LETTERS[letter].split():
            scores[language] = scores.get(language, 0.0) + 1
            hits[language] = hits.get(language, 0) + 1
    if not scores:
        return NONE
    best = max(scores, key=scores.__getitem__)
    second = max((score for language, score in scores.items() if language != best), default=0.0)
    apart = min(1.0, _APART * (scores[best] - second) / scores[best])
    covered = min(1.0, hits[best] / len(words) / _COVERAGE) if words else 0.0
    return Guess(best, apart * covered * min(1.0, hits[best] / _ENOUGH_HITS) * _prose(sample))


def _prose(sample: str) -> float:
    """1 where a text looks like prose, 0 where it looks like code."""
    symbols = sum(map(sample.count, _SYMBOLS)) / len(sample)
    return min(1.0, max(0.0, (_CODE - symbols) / (_CODE - _PROSE)))


def _script(sample: str) -> tuple[str, float, int]:
    """The script that most letters are of, its share of them, and how many they are. Han beside kana is Japanese."""
    counts: Counter[str] = Counter()
    for letter, times in Counter(sample).items():
        if letter.isalpha():
            counts[_script_of(letter)] += times
    if not counts:
        return "", 0.0, 0
    if counts["ja"] * 10 >= counts["zh"]:
        counts["ja"] += counts.pop("zh", 0)
    (script, most), *_ = counts.most_common(1)
    return script, most / counts.total(), most


def _script_of(letter: str) -> str:
    code = ord(letter)
    if code < _STARTS[0] or 0x1E00 <= code < 0x1F00:
        return "latin"
    _, end, script = SCRIPTS[bisect_right(_STARTS, code) - 1]
    return script if code <= end else UNKNOWN


def _sample(text: str) -> str:
    if len(text) <= 3 * WINDOW:
        return text
    middle = (len(text) - WINDOW) // 2
    return " ".join((text[:WINDOW], text[middle : middle + WINDOW], text[-WINDOW:]))


def _index() -> dict[str, tuple[tuple[str, float], ...]]:
    """For each word the languages that have it, each with its part of one."""
    having: dict[str, list[str]] = {}
    for language, words in WORDS.items():
        for word in set(words.split()):
            having.setdefault(word, []).append(language)
    return {word: tuple((each, 1 / len(those)) for each in those) for word, those in having.items()}


_INDEX = _index()
_TELLING = frozenset(LETTERS)
_STARTS = [start for start, _, _ in SCRIPTS]
