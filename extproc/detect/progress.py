"""How much of the end of a growing text may still become a match: what a guard on a stream has to hold back.

A match in progress is a thread of a finite automaton that began at some character and has not died. The earliest living
thread is where the text stops being settled; everything before it looks the same to the patterns whatever comes next.
So a stream is held back exactly as long as a rule can still be in progress, which is a word or a number for most rules
and nothing after a space, instead of a fixed window (detection.md, 3.2: every token late, and long secrets lost).

The automaton may only err by holding too much. It drops what would shorten a match: counts (`{16}` is read as "one or
more") and anchors. The declared longest match puts the upper bound back: nothing that began earlier can still grow.
Counts being gone, threads that began in one word soon share a state, and only the earliest is kept. Word boundaries are
kept: most rules begin with one, and would otherwise begin anew at every letter.

The automaton also says where a match may have ended, so that nobody has to search where none has; here it may only say
so too often. Replies are made of few different pieces (a provider's tokens), so what a piece does is remembered whole.
"""

from __future__ import annotations

import warnings
from bisect import bisect_right
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from itertools import pairwise
from re import _constants as op  # type: ignore[attr-defined]  # the parser alone: nothing is matched with `re` here
from re import _parser as parser  # type: ignore[attr-defined]  # private, and the same in 3.11 to 3.14
from typing import Any

from extproc.detect.folding import folded
from extproc.detect.patterns import PatternSpec
from extproc.detect.shadow import begun, may_hide, shadow

_LAST = 0x10FFFF
Range = tuple[int, int]
Ranges = tuple[Range, ...]
Nodes = frozenset[int]
_EVERYTHING: Ranges = ((0, _LAST),)
_CATEGORIES: dict[Any, Ranges] = {  # RE2's are ASCII
    op.CATEGORY_DIGIT: ((48, 57),),
    op.CATEGORY_WORD: ((48, 57), (65, 90), (95, 95), (97, 122)),
    op.CATEGORY_SPACE: ((9, 13), (32, 32)),
}
_NOT = {
    op.CATEGORY_NOT_DIGIT: op.CATEGORY_DIGIT,
    op.CATEGORY_NOT_WORD: op.CATEGORY_WORD,
    op.CATEGORY_NOT_SPACE: op.CATEGORY_SPACE,
}
_BOUNDARIES = {op.AT_BOUNDARY: True, op.AT_NON_BOUNDARY: False}
_CLASSES = (128, 1024, 1 << 31)
_MOST_FRONTS = 4096
_MOST_PIECES = 4096
_LONGEST_PIECE = 16
"""Characters: longer pieces seldom come twice."""

_LONG_SHADOW = 4096
"""Settled characters of a shadow whose places are remembered: dropping them now and then costs little."""

_MOST_FOLDED = 512
"""Caseless ranges wider than this are read as any character."""


class NotWatchable(ValueError):
    """A pattern whose progress cannot be told: it has no longest match, or a construct that is RE2's alone."""


def longest(spec: PatternSpec) -> int:
    """The longest match of a pattern in characters. Raises NotWatchable, with the reason, where it has none."""
    if spec.literal:
        return len(spec.expression)
    most = int(_parsed(spec).getwidth()[1])
    if most >= int(op.MAXREPEAT) or most >= 1 << 31:
        raise NotWatchable(f"{spec.expression!r} has no longest match; give its repeats an upper bound")
    return most


class Automaton:
    """Built once per snapshot from all patterns that guard one text; `Watch` is its state on one stream.

    Patterns of like length share a machine: the longest match bounds how far back all of a machine's patterns are held,
    and a private key may be thousands of characters long.
    """

    def __init__(self, specs: Sequence[PatternSpec], *, folding: bool = False) -> None:
        """With `folding` the text is folded first. Raises NotWatchable for the first pattern that cannot be watched."""
        self.folding = folding
        sized = [(longest(spec), spec) for spec in specs]
        self.longest = max((size for size, _ in sized), default=0)
        bounds = pairwise((-1, *_CLASSES))
        groups = ([spec for size, spec in sized if low < size <= high] for low, high in bounds)
        self.machines = tuple(_Machine(group) for group in groups if group)


