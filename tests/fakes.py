"""Small stand-ins, as ordinary code: a dialect and policies to judge with, and a way to play a conversation."""

from __future__ import annotations

from collections.abc import Callable, Generator, Sequence
from dataclasses import dataclass, field
from itertools import pairwise

from extproc.chain import Chain, Link
from extproc.dialects import openai_chat
from extproc.model import (
    Allow,
    Block,
    Body,
    ClientError,
    Consumer,
    Event,
    Exchange,
    Head,
    Headers,
    Need,
    Opened,
    Phase,
    Record,
    Reply,
    Send,
    Step,
    Target,
    Verdict,
)
from extproc.policies.base import Hook, Policy
from extproc.session import Rules, Session, Steps

TARGETS = (Target("a", "openai", "http", "127.0.0.1", 9), Target("b", "openai", "http", "127.0.0.1", 10))
ANA = Consumer("tok_1", "ana", "payments")
KEY = "kt_ak_" + "a" * 32


class Says(Policy):
    """A policy that gives the verdict it was made with, at both stages."""

    kind = "says"
    guards_output = True

    def __init__(self, verdict: Verdict | Exception) -> None:
        super().__init__(None)
        self.verdict = verdict
        self.asked: list[str] = []

    def on_input(self, exchange: Exchange) -> Hook:
        return self._say("input")

    def on_output(self, exchange: Exchange) -> Hook:
        return self._say("output")

    def _say(self, stage: str) -> Verdict:
        self.asked.append(stage)
        if isinstance(self.verdict, Exception):
            raise self.verdict
        return self.verdict


class Asks(Policy):
    """A policy that needs something from the world and blocks when it hears 'bad'."""

    kind = "asks"

    def __init__(self) -> None:
        super().__init__(None)

    def on_input(self, exchange: Exchange) -> Generator[Need, object, Verdict]:
        answer = yield Need("is it good?", 99.0)
        return Block("bad news", "asks.bad") if answer == "bad" else Allow()


def chain(*policies: Policy, **settings: object) -> Chain:
    """A chain of these policies with a clock that stands still."""
    return Chain(tuple(Link(policy=p, **settings) for p in policies), lambda: 0)  # type: ignore[arg-type]


def identify(headers: Headers) -> Consumer:
    """Ana's key is known, every other is not."""
    if ("authorization", f"Bearer {KEY}") in headers:
        return ANA
    raise ClientError("no valid key", status=401, kind="authentication_error", reason="invalid_api_key")


def rules(*policies: Policy, **changes: object) -> Rules:
    """A snapshot with one dialect, two targets, and these policies."""
    settings: dict[str, object] = {
        "chain": chain(*policies),
        "dialects": {"/v1/chat/completions": openai_chat},
        "fallback": openai_chat,
        "identify": identify,
        "route": lambda model, dialect: TARGETS,
        "answers": lambda method, path, headers: b"{}" if (method, path) == ("GET", "/v1/models") else None,
    }
    return Rules(**{**settings, **changes})  # type: ignore[arg-type]


@dataclass
class Play:
    """A conversation with a session: what it sent and recorded, in order. `found` answers every Need."""

    rules: Rules
    found: Callable[[object], object] = lambda question: None
    steps: list[Step] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.session = Session(self.rules, lambda: "made-up-id")

    def tell(self, *events: Event) -> list[Reply]:
        """The replies to these events."""
        return [
            step.reply
            for event in events
            for step in self.perform(self.session.receive(event))
            if isinstance(step, Send)
        ]

    def perform(self, steps: Steps) -> list[Step]:
        """Run through a generator of steps, as a driver would."""
        done: list[Step] = []
        found: object = None
        while True:
            try:
                step = steps.send(found)
            except StopIteration:
                self.steps.extend(done)
                return done
            found = self.found(step.question) if isinstance(step, Need) else None
            done.append(step)

    def records(self, kind: str) -> list[dict[str, object]]:
        """The recorded entries of one kind."""
        return [dict(s.entry) for s in self.steps if isinstance(s, Record) and s.entry["k"] == kind]


@dataclass
class Hears:
    """A driver's peer: what was sent, how the stream ended, and how often the driver could go on."""

    sent: list[bytes] = field(default_factory=list)
    failure: str | None = None
    finished: bool = False
    settlings: int = 0

    def send(self, data: bytes) -> None:
        assert self.failure is None and not self.finished
        self.sent.append(data)

    def settled(self) -> None:
        self.settlings += 1

    def finish(self) -> None:
        self.finished = True

    def fail(self, error: str) -> None:
        assert self.failure is None
        self.failure = error


def ask(
    path: str = "/v1/chat/completions", method: str = "POST", key: str = KEY, *extra: tuple[str, str], end: bool = False
) -> Head:
    """Request headers as Envoy sends them."""
    headers = (
        (":method", method),
        (":path", path),
        ("authorization", f"Bearer {key}"),
        ("x-request-id", "id-1"),
        ("content-type", "application/json"),
        *extra,
    )
    return Head(Phase.REQUEST_HEADERS, headers, end)


def prompt(data: bytes, end: bool = True) -> Body:
    """A request body, or a piece of one."""
    return Body(Phase.REQUEST_BODY, data, end)


def answered(
    status: int = 200, content_type: str = "application/json", *extra: tuple[str, str], end: bool = False
) -> Head:
    """Response headers as Envoy sends them."""
    return Head(Phase.RESPONSE_HEADERS, ((":status", str(status)), ("content-type", content_type), *extra), end)


def reply(data: bytes, end: bool = True) -> Body:
    """A response body, or a piece of one."""
    return Body(Phase.RESPONSE_BODY, data, end)


def opened(**modes: object) -> Opened:
    """The stream's first word: the modes that Envoy's filter is configured with."""
    return Opened(**modes)  # type: ignore[arg-type]


def pieces(data: bytes, at: Sequence[int]) -> list[bytes]:
    """`data` cut at these places."""
    cuts = [0, *at, len(data)]
    return [data[a:b] for a, b in pairwise(cuts)]
