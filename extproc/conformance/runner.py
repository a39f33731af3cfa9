"""Performs the checks of a client, in order."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from extproc.conformance.check import Ask, Check, Client, Outcome, Reply, Subject
from extproc.conformance.exchange import NoAnswerError, UnreachableError

Perform = Callable[[Ask], Reply]


def run(client: Client, subject: Subject, perform: Perform, clock: Callable[[], float]) -> Iterator[Outcome]:
    """What each check found, as soon as it is known; `clock` in seconds."""
    for check in client.checks:
        if check.needs_embedding and not subject.embedding:
            yield Outcome(check, "skip", "no model is named that embeds; give one with --model", 0.0)
            continue
        began = clock()
        fault = _fault(check, subject, perform)
        seconds = clock() - began
        yield Outcome(check, "fail" if fault else "ok", fault or f"{seconds:.2f} s", seconds)


def _fault(check: Check, subject: Subject, perform: Perform) -> str:
    replies: tuple[Reply, ...] = ()
    for number, turn in enumerate(check.turns, 1):
        which = f"request {number} of {len(check.turns)}: " if len(check.turns) > 1 else ""
        try:
            reply = perform(turn.ask(subject, replies))
        except (NoAnswerError, UnreachableError) as error:
            return f"{which}{error}"
        if fault := turn.judge(reply):
            return which + fault
        replies += (reply,)
    return ""
