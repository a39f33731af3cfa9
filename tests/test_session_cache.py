"""The cache seen from a session: what is asked, what the client gets, what the keeper is told at the end."""

from __future__ import annotations

import json
from typing import Any

import pytest
from fakes import Play, Says, answered, ask, opened, prompt, reply, rules

from extproc.cache.commands import Abandon, Fill, Found, Free, Lead, Look
from extproc.cache.entry import Entry
from extproc.cache.filling import entry
from extproc.cache.rules import CacheRules
from extproc.dialects import openai_chat
from extproc.guard.stream import PING
from extproc.model import (
    Allow,
    Answer,
    Block,
    Body,
    BodyMode,
    Chunk,
    Edit,
    Head,
    Phase,
    Proceed,
    Record,
    Redact,
    Send,
    Tell,
    TimedOut,
    Trailers,
)

MESSAGE = {"role": "assistant", "content": "hi"}
REPLY = {
    "id": "c1",
    "object": "chat.completion",
    "created": 1,
    "model": "demo-1",
    "choices": [{"index": 0, "message": MESSAGE, "finish_reason": "stop"}],
    "usage": {"prompt_tokens": 3, "completion_tokens": 2, "total_tokens": 5},
}
REPLY_BYTES = json.dumps(REPLY).encode()
EVENTS = openai_chat.replay(REPLY_BYTES, wants_usage=False)
JSON_ENTRY = Entry("openai-chat", REPLY_BYTES, b"", False, 1.0)
STREAM_ENTRY = Entry("openai-chat", openai_chat.assemble(EVENTS), EVENTS, False, 1.0)
OUT = {"model": "demo", "messages": [{"role": "user", "content": "hello"}]}


def chat(**more: Any) -> Body:
    return prompt(json.dumps({**OUT, **more}).encode())


def play(found: object, *policies: Says, **more: Any) -> Play:
    return Play(rules(*policies, cache=CacheRules(secret=b"s" * 32, **more)), lambda question: found)


def facts(play: Play) -> list[object]:
    return [step.fact for step in play.steps if isinstance(step, Tell)]


def looks(play: Play) -> list[Look]:
    return [s.question for s in play.steps if hasattr(s, "question") and isinstance(s.question, Look)]


def value(headers: Any, name: str) -> str:
    return dict(headers).get(name, "")


# --- a hit -----------------------------------------------------------------------------------------------------------


def test_what_the_cache_knows_is_the_answer_and_no_provider_is_asked() -> None:
    heard = play(Found(JSON_ENTRY, 42))
    *_, answer = heard.tell(ask(), chat())
    assert isinstance(answer, Answer)
    assert (answer.status, answer.body, answer.details) == (200, REPLY_BYTES, "kt_cache_hit")
    assert value(answer.headers, "x-keeptrusts-cache") == "hit"
    assert value(answer.headers, "age") == "42"
    assert value(answer.headers, "content-type") == "application/json"
    (end,) = heard.records("end")
    assert (end["outcome"], end["cache"], end["cache_hit"]) == ("allowed", "hit", True)
    assert end["response_model"] == "demo-1"
    assert facts(heard) == []


def test_a_stored_stream_is_replayed_byte_for_byte_to_who_streams() -> None:
    *_, answer = play(Found(STREAM_ENTRY, 0)).tell(ask(), chat(stream=True))
    assert isinstance(answer, Answer) and answer.body == EVENTS
    assert value(answer.headers, "content-type") == "text/event-stream"


def test_a_stored_stream_is_a_reply_to_who_does_not_stream() -> None:
    *_, answer = play(Found(STREAM_ENTRY, 0)).tell(ask(), chat())
    assert isinstance(answer, Answer) and json.loads(answer.body)["choices"][0]["message"] == MESSAGE


def test_a_stored_reply_is_a_stream_to_who_streams_with_usage_only_if_asked() -> None:
    *_, plain = play(Found(JSON_ENTRY, 0)).tell(ask(), chat(stream=True))
    *_, full = play(Found(JSON_ENTRY, 0)).tell(ask(), chat(stream=True, stream_options={"include_usage": True}))
    assert isinstance(plain, Answer) and isinstance(full, Answer)
    assert plain.body == EVENTS
    assert full.body == openai_chat.replay(REPLY_BYTES, wants_usage=True)


