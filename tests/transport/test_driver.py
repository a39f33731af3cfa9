"""The driver: Needs performed, entries written, and no failure that ends in something passing."""

from __future__ import annotations

import asyncio
import gc
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field

import pytest
from fakes import Asks, Hears, answered, ask, prompt, reply, rules

from extproc.model import Body, Event, Exchange, Head, Phase
from extproc.policies.base import Hook, Policy
from extproc.proto import ext_proc_pb2 as pb
from extproc.session import Session
from extproc.transport.driver import Driver, Ports

CHAT = b'{"model":"demo","messages":[{"role":"user","content":"hello"}]}'
REPLY = b'{"choices":[{"index":0,"message":{"role":"assistant","content":"hi"}}]}'


def message(event: Event) -> bytes:
    """An event as Envoy puts it on the wire."""
    match event:
        case Head():
            pairs = [pb.HeaderValue(key=name, raw_value=value.encode()) for name, value in event.headers]
            part = pb.HttpHeaders(headers=pb.HeaderMap(headers=pairs), end_of_stream=event.end)
        case Body():
            part = pb.HttpBody(body=event.data, end_of_stream=event.end)
        case _:
            raise AssertionError(event)
    return pb.ProcessingRequest(**{event.phase.value: part}).SerializeToString()


@dataclass
class Stream:
    """A driver with everything that it said and wrote down. `full` refuses the entries of these kinds."""

    policy: Policy
    find: Callable[[object], object]
    deadline: float = 10.0
    full: tuple[str, ...] = ()
    entries: list[Mapping[str, object]] = field(default_factory=list)
    peer: Hears = field(default_factory=Hears)

    def __post_init__(self) -> None:
        snapshot = rules(self.policy)
        object.__setattr__(snapshot.chain, "deadline", self.deadline)
        ports = Ports(self, lambda: 7.0, self.find, "worker-9")
        self.driver = Driver(Session(snapshot, lambda: "made-up"), ports, self.peer)

    def append(self, entry: Mapping[str, object]) -> None:
        if entry["k"] in self.full:
            raise OSError(28, "No space left on device")
        self.entries.append(entry)

    def tell(self, *events: Event) -> None:
        for event in events:
            self.driver.receive(message(event))

    @property
    def replies(self) -> list[pb.ProcessingResponse]:
        return [pb.ProcessingResponse.FromString(data) for data in self.peer.sent]

    @property
    def said(self) -> list[str | None]:
        return [each.WhichOneof("response") for each in self.replies]

    @property
    def outcomes(self) -> list[object]:
        return [entry["outcome"] for entry in self.entries if entry["k"] == "end"]


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(10):
        while not condition():  # noqa: ASYNC110  # the timeout bounds it
            await asyncio.sleep(0.001)


class Cancels(Policy):
    kind = "cancels"

    def on_input(self, exchange: Exchange) -> Hook:
        raise asyncio.CancelledError


def nobody(question: object) -> object:
    raise LookupError(question)


def never(question: object) -> object:
    return asyncio.get_running_loop().create_future()


async def soon(said: str) -> str:
    return said


async def breaks() -> str:
    raise LookupError


async def is_cancelled() -> str:
    raise asyncio.CancelledError


def later(said: Callable[[], Awaitable[str]]) -> Callable[[object], object]:
    return lambda question: asyncio.ensure_future(said())


@pytest.mark.parametrize("find", [lambda question: "bad", later(lambda: soon("bad"))])
async def test_what_a_need_found_decides_at_once_or_later(find: Callable[[object], object]) -> None:
    stream = Stream(Asks(), find)
    stream.tell(ask(), prompt(CHAT))
    await until(lambda: not stream.driver.busy)
    assert stream.said == ["request_headers", "immediate_response"]
    assert stream.replies[-1].immediate_response.status.code == 409
    assert [(e["k"], e["at"], e["worker"]) for e in stream.entries] == [
        ("begin", 7.0, "worker-9"),
        ("end", 7.0, "worker-9"),
    ]


@pytest.mark.parametrize(
    ("find", "why"),
    [
        (never, "policy_error:timeout"),
        (nobody, "policy_error:LookupError"),
        (later(breaks), "policy_error:LookupError"),
        (later(is_cancelled), "policy_error:CancelledError"),
    ],
)
async def test_a_need_that_is_late_or_breaks_blocks(find: Callable[[object], object], why: str) -> None:
    stream = Stream(Asks(), find, deadline=0.01)
    stream.tell(ask(), prompt(CHAT))
    await until(lambda: not stream.driver.busy)
    assert stream.said == ["request_headers", "immediate_response"]
    assert stream.outcomes == ["blocked"]
    (decision,) = stream.entries[-1]["decisions"]  # type: ignore[misc]
    assert (decision.verdict, decision.reason) == ("block", why)


async def test_a_need_that_is_late_is_let_go() -> None:
    asked: list[asyncio.Future[object]] = []

    def find(question: object) -> object:
        asked.append(asyncio.get_running_loop().create_future())
        return asked[-1]

    stream = Stream(Asks(), find, deadline=0.01)
    stream.tell(ask(), prompt(CHAT))
    await until(lambda: not stream.driver.busy)
    assert [each.cancelled() for each in asked] == [True]


