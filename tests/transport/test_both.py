"""Either transport with a real client, grpcio's: nothing ends cleanly that was not answered."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import grpc
import pytest
from fakes import KEY, chain, rules
from grpc import aio

from extproc.dialects import openai_chat
from extproc.dialects.sse import Event
from extproc.dialects.texts import Fragment
from extproc.guard.stream import StreamLimits
from extproc.model import ClientError, Consumer, Headers
from extproc.policies.dlp_filter import DlpFilter, DlpSettings
from extproc.proto import ext_proc_pb2 as pb
from extproc.session import Session
from extproc.transport import choice
from extproc.transport.driver import Driver, Peer, Ports
from extproc.transport.service import HEALTH, PROCESS, Health


class Journal:
    def __init__(self) -> None:
        self.entries: list[dict[str, object]] = []

    def append(self, entry: dict[str, object]) -> None:
        self.entries.append(entry)


def nobody(question: object) -> object:
    raise LookupError


@pytest.fixture(params=["native", "grpcio"])
async def served(
    request: pytest.FixtureRequest, tmp_path: Path
) -> AsyncIterator[tuple[aio.Channel, Journal, Health, dict[str, Any]]]:
    journal, health, changes = Journal(), Health(), {}

    def new_driver(traceparent: str, peer: Peer) -> Driver:
        session = Session(rules(**changes), lambda: "made-up", traceparent)
        return Driver(session, Ports(journal, lambda: 1.0, nobody, "w"), peer)

    server = choice.server(request.param, "unix:", None, new_driver, health, 1 << 20)
    await server.start(f"unix:{tmp_path / 's.sock'}")
    async with aio.insecure_channel(f"unix:{tmp_path / 's.sock'}") as channel:
        yield channel, journal, health, changes
    await server.stop(0)


def head(key: str = KEY) -> bytes:
    pairs = [(":method", "POST"), (":path", "/v1/chat/completions"), ("authorization", f"Bearer {key}")]
    headers = pb.HeaderMap(headers=[pb.HeaderValue(key=k, raw_value=v.encode()) for k, v in pairs])
    return pb.ProcessingRequest(request_headers=pb.HttpHeaders(headers=headers)).SerializeToString()


async def test_a_message_is_answered_and_recorded_with_its_trace(served: Any) -> None:
    channel, journal, _, _ = served
    trace = "00-" + "1" * 32 + "-" + "2" * 16 + "-01"
    call = channel.stream_stream(PROCESS)(metadata=(("traceparent", trace),))
    await call.write(head())
    reply = pb.ProcessingResponse.FromString(await call.read())
    assert reply.WhichOneof("response") == "request_headers"
    assert journal.entries[0]["traceparent"] == trace
    await call.done_writing()
    assert await call.code() is grpc.StatusCode.OK
    assert journal.entries[-1]["outcome"] == "aborted"


async def test_a_bug_ends_the_stream_with_an_error_and_a_record(served: Any) -> None:
    channel, journal, _, changes = served

    def breaks(headers: Headers) -> Consumer:
        raise KeyError("a bug")

    changes["identify"] = breaks
    call = channel.stream_stream(PROCESS)()
    await call.write(head())
    assert await call.code() is grpc.StatusCode.INTERNAL
    assert "a bug" not in (await call.details() or "")
    assert journal.entries[-1]["outcome"] == "error"


async def test_a_message_out_of_place_ends_the_stream_with_an_error(served: Any) -> None:
    channel, _, _, _ = served
    call = channel.stream_stream(PROCESS)()
    await call.write(pb.ProcessingRequest(request_body=pb.HttpBody(body=b"x")).SerializeToString())
    assert await call.code() is grpc.StatusCode.INTERNAL


async def test_bytes_that_are_no_message_end_the_stream_with_an_error(served: Any) -> None:
    channel, _, _, _ = served
    call = channel.stream_stream(PROCESS)()
    await call.write(b"\xff\xff\xff")
    assert await call.code() is grpc.StatusCode.INTERNAL


async def test_health_says_not_serving_until_the_self_test_passed(served: Any) -> None:
    channel, _, health, _ = served
    check = channel.unary_unary(HEALTH)
    assert await check(b"") == b"\x08\x02"
    health.serving = True
    assert await check(b"") == b"\x08\x01"


async def test_a_refusal_is_an_answer_and_not_an_error(served: Any) -> None:
    channel, _, _, changes = served

    def refuses(headers: Headers) -> Consumer:
        raise ClientError("no", status=401)

    changes["identify"] = refuses
    call = channel.stream_stream(PROCESS)()
    await call.write(head())
    assert pb.ProcessingResponse.FromString(await call.read()).immediate_response.status.code == 401
    await call.done_writing()
    assert await call.code() is grpc.StatusCode.OK


class _CannotPart:
    """A reader with a bug."""

    def __init__(self, **options: Any) -> None:
        self._reader = openai_chat.stream(**options)

    def part(self, event: Event, fragment: Fragment, text: str) -> bytes | None:
        raise KeyError("a bug")

    def __getattr__(self, name: str) -> Any:
        return getattr(self._reader, name)


async def test_a_bug_in_a_wake_up_ends_the_stream_with_an_error_and_a_record(served: Any) -> None:
    channel, journal, _, changes = served
    broken = SimpleNamespace(**{**vars(openai_chat), "stream": _CannotPart})
    policy = DlpFilter(DlpSettings(detect_patterns=("ACME-[0-9]{6}",)))
    changes["chain"] = chain(policy)
    changes["dialects"] = {"/v1/chat/completions": broken}
    changes["stream"] = StreamLimits(flush_seconds=0.02)
    call = channel.stream_stream(PROCESS)()
    await call.write(head())
    await call.read()
    body = b'{"model":"m","stream":true,"messages":[{"role":"user","content":"hi"}]}'
    await call.write(pb.ProcessingRequest(request_body=pb.HttpBody(body=body, end_of_stream=True)).SerializeToString())
    await call.read()
    pairs = [
        pb.HeaderValue(key=":status", raw_value=b"200"),
        pb.HeaderValue(key="content-type", raw_value=b"text/event-stream"),
    ]
    reply = pb.HttpHeaders(headers=pb.HeaderMap(headers=pairs))
    await call.write(pb.ProcessingRequest(response_headers=reply).SerializeToString())
    await call.read()
    event = b'data: {"choices":[{"index":0,"delta":{"content":"settled, but ACM"}}]}\n\n'
    await call.write(pb.ProcessingRequest(response_body=pb.HttpBody(body=event)).SerializeToString())
    await call.read()
    assert await call.code() is grpc.StatusCode.INTERNAL
    assert [(e["outcome"], e["reason"]) for e in journal.entries if e["k"] == "end"] == [("error", "KeyError")]
