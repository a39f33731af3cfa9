"""Kept replies seen from a session: what the keeper is told and asked, and when."""

from __future__ import annotations

import json
from typing import Any

import pytest
from fakes import KEY, Play, Says, answered, ask, opened, prompt, reply, rules
from responses import message, response, stream

from extproc.dialects import openai_chat, openai_responses
from extproc.dialects.openai_responses_kept import parts, whole
from extproc.model import Allow, Answer, BodyMode, Need, Phase, Proceed, Record, Tell
from extproc.routing.kept import Keep, Owners, Whose, key
from extproc.session import Kept

PATH = "/v1/responses"
KEPT = Keep((key("resp_1"), key("msg_1")), "default", 60.0)
REPLY = json.dumps(response([message("hi")])).encode()


def play(found: object = None, *, several: bool = True, targets: tuple[str, ...] = ("target:a", "target:b")) -> Play:
    made = rules(
        Says(Allow()),
        dialects={"/v1/chat/completions": openai_chat, PATH: openai_responses},
        kept=Kept(lambda: several, targets, 60.0, whole, parts),
    )
    return Play(made, lambda question: found)


def body(**members: Any) -> bytes:
    return json.dumps({"model": "m", "input": "hi", **members}).encode()


def told(made: Play) -> list[object]:
    return [step.fact for step in made.steps if isinstance(step, Tell)]


def asked(made: Play) -> list[object]:
    return [step.question for step in made.steps if isinstance(step, Need)]


@pytest.mark.parametrize(
    ("members", "kept"), [({}, True), ({"store": True}, True), ({"store": None}, True), ({"store": False}, False)]
)
def test_the_keeper_hears_whose_a_reply_is_before_its_last_byte(members: dict[str, Any], kept: bool) -> None:
    made = play(several=False)
    made.tell(ask(PATH), prompt(body(**members)), answered(), reply(REPLY))
    assert told(made) == ([KEPT] if kept else [])
    kinds = [type(step) for step in made.steps]
    assert not kept or kinds.index(Tell) < len(kinds) - 1 - kinds[::-1].index(Record)


def test_it_hears_of_a_stream_that_its_client_has_left() -> None:
    made = play()
    made.tell(opened(response_body=BodyMode.FULL_DUPLEX), ask(PATH), prompt(body(stream=True)))
    made.tell(answered(200, "text/event-stream"))
    made.tell(reply(b"".join(stream(message("hi"))[:2]), end=False))
    assert told(made) == []
    made.perform(made.session.closed())
    assert told(made) == [KEPT]


def test_of_a_reply_of_many_items_no_more_are_told_than_could_be_named() -> None:
    made = play()
    many = response([{**message("x"), "id": f"msg_{number}"} for number in range(1500)])
    made.tell(ask(PATH), prompt(body()), answered(), reply(json.dumps(many).encode()))
    (fact,) = told(made)
    assert isinstance(fact, Keep) and len(fact.keys) == 1001 and fact.keys[0] == key("resp_1")


def test_a_failure_is_nobodys() -> None:
    made = play()
    made.tell(ask(PATH), prompt(body()), answered(400), reply(b'{"error":{"message":"no","type":"x","code":null}}'))
    assert told(made) == []


def test_of_one_organisation_nobody_is_asked() -> None:
    made = play(several=False)
    made.tell(ask(PATH), prompt(body(previous_response_id="resp_0", conversation="conv_1")))
    (head,) = play(several=False).tell(ask(f"{PATH}/resp_1", "GET", end=True))
    assert isinstance(head, Proceed) and asked(made) == []


def test_of_several_the_keeper_is_asked_before_anything_goes_on() -> None:
    made = play(Owners(("default",)))
    made.tell(ask(PATH), prompt(body(previous_response_id="resp_1")))
    assert asked(made) == [Whose((key("resp_1"),))]
    (head,) = play(Owners(("default",))).tell(ask(f"{PATH}/resp_1", "GET", end=True))
    assert (
        isinstance(head, Proceed) and head.phase is Phase.REQUEST_HEADERS and head.targets == ("target:a", "target:b")
    )
    assert {"authorization", "cookie"} <= set(head.remove_headers) and head.clear_route_cache
    assert dict(head.set_headers)["x-envoy-retriable-status-codes"] == "404"
    assert head.metadata == {"id": "id-1", "path": f"{PATH}/resp_1", "dialect": "openai-responses", "len": ""}


def test_another_organisations_is_refused_and_recorded() -> None:
    made = play(Owners(("other",)))
    (no,) = made.tell(ask(f"{PATH}/resp_1", "GET", end=True))
    assert isinstance(no, Answer) and no.status == 404
    (end,) = made.records("end")
    assert (end["outcome"], end["reason"]) == ("refused", "response_not_found")
    assert len(made.records("begin")) == 1


def test_one_target_is_not_asked_again() -> None:
    (head,) = play(Owners(("default",)), targets=("target:a",)).tell(ask(f"{PATH}/resp_1", "GET", end=True))
    assert isinstance(head, Proceed) and "x-envoy-retriable-status-codes" not in dict(head.set_headers)


def test_without_a_target_that_is_available_the_client_hears_it() -> None:
    (no,) = play(Owners(("default",)), targets=()).tell(ask(f"{PATH}/resp_1", "GET", KEY, end=True))
    assert isinstance(no, Answer) and no.status == 503


def test_the_word_that_one_was_deleted_goes_through_as_it_is() -> None:
    made = play(Owners(("default",)))
    made.tell(ask(f"{PATH}/resp_1", "DELETE", end=True), answered())
    (last,) = made.tell(reply(b'{"id": "resp_1", "object": "response.deleted", "deleted": true}'))
    assert last == Proceed(Phase.RESPONSE_BODY) and told(made) == []
