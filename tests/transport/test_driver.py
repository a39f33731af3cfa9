"""The driver: Needs performed, entries written, and no failure that ends in something passing."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field

import pytest
from fakes import Asks, answered, ask, prompt, reply, rules

from extproc.model import Body, Event, Exchange, Head, Phase
from extproc.policies.base import Hook, Policy
from extproc.proto import ext_proc_pb2 as pb
from extproc.session import Session
from extproc.transport.driver import Driver, Ports, StreamFailed

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
    find: Callable[[object], Awaitable[object]]
    deadline: float = 10.0
    full: tuple[str, ...] = ()
    entries: list[Mapping[str, object]] = field(default_factory=list)
    replies: list[pb.ProcessingResponse] = field(default_factory=list)

    def __post_init__(self) -> None:
        snapshot = rules(self.policy)
        object.__setattr__(snapshot.chain, "deadline", self.deadline)
        ports = Ports(self, lambda: 7.0, self.find, "worker-9")
        self.driver = Driver(Session(snapshot, lambda: "made-up"), ports, self.write)

    def append(self, entry: Mapping[str, object]) -> None:
        if entry["k"] in self.full:
            raise OSError(28, "No space left on device")
        self.entries.append(entry)

    async def write(self, data: bytes) -> None:
        self.replies.append(pb.ProcessingResponse.FromString(data))

    async def tell(self, *events: Event) -> None:
        for event in events:
            await self.driver.receive(message(event))

    @property
    def said(self) -> list[str | None]:
        return [each.WhichOneof("response") for each in self.replies]

    @property
    def outcomes(self) -> list[object]:
        return [entry["outcome"] for entry in self.entries if entry["k"] == "end"]


class Cancels(Policy):
    kind = "cancels"

    def on_input(self, exchange: Exchange) -> Hook:
        raise asyncio.CancelledError


async def nobody(question: object) -> object:
    raise LookupError(question)


async def never(question: object) -> object:
    return await asyncio.Event().wait()


async def test_what_a_need_found_decides() -> None:
    async def find(question: object) -> object:
        return "bad"

    stream = Stream(Asks(), find)
    await stream.tell(ask(), prompt(CHAT))
    assert stream.said == ["request_headers", "immediate_response"]
    assert stream.replies[-1].immediate_response.status.code == 409
    assert [(e["k"], e["at"], e["worker"]) for e in stream.entries] == [
        ("begin", 7.0, "worker-9"),
        ("end", 7.0, "worker-9"),
    ]


@pytest.mark.parametrize(("find", "why"), [(never, "policy_error:timeout"), (nobody, "policy_error:LookupError")])
async def test_a_need_that_is_late_or_breaks_blocks(find: Callable[[object], Awaitable[object]], why: str) -> None:
    stream = Stream(Asks(), find, deadline=0.01)
    await stream.tell(ask(), prompt(CHAT))
    assert stream.said == ["request_headers", "immediate_response"]
    (decision,) = stream.entries[-1]["decisions"]  # type: ignore[misc]
    assert (decision.verdict, decision.reason) == ("block", why)


async def test_a_need_whose_own_task_was_cancelled_blocks_and_does_not_look_like_a_client_that_left() -> None:
    async def shared(question: object) -> object:
        raise asyncio.CancelledError

    stream = Stream(Asks(), shared)
    await stream.tell(ask(), prompt(CHAT))
    assert stream.said == ["request_headers", "immediate_response"]
    assert stream.outcomes == ["blocked"]


async def test_a_policy_that_raises_a_cancellation_fails_the_stream() -> None:
    stream = Stream(Cancels(None), nobody)
    with pytest.raises(StreamFailed):
        await stream.tell(ask(), prompt(CHAT))
    assert stream.said == ["request_headers"]
    assert stream.outcomes == ["error"]


@pytest.mark.parametrize("full", [("begin",), ("end",), ("begin", "end")])
async def test_a_journal_that_cannot_be_written_fails_the_stream_before_anything_passes(full: tuple[str, ...]) -> None:
    stream = Stream(Asks(), never, full=full)
    events = (ask(),) if "begin" in full else (ask(key="kt_ak_wrong"),)
    with pytest.raises(StreamFailed):
        await stream.tell(*events)
    assert stream.said == []
    await stream.tell(prompt(CHAT))  # whatever Envoy sends all the same
    assert stream.said == []


async def test_a_reply_is_held_back_when_its_end_cannot_be_recorded() -> None:
    stream = Stream(Asks(), lambda question: asyncio.sleep(0, "good"), full=("end",))
    with pytest.raises(StreamFailed):
        await stream.tell(ask(), prompt(CHAT), answered(), reply(REPLY))
    assert stream.said == ["request_headers", "request_body", "response_headers"]


async def test_a_message_out_of_place_fails_the_stream_and_is_recorded() -> None:
    stream = Stream(Asks(), nobody)
    with pytest.raises(StreamFailed, match="came twice"):
        await stream.tell(ask(), ask())
    assert stream.said == ["request_headers"]
    assert stream.outcomes == ["error"]


async def test_a_client_that_leaves_in_the_middle_of_a_need_is_recorded_as_aborted_once() -> None:
    asked = asyncio.Event()

    async def find(question: object) -> object:
        asked.set()
        return await asyncio.Event().wait()

    stream = Stream(Asks(), find)
    task = asyncio.create_task(stream.tell(ask(), prompt(CHAT)))
    await asked.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    stream.driver.closed()
    stream.driver.closed()
    assert stream.said == ["request_headers"]
    assert stream.outcomes == ["aborted"]


async def test_a_peer_that_no_longer_takes_replies_is_recorded_as_aborted() -> None:
    stream, stuck = Stream(Asks(), nobody), asyncio.Event()

    async def full(data: bytes) -> None:
        stuck.set()
        await asyncio.Event().wait()

    stream.driver = Driver(Session(rules(Asks()), lambda: "made-up"), Ports(stream, lambda: 7.0, nobody), full)
    task = asyncio.create_task(stream.tell(ask()))
    await stuck.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    stream.driver.closed()
    assert stream.outcomes == ["aborted"]


@pytest.mark.parametrize("phase", [Phase.REQUEST_BODY, Phase.RESPONSE_HEADERS, Phase.RESPONSE_BODY])
async def test_after_a_failure_nothing_is_answered_any_more(phase: Phase) -> None:
    stream = Stream(Asks(), nobody)
    with pytest.raises(StreamFailed):
        await stream.tell(ask(), ask())
    said = list(stream.said)
    await stream.tell(Body(phase, CHAT) if "body" in phase.value else Head(phase, ((":status", "200"),)))
    assert stream.said == said
