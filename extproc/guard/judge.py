"""One policy on one stream: shadow mode, failure, counting and timing, as the chain has them for whole replies."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

from extproc.chain import Link, Refused, checked, decision, failed, refusal
from extproc.detect.progress import Automaton
from extproc.model import Allow, Block, Decision, Edit, Exchange, Redact, Verdict
from extproc.policies.base import Span, TextPolicy


class StreamJudge:
    """Asks one link's policy about each piece of text. `clock` counts nanoseconds."""

    def __init__(
        self, link: Link, policy: TextPolicy, automaton: Automaton, exchange: Exchange, clock: Callable[[], int]
    ):
        self.automaton = automaton
        self.editing = not link.shadow
        self.named = policy.reads_keys
        self._link = link
        self._policy = policy
        self._exchange = exchange
        self._clock = clock
        self._edits: list[Edit] = []
        self._labels: set[str] = set()
        self._verdict: Verdict = Allow()
        self._error = ""
        self._spent = 0

    @property
    def has_failed(self) -> bool:
        """Whether the policy is asked no more."""
        return bool(self._error)

    def look(self, text: str, start: int) -> Sequence[Span]:
        """What the policy finds. One that fails is asked no more; whether the stream goes on, `found` says."""
        if self._error:
            return ()
        begun = self._clock()
        try:
            return self._policy.spans(self._exchange, text, start)
        except Exception as error:  # noqa: BLE001  # a policy's own failure becomes the verdict its operator chose (D5)
            self._failed(error)
            return ()
        finally:
            self._spent += self._clock() - begun

    def found(self, spans: Sequence[Span]) -> Refused | None:
        """The policy's word on what was found and on its own failure: whether the stream must stop."""
        if not self._error:
            new = [span for span in spans if span.label not in self._labels]
            self._labels.update(span.label for span in new)
            self._edits += (Edit((), span.start, span.end, span.replacement, span.label) for span in spans)
            if new:  # a verdict follows from what kinds of things were found; asking at each hit would be quadratic
                self._ask()
        return None if self._link.shadow else refusal(self._link, self._verdict, "output")

    def decision(self) -> Decision:
        """The record of all that was decided."""
        verdict = self._verdict
        if isinstance(verdict, Redact):
            verdict = replace(verdict, edits=tuple(self._edits))
        return decision(self._link, "output", verdict, self._error, self._spent // 1000)

    def _ask(self) -> None:
        try:
            self._verdict = checked(self._policy.verdict(tuple(self._edits)))
        except Exception as error:  # noqa: BLE001  # as in look
            self._failed(error)

    def _failed(self, error: Exception) -> None:
        self._error = type(error).__name__
        verdict = failed(self._link)
        if isinstance(verdict, Block) or not self._edits:
            self._verdict = verdict


def judges(links: Sequence[Link], exchange: Exchange, clock: Callable[[], int]) -> tuple[StreamJudge, ...] | None:
    """A judge per link; None where a link's policy has to see the whole stream."""
    found = []
    for link in links:
        if not isinstance(link.policy, TextPolicy) or link.automaton is None:
            return None
        found.append(StreamJudge(link, link.policy, link.automaton, exchange, clock))
    return tuple(found)
