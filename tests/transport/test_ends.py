"""How gRPC streams end: random and damaged messages against the real server, and what Envoy would make of the end.

A stream that ends with status OK means "go on without us" to Envoy (design D5), so it may only follow an answer.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import grpc
import pytest
from fakes import KEY, Asks, Says, rules
from grpc import aio

from extproc.model import Allow
from extproc.proto import ext_proc_pb2 as pb
from extproc.session import Session
from extproc.transport import choice
from extproc.transport.driver import Driver, Peer, Ports
from extproc.transport.service import HEALTH, PROCESS, Health

SEEDS = [*range(12), *(pytest.param(seed, marks=pytest.mark.full) for seed in range(12, 200))]
STREAMS = 15
"""Streams of one seed."""

CHAT = b'{"model":"demo","messages":[{"role":"user","content":"hello"}]}'
REPLY = b'{"choices":[{"index":0,"message":{"role":"assistant","content":"hi"}}]}'
PLAUSIBLE = ("request_headers", "request_body", "response_headers", "response_body")
KINDS = (*PLAUSIBLE, "request_trailers", "response_trailers")
HEADERS = (
    (":method", "POST"), (":method", "GET"), (":path", "/v1/chat/completions"), (":path", "/v1/models"),
    (":status", "200"), (":status", "503"), (":status", "²"), ("content-type", "text/event-stream"),
    ("content-length", "9" * 5000), ("content-encoding", "gzip"), ("x-request-id", ""), ("x-\u00e9", "\u00e9"),
)  # fmt: skip


class Journal:
    def append(self, entry: dict[str, object]) -> None: ...


@pytest.fixture(params=["native", "grpcio"])
async def served(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[aio.Channel]:
    def find(question: object) -> object:
        return asyncio.ensure_future(asyncio.sleep(0, "good"))

    def new_driver(traceparent: str, peer: Peer) -> Driver:
        session = Session(rules(Asks(), Says(Allow())), lambda: "made-up", traceparent)
        return Driver(session, Ports(Journal(), lambda: 1.0, find), peer)

    server = choice.server(request.param, "unix:", None, new_driver, Health(serving=True), 1 << 20)
    await server.start(f"unix:{tmp_path / 's.sock'}")
    async with aio.insecure_channel(f"unix:{tmp_path / 's.sock'}") as channel:
        yield channel
    await server.stop(0)


def headers(chance: random.Random, kind: str) -> pb.HttpHeaders:
    usual = [(":method", "POST"), (":path", "/v1/chat/completions"), ("authorization", f"Bearer {KEY}")]
    pairs = usual if kind == "request_headers" else [(":status", "200"), ("content-type", "application/json")]
    if chance.random() < 0.3:
        pairs = [*chance.sample(HEADERS, 3), *pairs]
    found = [pb.HeaderValue(key=name, raw_value=value.encode()) for name, value in pairs]
    if chance.random() < 0.1:
        found = [pb.HeaderValue(key=each.key, value=each.raw_value.decode()) for each in found]
    return pb.HttpHeaders(headers=pb.HeaderMap(headers=found), end_of_stream=chance.random() < 0.1)


def message(chance: random.Random, kind: str) -> pb.ProcessingRequest:
    if kind.endswith("headers"):
        return pb.ProcessingRequest(**{kind: headers(chance, kind)})
    if kind.endswith("trailers"):
        return pb.ProcessingRequest(**{kind: pb.HttpTrailers()})
    body = CHAT if kind == "request_body" else REPLY
    cut = chance.choice((len(body), len(body), 0, 7))
    return pb.ProcessingRequest(**{kind: pb.HttpBody(body=body[:cut], end_of_stream=chance.random() < 0.7)})


def conversation(chance: random.Random) -> list[bytes]:
    """Mostly in order and announced in a random mode; now and then shuffled, repeated, cut short or damaged."""
    order = list(PLAUSIBLE)
    if chance.random() < 0.3:
        order = chance.choices(KINDS, k=chance.randint(1, 6))
    found = [message(chance, kind) for kind in order[: chance.randint(1, len(order))]]
    if chance.random() < 0.7:
        modes = {f"{side}_body_mode": chance.choice((0, 1, 2, 2, 3, 4, 4, 5, 9)) for side in ("request", "response")}
        found[0].protocol_config.CopyFrom(pb.ProtocolConfiguration(**modes))
    found[0].observability_mode = chance.random() < 0.05
    sent = [each.SerializeToString() for each in found]
    return [damaged(chance, data) if chance.random() < 0.05 else data for data in sent]


def damaged(chance: random.Random, data: bytes) -> bytes:
    at = chance.randrange(len(data) + 1)
    return chance.choice((data[:at], data[:at] + chance.randbytes(3) + data[at:], chance.randbytes(20), b""))


async def played(channel: aio.Channel, sent: list[bytes]) -> tuple[grpc.StatusCode, list[pb.ProcessingResponse]]:
    """How the stream of these messages ends, and what was answered before."""
    call = channel.stream_stream(PROCESS)()
    for data in sent:
        try:
            await call.write(data)
        except (aio.AioRpcError, asyncio.InvalidStateError):
            break  # the server has ended it already
    else:
        await call.done_writing()
    replies: list[pb.ProcessingResponse] = []
    try:
        replies += [pb.ProcessingResponse.FromString(data) async for data in call]
    except aio.AioRpcError as error:
        return error.code(), replies
    return await call.code(), replies


def is_settled(sent: list[bytes], replies: list[pb.ProcessingResponse]) -> bool:
    """Whether Envoy has our own answer, or a reply to each of its messages; in full duplex, to each direction."""
    kinds = [each.WhichOneof("response") for each in replies]
    if "immediate_response" in kinds:
        return kinds.index("immediate_response") == len(kinds) - 1
    told = [pb.ProcessingRequest.FromString(data) for data in sent]
    modes = told[0].protocol_config
    for side, mode in (("request", modes.request_body_mode), ("response", modes.response_body_mode)):
        asked = [each.WhichOneof("request") for each in told if str(each.WhichOneof("request")).startswith(side)]
        got = [kind for kind in kinds if str(kind).startswith(side)]
        streamed = side == "response" and any(each.HasField("mode_override") for each in replies)
        if not (got if mode == pb.FULL_DUPLEX_STREAMED or streamed else got == asked) and asked:
            return False
    return True


@pytest.mark.parametrize("seed", SEEDS)
async def test_no_stream_ends_with_ok_unless_everything_was_answered(served: aio.Channel, seed: int) -> None:
    chance = random.Random(seed)
    for number in range(STREAMS):
        sent = conversation(chance)
        code, replies = await asyncio.wait_for(played(served, sent), 10)
        assert code in (grpc.StatusCode.OK, grpc.StatusCode.INTERNAL), (seed, number, code)
        if code is grpc.StatusCode.OK:
            assert is_settled(sent, replies), (seed, number, sent, replies)
    assert await served.unary_unary(HEALTH)(b"") == b"\x08\x01"


async def test_a_client_that_leaves_at_any_moment_is_no_fault_of_ours(
    served: aio.Channel, caplog: pytest.LogCaptureFixture
) -> None:
    usual = [(":method", "POST"), (":path", "/v1/chat/completions"), ("authorization", f"Bearer {KEY}")]
    pairs = [pb.HeaderValue(key=name, raw_value=value.encode()) for name, value in usual]
    head = pb.ProcessingRequest(request_headers=pb.HttpHeaders(headers=pb.HeaderMap(headers=pairs)))
    body = pb.ProcessingRequest(request_body=pb.HttpBody(body=CHAT, end_of_stream=True))
    for number in range(200):
        call: Any = served.stream_stream(PROCESS)()
        for each in (head, body)[: number % 3]:
            await call.write(each.SerializeToString())
        if number % 2 and number % 3:
            await call.read()
        call.cancel()
    assert await served.unary_unary(HEALTH)(b"") == b"\x08\x01"
    assert caplog.text == ""
