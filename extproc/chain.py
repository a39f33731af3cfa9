"""The policy chain: asks the policies in the operator's order and combines their verdicts.

What holds for every policy is done here, once: targeting (`when`, `stage`), order, stopping at the first refusal,
shadow mode, failure (`on_error`), timing. A policy that needs something from the world yields a `Need`; so does the
chain then, to whoever drives it. Nothing here does I/O or reads a clock.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Sequence
from dataclasses import dataclass, field, replace
from typing import Literal

from extproc.detect.progress import Automaton
from extproc.dialects.texts import apply_edits
from extproc.model import (
    Allow,
    Block,
    Broke,
    Decision,
    Escalate,
    Exchange,
    Headers,
    Need,
    Redact,
    Text,
    TimedOut,
    Verdict,
    first,
)
from extproc.policies.base import Policy, TextPolicy

Stage = Literal["input", "output"]
Code = Literal["input_blocked", "output_blocked", "escalation_required"]
Judging = Generator[Need, object, "Refused | None"]
"""A pass over the chain: yields Needs, is sent what was found, returns the refusal, or None where all may pass."""


_NAMES: dict[type, Literal["allow", "block", "redact", "escalate"]] = {
    Allow: "allow",
    Block: "block",
    Redact: "redact",
    Escalate: "escalate",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Link:
    """One entry of `policies.chain`: a policy, and when, where and how strictly it applies."""

    policy: Policy
    path: str = ""
    headers: Headers = ()
    models: tuple[str, ...] = ()
    stages: frozenset[Stage] = frozenset({"input", "output"})
    shadow: bool = False
    on_error: Literal["block", "allow"] = "block"
    buffered: bool = False
    """Streams are held to their end for this link, although its policy could watch them."""

    @property
    def automaton(self) -> Automaton | None:
        """What watches a growing text for this link; None where a stream has to be judged whole."""
        return None if self.buffered or not isinstance(self.policy, TextPolicy) else self.policy.automaton

    def judges(self, hook: str, stage: Stage) -> bool:
        """Whether the policy has its own hook of this name, and is asked at this stage."""
        own = getattr(type(self.policy), hook) is not getattr(Policy, hook)
        return own and hook not in self.policy.idle and stage in self.stages

    @property
    def narrows(self) -> bool:
        """Whether the policy says which targets a request may go to."""
        return not self.shadow and type(self.policy).admits is not Policy.admits

    def applies(self, exchange: Exchange) -> bool:
        """Whether all conditions of `when` hold. Where no request says which model, as for a reply that was kept, any
        may have been.
        """
        if self.path and not any(path.startswith(self.path) for path in (exchange.path, exchange.onward_path)):
            return False
        if self.models and exchange.request and exchange.request.model not in self.models:
            return False
        return not self.headers or all(first(exchange.headers, name) == value for name, value in self.headers)


@dataclass(frozen=True, slots=True)
class Refused:
    """The chain's no: which policy, what the client is told, and the code of the error's shape."""

    policy: str
    message: str
    reason: str
    code: Code


@dataclass(frozen=True, slots=True)
class Chain:
    """The links in order. `deadline` (seconds) bounds every Need; `clock` counts nanoseconds, for durations only."""

    links: Sequence[Link]
    clock: Callable[[], int]
    deadline: float = 10.0
    guards_output: bool = field(init=False)
    """Whether any link judges replies, so that a reply nobody can read must not pass."""
    reads_calls: bool = field(init=False)
    """Whether any link judges calls of tools, so that they have to be read."""
    _at_headers: tuple[Link, ...] = field(init=False, repr=False)
    _with_models: tuple[Link, ...] = field(init=False, repr=False)
    _at_input: tuple[Link, ...] = field(init=False, repr=False)
    _at_output: tuple[Link, ...] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        """Who is asked when is known once: most kinds have one hook, and asking the others costs every request."""
        at_headers = [link for link in self.links if link.judges("on_headers", "input")]
        derived = {
            "guards_output": any(
                link.policy.guards_output and link.judges("on_output", "output") and not link.shadow
                for link in self.links
            ),
            "reads_calls": any(link.policy.reads_calls for link in self.links),
            "_at_headers": tuple(link for link in at_headers if not link.models),
            "_with_models": tuple(link for link in at_headers if link.models),
            "_at_input": tuple(link for link in self.links if link.judges("on_input", "input")),
            "_at_output": tuple(link for link in self.links if link.judges("on_output", "output")),
        }
        for name, value in derived.items():
            object.__setattr__(self, name, value)

    def on_stream(self, exchange: Exchange) -> tuple[Link, ...]:
        """The links that judge this exchange's reply, in order; `extproc.guard` asks them while it streams."""
        return tuple(link for link in self._at_output if link.applies(exchange))

    def guards_input(self, exchange: Exchange) -> bool:
        """Whether any link judges this request's texts, so that what has none must not pass as if it were judged."""
        return any(link.policy.guards_input and link.applies(exchange) for link in self._at_input if not link.shadow)

    def judge_headers(self, exchange: Exchange) -> Refused | None:
        """The pass over what the headers alone say."""
        return self._judge_headers(self._at_headers, exchange)

    def _judge_headers(self, links: Sequence[Link], exchange: Exchange) -> Refused | None:
        for link in links:
            if not link.applies(exchange):
                continue
            started = self.clock()
            verdict, error = _on_headers(link, exchange)
            if isinstance(verdict, Allow) and not verdict.reason and not error:
                continue
            refused = self._settle(link, verdict, error, exchange, "input", started)
            if refused:
                return refused
        return None

    def judge_input(self, exchange: Exchange) -> Judging:
        """The pass over a request body; redactions change `exchange.request` before the next policy looks.

        Links for some models judge the headers here, where the model is known.
        """
        refused = self._judge_headers(self._with_models, exchange)
        return refused or (yield from self._judge(self._at_input, exchange, "input"))

    def judge_output(self, exchange: Exchange) -> Judging:
        """The pass over a JSON reply."""
        return self._judge(self._at_output, exchange, "output")

    def _judge(self, links: Sequence[Link], exchange: Exchange, stage: Stage) -> Judging:
        for link in links:
            if not link.applies(exchange):
                continue
            started = self.clock()
            verdict, error = yield from _asked(link, exchange, stage, self.deadline)
            refused = self._settle(link, verdict, error, exchange, stage, started)
            if refused:
                return refused
            if stage == "input" and link.narrows and not error:
                exchange.targets = tuple(filter(link.policy.admits, exchange.targets))
        return None

    def _settle(
        self, link: Link, verdict: Verdict, error: str, exchange: Exchange, stage: Stage, started: int
    ) -> Refused | None:
        """Record the decision, then let it count, unless the link is in shadow mode."""
        texts: tuple[Text, ...] | None = None
        if isinstance(verdict, Redact):
            verdict, error, texts = _redacted(link, verdict, exchange, stage)
        duration = (self.clock() - started) // 1000
        exchange.decisions.append(decision(link, stage, verdict, error, duration))
        if link.shadow:
            return None
        if texts is not None:
            _replace(exchange, stage, texts)
        return refusal(link, verdict, stage)