def test_a_stored_stream_without_usage_is_no_answer_to_who_wants_it() -> None:
    heard = play(Found(STREAM_ENTRY, 0))
    *_, sent = heard.tell(ask(), chat(stream=True, stream_options={"include_usage": True}))
    assert isinstance(sent, Proceed) and sent.targets
    (head,) = heard.tell(answered())
    assert isinstance(head, Proceed) and value(head.set_headers, "x-keeptrusts-cache") == "miss; reason=no_usage"


def test_output_policies_look_at_a_hit() -> None:
    heard = play(Found(JSON_ENTRY, 0), Says(Allow()))
    heard.tell(ask(), chat())
    assert [d.stage for d in heard.session.exchange.decisions] == ["input", "output"]


def test_a_rule_that_is_newer_than_the_entry_blocks_it() -> None:
    class Outgoing(Says):
        def on_input(self, exchange: object) -> Allow:
            return Allow()

    heard = play(Found(JSON_ENTRY, 0), Outgoing(Block("no", "says.no")))
    *_, answer = heard.tell(ask(), chat())
    assert isinstance(answer, Answer) and answer.status == 409 and b"output_blocked" in answer.body
    (end,) = heard.records("end")
    assert (end["outcome"], end["cache"]) == ("blocked", "hit")


@pytest.mark.parametrize("stream", [False, True])
def test_a_rule_that_is_newer_than_the_entry_redacts_it_in_either_form(stream: bool) -> None:
    class Outgoing(Says):
        def on_input(self, exchange: object) -> Allow:
            return Allow()

    edit = Edit(("choices", 0, "message", "content"), 0, 2, "[WORD]", "WORD")
    heard = play(Found(STREAM_ENTRY, 0), Outgoing(Redact((edit,), "says.word")))
    *_, answer = heard.tell(ask(), chat(stream=stream))
    assert isinstance(answer, Answer) and b"[WORD]" in answer.body and b'"hi"' not in answer.body
    assert answer.body.startswith(b"data: ") == stream
    assert heard.records("end")[0]["outcome"] == "redacted"


# --- what is asked ---------------------------------------------------------------------------------------------------


def test_nothing_is_asked_before_the_input_chain_has_allowed() -> None:
    heard = play(Found(JSON_ENTRY, 0), Says(Block("no", "says.no")))
    *_, answer = heard.tell(ask(), chat())
    assert isinstance(answer, Answer) and answer.status == 409
    assert looks(heard) == [] and value(answer.headers, "x-keeptrusts-cache") == ""


def test_the_question_is_the_body_as_it_would_be_sent_on() -> None:
    edit = Edit(("messages", 0, "content"), 0, 5, "[WORD]", "WORD")

    class Incoming(Says):
        def on_output(self, exchange: object) -> Allow:
            return Allow()

    redacting = play(Free(), Incoming(Redact((edit,), "says.word")))
    redacting.tell(ask(), chat())
    plain = play(Free())
    plain.tell(ask(), chat(messages=[{"role": "user", "content": "[WORD]"}]))
    assert looks(redacting) == looks(plain)


@pytest.mark.parametrize(
    ("more", "headers", "status"),
    [
        ({"temperature": 0.7}, (), "refused; reason=temperature"),
        ({"n": 2}, (), "refused; reason=n"),
        ({"store": True}, (), "refused; reason=store"),
        ({"logprobs": True}, (), "refused; reason=logprobs"),
        ({"web_search_options": {}}, (), "refused; reason=web_search_options"),
        ({"modalities": ["text", "audio"]}, (), "refused; reason=audio"),
        ({"model": "costly"}, (), "refused; reason=excluded_model"),
        ({"user": "\ud800"}, (), "refused; reason=no_canonical_form"),
        ({}, (("cache-control", "no-store"),), "bypass; reason=no-store"),
        ({}, (("x-keeptrusts-cache", "bypass"),), "bypass; reason=asked"),
        ({}, (("cache-control", "no-cache"),), "miss; reason=no-cache"),
    ],
)
def test_a_question_that_may_not_be_answered_from_the_cache_says_why(
    more: dict[str, Any], headers: tuple[tuple[str, str], ...], status: str
) -> None:
    heard = play(Found(JSON_ENTRY, 0), excluded_models=frozenset({"costly"}))
    heard.tell(ask("/v1/chat/completions", "POST", "kt_ak_" + "a" * 32, *headers), chat(**more))
    (head,) = heard.tell(answered())
    assert isinstance(head, Proceed) and value(head.set_headers, "x-keeptrusts-cache") == status
    assert looks(heard) == []


