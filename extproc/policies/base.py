"""What every policy is: a kind, its settings, and hooks; and what the kinds that judge texts one by one share."""

from __future__ import annotations

from collections.abc import Generator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, ClassVar

from extproc.detect.patterns import PatternSpec
from extproc.detect.progress import Automaton, NotWatchable
from extproc.model import Allow, Edit, Exchange, Need, Redact, Target, Text, Verdict

Hook = Verdict | Generator[Need, object, Verdict]
"""A hook returns its verdict, or yields Needs and returns it at the end; whatever a Need found is sent back in."""


@dataclass(frozen=True, slots=True)
class Between:
    """The bounds of a number in a setting: `Annotated[int, Between(1, 10)]`, both ends allowed."""

    least: float
    most: float


@dataclass(frozen=True, slots=True, kw_only=True)
class NoSettings:
    """The settings of a kind that has none."""


class Policy:
    """A policy kind. The order, stopping, timing, shadow mode and failure of policies are the chain's business.

    `kind` is the name in `policies.chain`; `Settings` a frozen dataclass whose fields are the keys of
    `policy.<kind>`, read strictly by `extproc.config`. A hook that does not apply keeps the default.
    `on_output` sees whole replies; `guards_output` says that the kind judges them. A `TextPolicy` can guard an event
    stream while it runs; for the sake of any other kind a stream is held back to its end.
    """

    kind: ClassVar[str]
    Settings: ClassVar[type[Any]] = NoSettings
    guards_output: ClassVar[bool] = False
    reads_calls: ClassVar[bool] = False
    """Whether it looks at the calls of tools, which are read for nobody else."""
    idle: frozenset[str] = frozenset()
    """Hooks in which a policy has nothing to do as it is set: it is not asked there, nor is that recorded."""
    guards_input: bool = True
    """Whether a policy that looks at requests reads their texts, so that texts in tokens must not pass it."""

    def __init__(self, settings: Any) -> None:
        self.settings = settings

    def admits(self, target: Target) -> bool:
        """Whether a request that this policy allows may go to a target. Where it admits none, `on_input` blocks."""
        return True

    def on_headers(self, exchange: Exchange) -> Verdict:
        """Judge what the headers alone say, before a body is buffered. Plain, never a generator."""
        return Allow()

    def on_input(self, exchange: Exchange) -> Hook:
        """Judge `exchange.request`, which is set."""
        return Allow()

    def on_output(self, exchange: Exchange) -> Hook:
        """Judge `exchange.response`, which is set."""
        return Allow()


@dataclass(frozen=True, slots=True)
class Span:
    """Characters `start:end` of a text, what is to stand in their place, and the label they are counted under."""

    start: int
    end: int
    replacement: str
    label: str


class TextPolicy(Policy):
    """A kind that judges each text by itself, whole or while it grows.

    `automaton` watches a growing text for what `spans` may still find; None where that cannot be told, and
    `unwatchable` then says why.
    """

    guards_output = True
    automaton: Automaton | None = None
    unwatchable: str = ""
    reads_keys: ClassVar[bool] = False
    """Whether the key before a value in JSON says what the value is."""

    def watch(self, specs: Sequence[PatternSpec], *, folding: bool = False) -> None:
        """Watch for these patterns, with `folding` in the folded text, or note why they cannot be watched."""
        try:
            self.automaton = _automaton(tuple(specs), folding)
        except NotWatchable as error:
            self.unwatchable = str(error)

    def spans(self, exchange: Exchange, text: str, start: int = 0) -> Sequence[Span]:
        """What is found from character `start` on, in order and without overlaps; what stands before is context."""
        raise NotImplementedError

    def verdict(self, edits: tuple[Edit, ...]) -> Verdict:
        """What follows from edits, of which there is at least one; how many of a label there are may not matter."""
        return Redact(edits, self.kind)

    def on_input(self, exchange: Exchange) -> Hook:
        """Every text of the request."""
        return self._judge(exchange, exchange.request.texts if exchange.request else ())

    def on_output(self, exchange: Exchange) -> Hook:
        """Every text of the reply."""
        return self._judge(exchange, exchange.response.texts if exchange.response else ())

    def _judge(self, exchange: Exchange, texts: Sequence[Text]) -> Verdict:
        edits = tuple(
            Edit(text.path, span.start, span.end, span.replacement, span.label)
            for text in texts
            for span in self.spans(exchange, text.value)
        )
        return self.verdict(edits) if edits else Allow()


@lru_cache(maxsize=16)
def _automaton(specs: tuple[PatternSpec, ...], folding: bool) -> Automaton:
    """Building one takes tenths of a second for all rules of a detector, and a reload seldom changes them."""
    return Automaton(specs, folding=folding)