def _asked(
    link: Link, exchange: Exchange, stage: Stage, deadline: float
) -> Generator[Need, object, tuple[Verdict, str]]:
    """One policy's verdict, its Needs passed on; and the name of the error that stood in its way, or ''."""
    try:
        answer = link.policy.on_input(exchange) if stage == "input" else link.policy.on_output(exchange)
        if not isinstance(answer, Generator):
            return checked(answer), ""
        found: object = None
        while True:
            try:
                need = answer.send(found)
            except StopIteration as done:
                return checked(done.value), ""
            found = yield Need(need.question, min(need.deadline, deadline))
            if isinstance(found, TimedOut | Broke):
                answer.close()
                return failed(link), "timeout" if isinstance(found, TimedOut) else found.error
    except Exception as error:  # noqa: BLE001  # a policy's own failure becomes the verdict its operator chose (D5)
        return failed(link), type(error).__name__


def _on_headers(link: Link, exchange: Exchange) -> tuple[Verdict, str]:
    try:
        return checked(link.policy.on_headers(exchange)), ""
    except Exception as error:  # noqa: BLE001  # as in _asked
        return failed(link), type(error).__name__


def checked(verdict: object) -> Verdict:
    """A hook that forgets its verdict must not count as allowed."""
    if isinstance(verdict, Allow | Block | Escalate | Redact):
        return verdict
    raise TypeError("a policy returned no verdict")


def failed(link: Link) -> Verdict:
    """The verdict that stands in for a policy which could not give one."""
    if link.on_error == "allow":
        return Allow()
    return Block(f"The policy '{link.policy.kind}' could not decide; the request was not let through.", "policy_error")


def _redacted(
    link: Link, verdict: Redact, exchange: Exchange, stage: Stage
) -> tuple[Verdict, str, tuple[Text, ...] | None]:
    """The texts after the edits. Edits that do not fit are the policy's failure: a miss would pass the secret."""
    subject = exchange.request if stage == "input" else exchange.response
    try:
        if subject is None:
            raise LookupError("nothing to edit")
        return verdict, "", apply_edits(subject.texts, verdict.edits)
    except (ValueError, LookupError) as error:
        return failed(link), type(error).__name__, None


def _replace(exchange: Exchange, stage: Stage, texts: tuple[Text, ...]) -> None:
    if stage == "input" and exchange.request:
        exchange.request = replace(exchange.request, texts=texts)
    elif exchange.response:
        exchange.response = replace(exchange.response, texts=texts)


def refusal(link: Link, verdict: Verdict, stage: Stage) -> Refused | None:
    """What the client is told, where a verdict refuses."""
    match verdict:
        case Block(message=message, reason=reason):
            code: Code = "input_blocked" if stage == "input" else "output_blocked"
            return Refused(link.policy.kind, message, reason, code)
        case Escalate(message=message, reason=reason):
            return Refused(link.policy.kind, message, reason, "escalation_required")
        case _:
            return None


def decision(link: Link, stage: Stage, verdict: Verdict, error: str, duration_us: int) -> Decision:
    """A verdict as the record keeps it."""
    counts: dict[str, int] = {}
    for edit in verdict.edits if isinstance(verdict, Redact) else ():
        counts[edit.label] = counts.get(edit.label, 0) + 1
    reason = f"policy_error:{error}" if error else getattr(verdict, "reason", "")
    return Decision(
        link.policy.kind,
        stage,
        _NAMES[type(verdict)],
        reason,
        duration_us,
        enforced=not link.shadow,
        redactions=tuple(counts.items()),
    )