@pytest.mark.parametrize("mode", [BodyMode.BUFFERED, BodyMode.STREAMED, BodyMode.FULL_DUPLEX])
@pytest.mark.parametrize("cache", [None, CacheRules(secret=b"s" * 32)])
def test_what_is_said_to_our_cache_does_not_travel_on(mode: BodyMode, cache: CacheRules | None) -> None:
    heard = Play(rules(cache=cache), lambda _: Free())
    asking = ask("/v1/chat/completions", "POST", "kt_ak_" + "a" * 32, ("x-keeptrusts-cache", "bypass"))
    sent = heard.tell(opened(request_body=mode), asking, chat())
    assert "x-keeptrusts-cache" in [name for each in sent if isinstance(each, Proceed) for name in each.remove_headers]


def test_an_unknown_word_in_our_header_is_refused() -> None:
    heard = play(Free())
    *_, answer = heard.tell(
        ask("/v1/chat/completions", "POST", "kt_ak_" + "a" * 32, ("x-keeptrusts-cache", "x")), chat()
    )
    assert isinstance(answer, Answer) and answer.status == 400 and b"invalid_cache_directive" in answer.body


@pytest.mark.parametrize(("age", "hit"), [(60, True), (61, False)])
def test_an_answer_older_than_the_client_takes_is_none(age: int, hit: bool) -> None:
    heard = play(Found(JSON_ENTRY, age))
    *_, last = heard.tell(
        ask("/v1/chat/completions", "POST", "kt_ak_" + "a" * 32, ("cache-control", "max-age=60")), chat()
    )
    assert isinstance(last, Answer) == hit


def only_stored(found: object, **more: Any) -> tuple[Play, Answer]:
    heard = play(found)
    headers = (("cache-control", "only-if-cached"),)
    *_, answer = heard.tell(ask("/v1/chat/completions", "POST", "kt_ak_" + "a" * 32, *headers), chat(**more))
    assert isinstance(answer, Answer)
    return heard, answer


@pytest.mark.parametrize("more", [{}, {"temperature": 1}])
def test_who_wants_a_stored_answer_or_none_is_told_that_there_is_none(more: dict[str, Any]) -> None:
    heard, answer = only_stored(Free(), **more)
    assert answer.status == 504 and json.loads(answer.body)["error"]["code"] == "not_stored"
    assert not any(look.wait for look in looks(heard))
    assert only_stored(Found(JSON_ENTRY, 0))[1].status == 200


def test_who_wants_a_stored_answer_or_none_is_not_given_another_where_it_does_not_fit() -> None:
    wanting = {"stream": True, "stream_options": {"include_usage": True}}
    _, answer = only_stored(Found(STREAM_ENTRY, 0), **wanting)
    assert answer.status == 504 and value(answer.headers, "x-keeptrusts-cache") == "miss; reason=no_usage"


def test_an_entry_that_is_deeper_than_a_reload_allows_is_a_miss() -> None:
    deep = Entry("openai-chat", json.dumps({**REPLY, "more": [[[[[]]]]]}).encode(), b"", False, 1.0)
    heard = Play(rules(cache=CacheRules(secret=b"s" * 32), max_depth=5), lambda _: Found(deep, 0))
    *_, head = heard.tell(ask(), chat(), answered())
    assert isinstance(head, Proceed) and value(head.set_headers, "x-keeptrusts-cache") == "miss; reason=unreadable"


@pytest.mark.parametrize("modalities", [5, True, {}, "audio"])
def test_a_question_that_makes_no_sense_is_the_providers_to_refuse(modalities: object) -> None:
    heard = play(Free())
    *_, sent = heard.tell(ask(), chat(modalities=modalities))
    assert isinstance(sent, Proceed) and sent.targets


def test_without_a_cache_nothing_is_asked_and_nothing_is_said() -> None:
    heard = Play(rules())
    *_, head = heard.tell(ask(), chat(), answered())
    assert isinstance(head, Proceed) and value(head.set_headers, "x-keeptrusts-cache") == ""
    heard.tell(reply(REPLY_BYTES))
    assert looks(heard) == [] and facts(heard) == [] and "cache" not in heard.records("end")[0]