class Watch:
    """How far one growing text is settled: `unsettled` characters at its end may still become a match, or a longer one.

    No match has ended behind character `ended`.
    """

    __slots__ = ("_folding", "_followers", "_position", "_shadow", "ended", "unsettled")

    def __init__(self, automaton: Automaton) -> None:
        self._folding = automaton.folding
        self._followers = [_Follower(machine) for machine in automaton.machines]
        self._position = 0
        self._shadow: _ShadowWatch | None = None
        self.unsettled = 0
        self.ended = 0

    def feed(self, text: str) -> None:
        """The next characters."""
        plain = folded(text) if self._folding else text
        if self._shadow is None and may_hide(text, plain):
            self._shadow = _ShadowWatch([follower.copy() for follower in self._followers], self._position)
        self._position += len(text)
        unsettled = 0
        for follower in self._followers:
            unsettled = max(unsettled, follower.feed(plain))
            self.ended = max(self.ended, follower.ended)
        if self._shadow is not None:
            unsettled = max(unsettled, self._in_shadow(self._shadow, text))
        self.unsettled = unsettled

    def _in_shadow(self, watch: _ShadowWatch, text: str) -> int:
        unsettled = watch.feed(text)
        if watch.ended:
            self.ended = self._position
        if watch.like(self._followers):
            self._shadow = None
        return unsettled


class _ShadowWatch:
    """The same in the text's shadow, from where that begins to differ until what is in progress is the same again.

    Places in the shadow are counted like the text's up to `begin`; `starts` says where the others stand.
    """

    __slots__ = ("_begin", "_end", "_followers", "_pending", "_starts", "ended")

    def __init__(self, followers: list[_Follower], position: int) -> None:
        self._followers = followers
        self._begin = self._end = position
        self._starts: list[int] = []
        self._pending = ""
        self.ended = False
        """Whether a match may have ended in what was fed last."""

    def feed(self, text: str) -> int:
        """The next characters of the text; returns how many at its end are unsettled."""
        open_ = self._pending + text
        self._end += len(text)
        rest = begun(open_)
        ready = open_[: len(open_) - rest]
        first = self._walk(ready, self._end - len(open_))
        self._pending = open_[len(ready) :]
        return self._end - min(self._place(first), self._end - rest)

    def like(self, followers: list[_Follower]) -> bool:
        """Whether these, in the text, have come to the same: then nothing that differs is in progress any more."""
        return not self._pending and all(
            here.goes_on_like(there, self._place) for here, there in zip(self._followers, followers, strict=True)
        )

    def _place(self, at: int) -> int:
        """Where in the text a character of the shadow stands."""
        if at < self._begin:
            return at
        return self._starts[at - self._begin] if at < self._begin + len(self._starts) else self._end

    def _walk(self, text: str, place: int) -> int:
        """Follow the shadow of what is complete; returns where, in the shadow, the unsettled begins."""
        seen = shadow(text, text)
        self._starts += range(place, place + len(text)) if seen is None else [place + each for each in seen.starts]
        before = [follower.ended for follower in self._followers]
        said = text if seen is None else seen.text
        unsettled = max([follower.feed(said) for follower in self._followers], default=0)
        self.ended = before != [follower.ended for follower in self._followers]
        first = self._begin + len(self._starts) - unsettled
        if first - self._begin > _LONG_SHADOW:
            del self._starts[: first - self._begin]
            self._begin = first
        return first


