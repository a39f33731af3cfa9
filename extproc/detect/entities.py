"""Entities in text: rules as data, and the scanner that applies them.

A rule is a bounded expression, and where an expression cannot decide, a function that looks at the candidate and a few
characters around it. The expression finds candidates in one pass with all others (`patterns`); the function says which
parts of a candidate are hits. So a rule costs next to nothing where its shape does not occur.

On a growing text (a stream) the same rules hold: `watched` are the patterns whose progress at its end says how much of
it nothing that comes later can change. What lengthens a match or is looked at after it belongs to them.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

import re2

from extproc.detect import encoded
from extproc.detect.folding import folded, undisguised
from extproc.detect.patterns import Hit, PatternSpec, Scanner
from extproc.detect.shadow import ESCAPE, shadow

Span = tuple[int, int]
Found = tuple[int, int, str]
Accept = Callable[[str, str, str], bool]
"""(candidate, up to BEFORE characters before it, up to AFTER after it) -> whether it is a hit."""

Parts = Callable[[str, str, str], Iterable[Span]]
"""As `Accept`, for candidates of which only parts are hits."""

BEFORE = 64
"""Characters before a candidate that may give it meaning: about five words and their punctuation."""

AFTER = 2
"""Characters after a candidate that may take its meaning away."""


@dataclass(frozen=True, slots=True)
class EntityRule:
    """What one kind of entity looks like.

    `expression` is RE2's dialect with bounded repeats only; `max_length` is the length in characters of its longest
    match. A group in it, if there is one, is what the hit covers; the rest is context. `accept` decides on the whole
    candidate, `parts` says which parts of it are hits; with neither, every match is one. `gate` is a cheaper expression
    that occurs wherever this one does: long classes before the first fixed character are slow to look for.
    `tail` lists the characters that, standing right after a hit, belong to it however many they are: keys have no
    longest length. `closing` is a text that ends a hit, if it comes within `TAIL_CAP` characters.
    """

    label: str
    expression: str
    max_length: int
    accept: Accept | None = None
    parts: Parts | None = None
    caseless: bool = False
    gate: str = ""
    tail: str = ""
    closing: str = ""


TAIL_CAP = 16384
"""Characters to which a tail or a closing may extend a hit, and for which a stream waits."""

CLOSING_LINE = 85
"""Characters of the longest line that a closing begins, `-----END RSA PRIVATE KEY-----` and the like."""

MAX_CANDIDATES = 100_000
"""Candidates in one text, beyond which judging them would keep a worker from everybody else for seconds."""


class TooManyCandidates(ValueError):
    """A text so dense with candidates that it was not judged; it must not pass."""


OPERATORS_LENGTH = 256
"""The `max_length` of an operator's own pattern, whose longest match nobody declares."""


def operators_rule(label: str, expression: str) -> EntityRule:
    """A rule of an operator's own pattern; its groups, if it has any, mean nothing to us."""
    return EntityRule(label, f"({expression})", OPERATORS_LENGTH)