def test_a_keeper_that_does_not_answer_is_a_miss() -> None:
    heard = play(TimedOut())
    *_, head = heard.tell(ask(), chat(), answered())
    assert isinstance(head, Proceed) and value(head.set_headers, "x-keeptrusts-cache") == "miss; reason=timeout"


# --- what is kept ----------------------------------------------------------------------------------------------------


def fill(heard: Play) -> Fill:
    (fact,) = facts(heard)
    assert isinstance(fact, Fill)
    return fact


@pytest.mark.parametrize("found", [Lead(), Free(), TimedOut()])
def test_a_good_reply_is_kept_before_its_last_byte_is_released(found: object) -> None:
    heard = play(found)
    heard.tell(ask(), chat(), answered(), reply(REPLY_BYTES))
    kept = fill(heard)
    assert (kept.dialect, kept.form, kept.data, kept.ttl) == ("openai-chat", "json", REPLY_BYTES, 86400.0)
    assert kept.key == looks(heard)[0].key
    *_, told, recorded, released = heard.steps  # a record that fails leaves nobody waiting
    assert isinstance(told, Tell) and isinstance(recorded, Record) and isinstance(released, Send)


def stream(heard: Play, *pieces: bytes) -> None:
    heard.tell(opened(), ask(), chat(stream=True), answered(200, "text/event-stream"))
    for piece in pieces:
        heard.tell(reply(piece, end=False))


@pytest.mark.parametrize("cut", range(1, len(EVENTS), 7))
def test_a_stream_is_kept_whole_after_its_terminal_event_wherever_it_is_cut(cut: int) -> None:
    heard = play(Lead())
    stream(heard, EVENTS[:cut], EVENTS[cut:])
    assert facts(heard) == []
    heard.tell(reply(b""))
    assert (fill(heard).form, fill(heard).data) == ("stream", EVENTS)


def test_tokens_that_the_client_was_not_shown_are_kept_beside_its_stream() -> None:
    heard = Play(rules(cache=CacheRules(secret=b"s" * 32), asks_usage=True), lambda question: Lead())
    *hello, usage, done = openai_chat.replay(REPLY_BYTES, wants_usage=True).split(b"\n\n")[:-1]
    told = b"".join(each.replace(b',"usage":null', b"") + b"\n\n" for each in hello)
    stream(heard, told, usage + b"\n\n", done + b"\n\n")
    heard.tell(reply(b""))
    assert (fill(heard).data, fill(heard).hidden) == (EVENTS, usage + b"\n\n")


def test_a_stream_that_ends_by_trailers_is_kept_too() -> None:
    heard = play(Lead())
    stream(heard, EVENTS)
    heard.tell(Trailers(Phase.RESPONSE_TRAILERS, ()))
    assert fill(heard).data == EVENTS


def test_a_stream_without_its_terminal_event_is_abandoned() -> None:
    heard = play(Lead())
    stream(heard, EVENTS.removesuffix(b"data: [DONE]\n\n"))
    heard.tell(reply(b""))
    assert facts(heard) == [Abandon(looks(heard)[0].key)]


def test_a_stream_whose_client_leaves_after_the_terminal_event_is_kept() -> None:
    heard = play(Lead())
    stream(heard, EVENTS)
    heard.perform(heard.session.closed())
    assert fill(heard).data == EVENTS
    (end,) = heard.records("end")
    assert end["outcome"] == "allowed"


@pytest.mark.parametrize("how", ["closed", "broke"])
def test_whoever_leads_and_goes_away_lets_the_others_go(how: str) -> None:
    heard = play(Lead())
    stream(heard, EVENTS.removesuffix(b"data: [DONE]\n\n"))
    heard.perform(heard.session.closed() if how == "closed" else heard.session.broke("Boom"))
    assert facts(heard) == [Abandon(looks(heard)[0].key)]


def test_a_stream_of_another_status_than_200_is_abandoned() -> None:
    heard = play(Lead())
    heard.tell(opened(), ask(), chat(stream=True), answered(206, "text/event-stream"), reply(EVENTS, end=False))
    heard.tell(reply(b""))
    assert facts(heard) == [Abandon(looks(heard)[0].key)]