class _Machine:
    """One automaton for some patterns."""

    def __init__(self, specs: Sequence[PatternSpec]) -> None:
        self.longest = max((longest(spec) for spec in specs), default=0)
        self._graph = _Graph()
        starts = [self._graph.pattern(spec) for spec in specs]
        self._initial = self._graph.closure(starts)
        ranges = (*self._graph.ranges(), *_CATEGORIES[op.CATEGORY_WORD])
        self._edges = sorted({edge for low, high in ranges for edge in (low, high + 1)})
        self._ascii = bytes(min(bisect_right(self._edges, code), 255) for code in range(256))
        self._few = len(self._edges) < 256
        self._fronts: dict[tuple[tuple[Nodes, ...], bool], _Front] = {}
        self.known: dict[tuple[_Front, str], _Move] = {}
        self._starts = (self._front((), False), self._front((), True))

    def start(self, before: str = "") -> _Front:
        """The front without threads behind this character; '' for the beginning of the text."""
        return self._starts[bool(before) and _is_word(ord(before))]

    def move(self, front: _Front, text: str) -> _Move:
        """What these characters do to a front."""
        found = self._walked(front, text)
        if len(text) <= _LONGEST_PIECE:
            if len(self.known) >= _MOST_PIECES:
                self.known.clear()  # what is common comes back at once
            self.known[front, text] = found
        return found

    def _walked(self, front: _Front, text: str) -> _Move:
        old = len(front.threads)
        kept: Sequence[int] = range(old)
        ended = 0
        for place, kind in enumerate(self._kinds(text)):
            step = front.moves.get(kind) or self._step(front, kind)
            if step.kept is not None:
                places = (*kept, old + place)
                kept = [places[each] for each in step.kept]
            if step.ended:
                ended = place + 1
            front = step.front
        return _Move(front, _changed(kept, old), ended)

    def _kinds(self, text: str) -> Iterable[int]:
        """Each character as a number; characters that no pattern tells apart have the same."""
        if text.isascii() and self._few:
            return text.encode().translate(self._ascii)
        return [bisect_right(self._edges, ord(character)) for character in text]

    def _step(self, front: _Front, kind: int) -> _Move:
        """What one character of this kind does."""
        code = self._edges[kind - 1] if kind else 0
        word = _is_word(code)
        alive: list[Nodes] = []
        kept: list[int] = []
        for place, nodes in enumerate((*front.threads, self._initial)):
            here = self._graph.closure(nodes, boundary=word != front.word)
            after = self._graph.closure(self._graph.reached(here, code))
            if after and after not in alive:
                alive.append(after)
                kept.append(place)
        ended = any(map(self._graph.ends, alive))
        found = _Move(self._front(tuple(alive), word), _changed(kept, len(front.threads)), int(ended))
        if len(self._fronts) < _MOST_FRONTS:
            front.moves[kind] = found
        return found

    def _front(self, threads: tuple[Nodes, ...], word: bool) -> _Front:
        known = self._fronts.get((threads, word))
        if known is None:
            known = _Front(threads, word)
            if len(self._fronts) < _MOST_FRONTS:
                self._fronts[threads, word] = known
        return known


@dataclass(slots=True, eq=False)
class _Front:
    """Where the living threads are, earliest first, and whether a word character came last: what can happen next
    depends on nothing else.
    """

    threads: tuple[Nodes, ...]
    word: bool
    moves: dict[int, _Move] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class _Move:
    """The front after some characters, and the threads that live, by their place in the old one; past its end: newborn,
    by the character that they began at. None where all of the old live and no other. No match ends behind `ended` of
    the characters.
    """

    front: _Front
    kept: tuple[int, ...] | None
    ended: int


def _changed(kept: Sequence[int], old: int) -> tuple[int, ...] | None:
    return None if len(kept) == old and all(place == each for place, each in enumerate(kept)) else tuple(kept)