async def test_what_comes_while_a_need_is_open_waits_and_is_performed_in_order() -> None:
    answer: asyncio.Future[object] = asyncio.get_running_loop().create_future()
    stream = Stream(Asks(), lambda question: answer)
    stream.tell(ask(), prompt(CHAT), answered(), reply(REPLY))
    assert stream.driver.busy
    assert stream.said == ["request_headers"]
    stream.driver.half_closed()
    answer.set_result("good")
    await until(lambda: not stream.driver.busy)
    assert stream.said == ["request_headers", "request_body", "response_headers", "response_body"]
    assert stream.peer.finished
    assert stream.outcomes == ["allowed"]


async def test_a_peer_is_told_when_the_next_message_can_be_taken() -> None:
    answer: asyncio.Future[object] = asyncio.get_running_loop().create_future()
    stream = Stream(Asks(), lambda question: answer)
    stream.tell(ask(), prompt(CHAT))
    assert stream.peer.settlings == 0
    answer.set_result("good")
    await until(lambda: stream.peer.settlings == 1)
    assert not stream.driver.busy


async def test_a_policy_that_raises_a_cancellation_fails_the_stream() -> None:
    stream = Stream(Cancels(None), nobody)
    stream.tell(ask(), prompt(CHAT))
    assert stream.peer.failure == "CancelledError"
    assert stream.said == ["request_headers"]
    assert stream.outcomes == ["error"]


@pytest.mark.parametrize("full", [("begin",), ("end",), ("begin", "end")])
async def test_a_journal_that_cannot_be_written_fails_the_stream_before_anything_passes(full: tuple[str, ...]) -> None:
    stream = Stream(Asks(), never, full=full)
    stream.tell(ask() if "begin" in full else ask(key="kt_ak_wrong"))
    assert stream.peer.failure == "OSError"
    assert stream.said == []
    stream.tell(prompt(CHAT))  # whatever Envoy sends all the same
    assert stream.said == []


async def test_a_reply_is_held_back_when_its_end_cannot_be_recorded() -> None:
    stream = Stream(Asks(), lambda question: "good", full=("end",))
    stream.tell(ask(), prompt(CHAT), answered(), reply(REPLY))
    assert stream.peer.failure == "OSError"
    assert stream.said == ["request_headers", "request_body", "response_headers"]


async def test_a_message_out_of_place_fails_the_stream_and_is_recorded() -> None:
    stream = Stream(Asks(), nobody)
    stream.tell(ask(), ask())
    assert "came twice" in str(stream.peer.failure)
    assert stream.said == ["request_headers"]
    assert stream.outcomes == ["error"]


@pytest.mark.parametrize(("mode", "failure"), [(pb.BUFFERED, None), (pb.FULL_DUPLEX_STREAMED, "closed before a reply")])
async def test_a_half_close_is_the_end_unless_a_reply_is_owed(
    mode: pb.ProcessingMode.BodySendMode, failure: str
) -> None:
    stream = Stream(Asks(), nobody)
    first = pb.ProcessingRequest.FromString(message(ask()))
    first.protocol_config.request_body_mode = mode  # in full duplex the headers wait for the body
    stream.driver.receive(first.SerializeToString())
    stream.driver.half_closed()
    assert (stream.peer.finished, stream.peer.failure) == (failure is None, failure)
    assert stream.said == ([] if failure else ["request_headers"])


async def test_a_client_that_leaves_in_the_middle_of_a_need_is_recorded_as_aborted_once() -> None:
    asked: list[asyncio.Future[object]] = []

    def find(question: object) -> object:
        asked.append(asyncio.get_running_loop().create_future())
        return asked[-1]

    stream = Stream(Asks(), find)
    stream.tell(ask(), prompt(CHAT))
    stream.driver.closed()
    stream.driver.closed()
    assert asked[0].cancelled()
    await asyncio.sleep(0)  # no wait, but a turn of the loop: what is told of the cancelling is told in it
    assert stream.said == ["request_headers"]
    assert stream.outcomes == ["aborted"]


@pytest.mark.parametrize("find", [lambda question: "", never], ids=["answered", "in the middle of a need"])
async def test_an_exchange_that_is_gone_leaves_nothing_to_the_collector(find: Callable[[object], object]) -> None:
    """In a worker it runs once in many thousand objects, and a cycle would hold the bodies until then."""
    gc.collect()
    gc.disable()
    try:
        stream = Stream(Asks(), find)
        stream.driver._alarm.set(60)
        stream.tell(ask(), prompt(CHAT))
        stream.driver.closed()
        await asyncio.sleep(0)  # the turn in which a cancelled future says so
        assert stream.outcomes == ["aborted"]
        del stream.driver, stream  # which know each other
        assert gc.collect() == 0
    finally:
        gc.enable()


@pytest.mark.parametrize("phase", [Phase.REQUEST_BODY, Phase.RESPONSE_HEADERS, Phase.RESPONSE_BODY])
async def test_after_a_failure_nothing_is_answered_any_more(phase: Phase) -> None:
    stream = Stream(Asks(), nobody)
    stream.tell(ask(), ask())
    said = list(stream.said)
    stream.tell(Body(phase, CHAT) if "body" in phase.value else Head(phase, ((":status", "200"),)))
    assert stream.said == said
