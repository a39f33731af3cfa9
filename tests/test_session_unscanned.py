"""A session that reads no bodies: what goes on, what is recorded, in every mode that a data plane may have."""

from __future__ import annotations

import pytest
from fakes import KEY, Play, Says, answered, ask, opened, prompt, reply, rules

from extproc.model import Answer, Block, BodyMode, Chunk, Headers, Phase, Proceed, Target, Trailers
from extproc.routing.unscanned import Allowance
from extproc.session import Rules

TARGET = Target("b", "openai", "http", "127.0.0.1", 9)
ALLOWANCE = Allowance(target=TARGET, routes=("images",), max_body_bytes=1000, organisation="default")
IMAGES = "/v1/images/generations"
LENGTH = ("content-length", "10")


def allowing(**changes: object) -> Rules:
    return rules(Says(Block("no", "says.no")), allowance=ALLOWANCE, **changes)


def test_headers_go_to_the_one_target_without_what_was_meant_for_us() -> None:
    more: Headers = (LENGTH, ("cookie", "a=b"), ("x-keeptrusts-cache", "no-store"))
    head, back = Play(allowing()).tell(opened(request_body=BodyMode.NONE, response_body=BodyMode.NONE),
                                       ask(IMAGES, "POST", KEY, *more), answered(200, "image/png"))  # fmt: skip
    assert isinstance(head, Proceed) and head.targets == ("target:b",) and head.clear_route_cache
    assert {"authorization", "cookie", "x-keeptrusts-cache"} <= set(head.remove_headers)
    assert not head.set_headers and head.body is None
    assert head.metadata == {"id": "id-1", "path": IMAGES, "dialect": "", "len": "10"}
    assert back == Proceed(Phase.RESPONSE_HEADERS, set_headers=(("x-keeptrusts-request-id", "id-1"),))


def test_its_end_is_recorded_before_the_first_byte_of_the_reply_and_once() -> None:
    play = Play(allowing())
    play.tell(opened(request_body=BodyMode.NONE, response_body=BodyMode.NONE), ask(IMAGES, "POST", KEY, LENGTH))
    play.tell(answered(503))
    kinds = [getattr(step, "entry", {}).get("k", "send") for step in play.steps]
    assert kinds == ["begin", "send", "end", "send"]
    play.perform(play.session.closed())
    (end,) = play.records("end")
    assert (end["unscanned"], end["dialect"], end["status"], end["outcome"]) == ("images", "", 503, "error")


def test_a_policy_that_refuses_at_the_headers_refuses_here_too() -> None:
    class Strict(Says):
        def on_headers(self, exchange: object) -> Block:
            return Block("no", "says.no")

    play = Play(rules(Strict(Block("no", "says.no")), allowance=ALLOWANCE))
    (no,) = play.tell(ask(IMAGES, "POST", KEY, LENGTH))
    assert isinstance(no, Answer) and no.status == 409
    assert "unscanned" not in play.records("end")[0]


def test_without_an_allowance_nothing_of_it_passes() -> None:
    (no,) = Play(rules()).tell(ask(IMAGES, "POST", KEY, LENGTH))
    assert isinstance(no, Answer) and no.status == 404 and b"route_not_allowed" in no.body


@pytest.mark.parametrize("mode", [BodyMode.BUFFERED, BodyMode.STREAMED, BodyMode.FULL_DUPLEX])
def test_a_data_plane_that_sends_bodies_gets_each_piece_back(mode: BodyMode) -> None:
    play = Play(allowing())
    replies = play.tell(
        opened(request_body=mode, response_body=mode), ask(IMAGES, "POST", KEY, LENGTH),
        prompt(b"half", end=mode is BodyMode.BUFFERED),
        *([] if mode is BodyMode.BUFFERED else [prompt(b"rest")]),
        answered(200, "text/event-stream"), reply(b"pixels"),
    )  # fmt: skip
    duplex = mode is BodyMode.FULL_DUPLEX
    expected = Chunk(Phase.RESPONSE_BODY, b"pixels", end=True) if duplex else Proceed(Phase.RESPONSE_BODY)
    assert replies[-1] == expected
    head = next(each for each in replies if isinstance(each, Proceed) and each.phase is Phase.RESPONSE_HEADERS)
    assert not head.remove_headers and head.mode is (BodyMode.NONE if mode is BodyMode.BUFFERED else None)
    assert len(play.records("end")) == 1 and not play.session.owes


def test_no_reply_is_owed_for_what_went_on_at_once() -> None:
    """A reply may be over before its request is, and Envoy then says nothing more."""
    play = Play(allowing())
    play.tell(opened(request_body=BodyMode.FULL_DUPLEX, response_body=BodyMode.FULL_DUPLEX))
    play.tell(ask(IMAGES, "POST", KEY, LENGTH), prompt(b"half", end=False), answered(400), reply(b"no"))
    assert not play.session.owes


def test_trailers_go_on() -> None:
    play = Play(allowing())
    play.tell(opened(request_body=BodyMode.FULL_DUPLEX, response_body=BodyMode.FULL_DUPLEX))
    play.tell(ask(IMAGES, "POST", KEY, LENGTH), prompt(b"half", end=False))
    assert play.tell(Trailers(Phase.REQUEST_TRAILERS, ())) == [Proceed(Phase.REQUEST_TRAILERS)]
    play.tell(answered(200, "image/png"), reply(b"pix", end=False))
    assert play.tell(Trailers(Phase.RESPONSE_TRAILERS, ())) == [Proceed(Phase.RESPONSE_TRAILERS)]