class EntityScanner:
    """Rules compiled once per snapshot, then only read; `find` may be called from one thread at a time."""

    def __init__(self, rules: Sequence[EntityRule]) -> None:
        self.rules = tuple(rules)
        self.watched = (*map(_watched, rules), *encoded.WATCHED)
        specs = [PatternSpec(rule.label, rule.expression, rule.caseless, gate=rule.gate) for rule in rules]
        self._scanner = Scanner((*specs, *encoded.ENCODINGS, ESCAPE))
        self._escape = len(specs) + len(encoded.ENCODINGS)

    def quiet(self, text: str) -> bool:
        """Whether nothing is found in a text, which may be several joined by line feeds; False where it is not sure."""
        plain = folded(text)
        return self._scanner.quiet(plain) and (plain is text or undisguised(text) == plain)

    def find(self, text: str, start: int = 0, *, context: str = "") -> list[Hit]:
        """All hits from character `start` on, in order; overlapping ones are one hit under the longest one's label.

        The text before `start` is what the hits are judged by, and so is `context`, which came before `text`: the last
        `BEFORE` characters, for words that give meaning and for boundaries. A hit that begins in `context` covers what
        stands of it in `text`. Digits, spaces and dashes of any script count as ASCII's. Raises TooManyCandidates.
        """
        lead = context[-BEFORE:]
        found = self._found(lead + text, start + len(lead) if start else 0)
        return [Hit(label, max(0, a - len(lead)), b - len(lead)) for a, b, label in _joined(found) if b > len(lead)]

    def _found(self, text: str, start: int) -> list[Found]:
        """What stands in a text as it is, coded, and in disguise."""
        plain = folded(text)
        spans = self._scanner.spans(plain, start)
        coded = [span for span in spans if span[0] >= len(self.rules)]  # the last ones
        found = self._judged(plain, spans[: len(spans) - len(coded)])
        if coded:
            found += self._decoded(plain, coded)
        if plain is not text or (coded and coded[-1][0] == self._escape):
            found += self._shadowed(text, plain, start)
        return found

    def _shadowed(self, text: str, plain: str, start: int) -> list[Found]:
        seen = shadow(text, plain)
        if seen is None:
            return []
        first = bisect_left(seen.starts, start)
        judged = self._judged(seen.text, self._rules_spans(seen.text, first))
        return [(seen.starts[begin], seen.ends[end - 1], label) for begin, end, label in judged]

    def _decoded(self, text: str, coded: Iterable[tuple[int, int, int]]) -> list[Found]:
        """Coded runs that say something that would be found, each under the label of the first thing in it."""
        found: list[Found] = []
        reached = 0
        for index, begin, end in coded:
            if index == self._escape or begin < reached:
                continue
            said, reached = encoded.run(text, index - len(self.rules), begin, end)
            plain = folded(said)
            inside = self._judged(plain, self._rules_spans(plain))
            if inside:
                found.append((begin, reached, min(inside)[2]))
        return found

    def _rules_spans(self, text: str, start: int = 0) -> list[tuple[int, int, int]]:
        return [span for span in self._scanner.spans(text, start) if span[0] < len(self.rules)]

    def _judged(self, text: str, spans: Sequence[tuple[int, int, int]]) -> list[Found]:
        """The hits among candidates, which come rule by rule and in order of place. Raises TooManyCandidates."""
        if len(spans) > MAX_CANDIDATES:
            raise TooManyCandidates(f"more than {MAX_CANDIDATES} candidates in one text")
        found: list[Found] = []
        current = -1
        for index, begin, end in spans:
            if index != current:
                current, rule, ends = index, self.rules[index], _Ends(self.rules[index], text)
                label, accept, parts = rule.label, rule.accept, rule.parts
            if begin >= end or end <= ends.reached:  # a group that took no part, or what is in a hit already
                continue
            if parts is None and accept is None:
                found.append((begin, ends.of(end), label))
                continue
            candidate = text[begin:end]
            before, after = text[max(0, begin - BEFORE) : begin], text[end : end + AFTER]
            if parts is not None:
                found += [
                    (begin + first, ends.of(begin + last), label) for first, last in parts(candidate, before, after)
                ]
            elif accept is not None and accept(candidate, before, after):
                found.append((begin, ends.of(end), label))
        return found


class _Ends:
    """Where the hits of one rule really end: at their closing, or where their tail stops.

    Each character is looked at once or twice, however many hits would reach it: a text of nothing but first lines of
    private keys, or of nothing but prefixes of keys, is all tail.
    """

    __slots__ = ("_closing", "_rule", "_text", "reached")

    def __init__(self, rule: EntityRule, text: str) -> None:
        self._rule = rule
        self._text = text
        self._closing = -1  # the next one, from the last place that was asked for
        self.reached = 0
        """Where the last hit that was drawn out ended: what lies before it needs no judge."""

    def of(self, end: int) -> int:
        """The end of a hit whose expression matched up to `end`."""
        rule = self._rule
        if not rule.tail and not rule.closing:
            return end
        if rule.closing:
            if self._closing < end:
                at = self._text.find(rule.closing, end)
                self._closing = at if at >= 0 else len(self._text) + TAIL_CAP
            if self._closing <= end + TAIL_CAP - len(rule.closing):
                self.reached = _line_end(self._text, self._closing)
                return self.reached
        if self._text[end : end + 1] in rule.tail:
            rest = self._text[end : end + TAIL_CAP]
            end += len(rest) - len(rest.lstrip(rule.tail))
        self.reached = end
        return end


def _watched(rule: EntityRule) -> PatternSpec:
    """A rule as `progress` follows it: what may lengthen a match, and what is looked at after one, belong to it."""
    tail = f"[{re2.escape(rule.tail)}]{{0,{TAIL_CAP}}}" if rule.tail else ""
    rest = CLOSING_LINE - len(rule.closing) - 5
    closing = f"(?:{re2.escape(rule.closing)}[A-Z0-9 ]{{0,{rest}}}-----)?" if rule.closing else ""
    after = "(?:[\\s\\S]" * AFTER + ")?" * AFTER
    return PatternSpec(rule.label, f"(?:{rule.expression}){tail}{closing}{after}", rule.caseless)


def _line_end(text: str, at: int) -> int:
    """The end of the dashes that end a line like `-----END PRIVATE KEY-----`, or of what stands of it."""
    dashes = text.find("-----", at + 8, at + 80)
    return dashes + 5 if dashes >= 0 else min(len(text), at + 80)


def _joined(found: list[Found]) -> list[Found]:
    """Overlapping hits as one, under the longest one's label: dropping one of them would let its end through."""
    found.sort(key=_by_place)
    joined: list[Found] = []
    reached = longest = 0
    for start, end, label in found:
        if start >= reached:
            joined.append((start, end, label))
            longest = end - start
        elif end > reached or end - start > longest:
            first, last, name = joined[-1]
            joined[-1] = (first, max(last, end), label if end - start > longest else name)
            longest = max(longest, end - start)
        reached = max(reached, end)
    return joined


def _by_place(found: Found) -> tuple[int, int]:
    return found[0], -found[1]