def test_whoever_does_not_lead_goes_away_quietly() -> None:
    heard = play(Free())
    stream(heard, EVENTS.removesuffix(b"data: [DONE]\n\n"))
    heard.perform(heard.session.closed())
    assert facts(heard) == []


def body(**changes: Any) -> bytes:
    return json.dumps({**REPLY, **changes}).encode()


@pytest.mark.parametrize(
    ("head", "data"),
    [
        (answered(201), REPLY_BYTES),
        (answered(203), REPLY_BYTES),
        (answered(206), REPLY_BYTES),
        (answered(302), REPLY_BYTES),
        (answered(500), b'{"error": {"message": "no"}}'),
        (answered(429), b'{"error": {"message": "slow down"}}'),
        (answered(), body(choices=[{"index": 0, "message": MESSAGE, "finish_reason": "length"}])),
        (answered(), body(choices=[{"index": 0, "message": MESSAGE, "finish_reason": "tool_calls"}])),
        (answered(), body(choices=[])),
        (answered(), body(usage={"completion_tokens": 32_001})),
        (answered(), body(pad="x" * 524_288)),
        (answered(), b"not JSON"),
    ],
)
def test_a_reply_that_is_no_answer_for_others_is_abandoned(head: Head, data: bytes) -> None:
    heard = play(Lead())
    heard.tell(ask(), chat(), head, reply(data))
    assert facts(heard) == [Abandon(looks(heard)[0].key)]


def test_a_reply_that_was_redacted_for_one_is_not_kept_for_others() -> None:
    class Outgoing(Says):
        def on_input(self, exchange: object) -> Allow:
            return Allow()

    edit = Edit(("choices", 0, "message", "content"), 0, 2, "[WORD]", "WORD")
    heard = play(Lead(), Outgoing(Redact((edit,), "says.word")))
    heard.tell(ask(), chat(), answered(), reply(REPLY_BYTES))
    assert facts(heard) == [Abandon(looks(heard)[0].key)]


def test_a_reply_that_is_blocked_lets_the_others_go() -> None:
    class Outgoing(Says):
        def on_input(self, exchange: object) -> Allow:
            return Allow()

    heard = play(Lead(), Outgoing(Block("no", "says.no")))
    heard.tell(ask(), chat(), answered(), reply(REPLY_BYTES))
    assert facts(heard) == [Abandon(looks(heard)[0].key)]


def test_a_stream_longer_than_an_entry_may_be_is_let_go_of_as_it_comes() -> None:
    heard = play(Lead(), max_entry_bytes=len(EVENTS) - 1)
    stream(heard, EVENTS[:50], EVENTS[50:])
    held = heard.session._ledger.caching._offer
    assert held is not None and held[1] == []
    heard.tell(reply(b""))
    assert facts(heard) == [Abandon(looks(heard)[0].key)]


def test_what_a_bypass_fetches_is_not_kept_and_what_no_cache_fetches_is() -> None:
    for said, kept in (("no-store", 0), ("no-cache", 1)):
        heard = play(Free())
        heard.tell(ask("/v1/chat/completions", "POST", "kt_ak_" + "a" * 32, ("cache-control", said)), chat())
        heard.tell(answered(), reply(REPLY_BYTES))
        assert len(facts(heard)) == kept


def test_pings_of_ours_do_not_hinder() -> None:
    heard = play(Lead())
    stream(heard, EVENTS[:60])
    heard.session._ledger.caching.offer("stream", PING)
    heard.tell(reply(EVENTS[60:], end=False), reply(b""))
    made = entry(fill(heard), {"openai-chat": openai_chat}, 1.0)
    assert isinstance(made, Entry) and made.events == EVENTS


@pytest.mark.parametrize("mode", [BodyMode.STREAMED, BodyMode.FULL_DUPLEX])
def test_hits_and_fills_work_where_bodies_come_in_pieces(mode: BodyMode) -> None:
    heard = play(Lead())
    heard.tell(opened(request_body=mode, response_body=mode), ask(), chat(), answered())
    *_, last = heard.tell(reply(REPLY_BYTES[:20], end=False), reply(REPLY_BYTES[20:]))
    assert fill(heard).data == REPLY_BYTES and isinstance(last, Proceed | Chunk)
    *_, answer = play(Found(JSON_ENTRY, 0)).tell(opened(request_body=mode, response_body=mode), ask(), chat())
    assert isinstance(answer, Answer)