class _Follower:
    """The threads that live at the end of one growing text, and where a match may last have ended."""

    __slots__ = ("_front", "_machine", "_position", "_starts", "ended")

    def __init__(self, machine: _Machine) -> None:
        self._machine = machine
        self._front = machine.start()
        self._position = 0
        self._starts: list[int] = []
        self.ended = 0

    def copy(self) -> _Follower:
        """One that goes on from here by itself."""
        found = _Follower(self._machine)
        found._front, found._position, found._starts, found.ended = (
            self._front,
            self._position,
            self._starts,
            self.ended,
        )
        return found

    def goes_on_like(self, other: _Follower, place: Callable[[int], int]) -> bool:
        """Whether nothing that comes could tell the two apart, this one's places being those that `place` says."""
        return self._front is other._front and [place(at) for at in self._starts] == other._starts

    def feed(self, text: str) -> int:
        """The next characters; returns how many at the end are unsettled."""
        machine, position = self._machine, self._position
        if len(text) > machine.longest:
            text = self._skip(text)
            position = self._position
        move = machine.known.get((self._front, text)) or machine.move(self._front, text)
        starts = self._starts
        if move.kept is not None:
            old = len(starts)
            starts = [starts[place] if place < old else position - old + place for place in move.kept]
            self._starts = starts
        if move.ended:
            self.ended = max(self.ended, position + move.ended)
        self._front = move.front
        self._position = position = position + len(text)
        return min(position - starts[0], machine.longest) if starts else 0

    def _skip(self, text: str) -> str:
        """What lies further back than the longest match needs no following; matches may well have ended there."""
        skipped = len(text) - self._machine.longest
        self._front, self._starts = self._machine.start(text[skipped - 1]), []
        self.ended = self._position + len(text)
        self._position += skipped
        return text[skipped:]


class _Graph:
    """A nondeterministic automaton in the making: edges on characters, free edges, and edges that are free only at a
    word boundary, or only away from one.
    """

    def __init__(self) -> None:
        self._edges: list[list[tuple[Ranges, int]]] = []
        self._free: list[list[int]] = []
        self._at: dict[bool, dict[int, int]] = {True: {}, False: {}}
        self._ends: set[int] = set()

    def pattern(self, spec: PatternSpec) -> int:
        """Adds a pattern and returns the node that it starts from."""
        start, end = self._node(), self._node()
        self._ends.add(end)
        if spec.literal:
            self._path([_literal(ord(c), spec.caseless) for c in spec.expression], start, end)
        else:
            parsed = _parsed(spec)
            self._sequence(parsed, start, end, bool(parsed.state.flags & op.SRE_FLAG_IGNORECASE))
        return start

    def ranges(self) -> Iterator[Range]:
        for edges in self._edges:
            for ranges, _ in edges:
                yield from ranges

    def closure(self, nodes: Iterable[int], *, boundary: bool | None = None) -> Nodes:
        """All that can be reached for nothing; beyond boundaries only where it is known whether here is one."""
        found = set(nodes)
        open_ = list(found)
        at = {} if boundary is None else self._at[boundary]
        while open_:
            left = open_.pop()
            for node in (*self._free[left], *((at[left],) if left in at else ())):
                if node not in found:
                    found.add(node)
                    open_.append(node)
        return frozenset(found)

    def ends(self, nodes: Nodes) -> bool:
        """Whether a match may end here, whatever comes next."""
        return any(not self._ends.isdisjoint(self.closure(nodes, boundary=each)) for each in (True, False))

    def reached(self, nodes: Nodes, code: int) -> set[int]:
        return {
            target
            for node in nodes
            for ranges, target in self._edges[node]
            if any(low <= code <= high for low, high in ranges)
        }

    def _node(self) -> int:
        self._edges.append([])
        self._free.append([])
        return len(self._edges) - 1

    def _path(self, steps: Sequence[Ranges], start: int, end: int) -> None:
        for ranges in steps:
            following = self._node()
            self._edges[start].append((ranges, following))
            start = following
        self._free[start].append(end)

    def _sequence(self, items: Any, start: int, end: int, caseless: bool) -> None:
        for kind, argument in items:
            following = self._node()
            self._item(kind, argument, start, following, caseless)
            start = following
        self._free[start].append(end)

    def _item(self, kind: Any, argument: Any, start: int, end: int, caseless: bool) -> None:
        if kind in (op.MAX_REPEAT, op.MIN_REPEAT):
            least, most, inner = argument
            self._repeat(least, most, inner, start, end, caseless)
        elif kind is op.BRANCH:
            for branch in argument[1]:
                self._sequence(branch, start, end, caseless)
        elif kind is op.SUBPATTERN:
            _, added, removed, inner = argument
            folded = bool(added & op.SRE_FLAG_IGNORECASE) or (caseless and not removed & op.SRE_FLAG_IGNORECASE)
            self._sequence(inner, start, end, folded)
        elif kind is op.AT and argument in _BOUNDARIES:
            self._at[_BOUNDARIES[argument]][start] = end
        elif kind is op.AT:
            self._free[start].append(end)
        else:
            self._path([_ranges(kind, argument, caseless)], start, end)

    def _repeat(self, least: int, most: int, inner: Any, start: int, end: int, caseless: bool) -> None:
        """`?` as it is; every other count as "one or more", or "any number" where none is allowed."""
        first, last = self._node(), self._node()
        self._free[start].append(first)
        self._free[last].append(end)
        self._sequence(inner, first, last, caseless)
        if least == 0:
            self._free[start].append(end)
        if most > 1:
            self._free[last].append(first)


def _is_word(code: int) -> bool:
    """Whether RE2's word boundaries count a character as part of a word."""
    return any(low <= code <= high for low, high in _CATEGORIES[op.CATEGORY_WORD])


def _parsed(spec: PatternSpec) -> Any:
    """Python's parse of an expression in RE2's dialect. Raises NotWatchable where the two differ."""
    if "[:" in spec.expression:
        raise NotWatchable(f"{spec.expression!r} names a POSIX class; write its characters out")
    try:
        with warnings.catch_warnings(action="ignore", category=FutureWarning):
            return parser.parse(spec.expression, op.SRE_FLAG_IGNORECASE if spec.caseless else 0)
    except (ValueError, RecursionError, OverflowError, parser.error) as error:
        raise NotWatchable(f"{spec.expression!r} cannot be followed through a stream: {error}") from error


def _ranges(kind: Any, argument: Any, caseless: bool) -> Ranges:
    if kind is op.LITERAL:
        return _literal(argument, caseless)
    if kind is op.NOT_LITERAL:
        return _EVERYTHING if caseless else _complement(((argument, argument),))
    if kind is op.ANY:
        return _EVERYTHING
    if kind is op.IN:
        return _class(argument, caseless)
    raise NotWatchable(f"'{kind}' cannot be followed through a stream")


def _class(items: Any, caseless: bool) -> Ranges:
    negated = bool(items) and items[0][0] is op.NEGATE
    found: list[Range] = []
    for kind, argument in items[negated:]:
        if kind is op.LITERAL:
            found += _literal(argument, caseless)
        elif kind is op.RANGE:
            found += _folded(argument) if caseless else (argument,)
        elif argument in _NOT:
            found += _complement(_CATEGORIES[_NOT[argument]])
        else:
            found += _CATEGORIES[argument]
    if negated:
        return _EVERYTHING if caseless else _complement(tuple(found))
    return tuple(found)


def _literal(code: int, caseless: bool) -> Ranges:
    return tuple((each, each) for each in sorted(_orbits().get(code, {code}))) if caseless else ((code, code),)


def _folded(bounds: Range) -> Ranges:
    low, high = bounds
    if high - low > _MOST_FOLDED:
        return _EVERYTHING
    return tuple((each, each) for code in range(low, high + 1) for each in _orbits().get(code, {code}))


def _complement(ranges: Ranges) -> Ranges:
    found: list[Range] = []
    at = 0
    for low, high in sorted(ranges):
        if at < low:
            found.append((at, low - 1))
        at = max(at, high + 1)
    return (*found, (at, _LAST)) if at <= _LAST else tuple(found)


@lru_cache(maxsize=1)
def _orbits() -> dict[int, set[int]]:
    """Characters that differ in case alone, by code point; only those that have such a partner."""
    groups: dict[str, set[int]] = {}
    for code in range(0x1E944):
        character = chr(code)
        for key in {character.casefold(), character.lower(), character.upper().lower()}:
            groups.setdefault(key, set()).add(code)
    found: dict[int, set[int]] = {}
    for group in groups.values():
        if len(group) > 1:
            for code in group:
                found.setdefault(code, set()).update(group)
    return found
