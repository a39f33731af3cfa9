"""Tokens that the gateway asks for itself: the provider is asked, the record knows, the client sees nothing of it."""

from __future__ import annotations

import json
from dataclasses import replace
from types import ModuleType
from typing import Any

import pytest
from fakes import Play, answered, ask, opened, prompt, reply, rules
from hypothesis import given
from hypothesis import strategies as st

from extproc.chain import Chain, Link
from extproc.dialects import openai_chat, openai_completions, openai_embeddings, sse
from extproc.dialects.json_text import put, without
from extproc.dialects.openai_chat.usage import with_usage
from extproc.guard.stream import StreamGuard, StreamLimits
from extproc.model import BodyMode, Chunk, Exchange, Proceed, Request, Usage
from extproc.policies.dlp_filter import DlpFilter, DlpSettings

ASKED = b'{"stream_options":{"include_usage":true},'
TOKENS = {"prompt_tokens": 3, "completion_tokens": 5, "total_tokens": 8}
CHAT = b'{"model":"demo","messages":[{"role":"user","content":"hi"}],"stream":true}'


# --- asking ---


@pytest.mark.parametrize(
    ("body", "asking"),
    [
        (b'{"model":"m"}', ASKED + b'"model":"m"}'),
        (b' \n{ "model" : "m" }', b" \n" + ASKED + b' "model" : "m" }'),
        (b'{"a":"stream_options"}', ASKED + b'"a":"stream_options"}'),
        (b'{"a":"\\u00e9{"}', ASKED + b'"a":"\\u00e9{"}'),
        (b'{"stream_options": null , "a":1}', b'{"stream_options": {"include_usage":true} , "a":1}'),
        (b'{"a":[1, 2],"stream_options":{}}', b'{"a":[1, 2],"stream_options":{"include_usage":true}}'),
        (b'{"stream_options":{"include_usage": false}}', b'{"stream_options":{"include_usage":true}}'),
        (b'{"stream\\u005foptions":{"x":1}}', b'{"stream\\u005foptions":{"x":1,"include_usage":true}}'),
        (b'{"stream_options":3}', b'{"stream_options":3}'),
    ],
)
def test_a_request_asks_for_usage_and_every_other_byte_is_the_same(body: bytes, asking: bytes) -> None:
    assert with_usage(body) == asking


VALUES = st.recursive(st.none() | st.booleans() | st.integers() | st.text(max_size=8), lambda v: st.lists(v, max_size=3) | st.dictionaries(st.text(max_size=4), v, max_size=3), max_leaves=8)  # fmt: skip
OBJECTS = st.dictionaries(st.text(max_size=6), VALUES, min_size=1, max_size=5)


@given(OBJECTS, st.sampled_from([None, {}, {"include_usage": False}, {"include_obfuscation": True}]), st.booleans())
def test_what_is_asked_beside_usage_is_what_was_asked(body: dict[str, Any], options: Any, there: bool) -> None:
    body = {**body, **({"stream_options": options} if there else {})}
    found = json.loads(with_usage(json.dumps(body, ensure_ascii=False).encode("utf-8", "replace")))
    asked = json.loads(json.dumps(body, ensure_ascii=False).encode("utf-8", "replace"))
    assert found.pop("stream_options") == {**((asked.pop("stream_options", None)) or {}), "include_usage": True}
    assert found == asked


@given(OBJECTS, st.sampled_from([None, 1]))
def test_a_member_is_taken_out_with_its_comma_wherever_it_stands(body: dict[str, Any], indent: int | None) -> None:
    for key in body:
        rest = {name: value for name, value in body.items() if name != key}
        assert json.loads(without(json.dumps(body, indent=indent).encode(), key)) == rest


def test_what_is_not_there_is_neither_taken_out_nor_replaced() -> None:
    for change in (lambda: without(b'{"a":1}', "b"), lambda: put(b'{"a":1}', ("b",), b"2")):
        with pytest.raises(LookupError):
            change()


# --- taking out ---


def chat_choice(text: str, finish: str | None = None) -> dict[str, Any]:
    return {"index": 0, "delta": {"content": text}, "finish_reason": finish}


def completion_choice(text: str, finish: str | None = None) -> dict[str, Any]:
    return {"index": 0, "text": text, "logprobs": None, "finish_reason": finish}


PLACES = ["behind", "before", "amid"]
CHOICES = {openai_chat: chat_choice, openai_completions: completion_choice}


def chunk(choice: dict[str, Any], place: str, asked: bool) -> str:
    """A chunk as it comes to who did not ask, or did."""
    head, tail = {"id": "c1"}, {"choices": [choice], "obfuscation": "x"}
    null = {"usage": None} if asked else {}
    order = {"behind": {**head, **tail, **null}, "before": {**null, **head, **tail}, "amid": {**head, **null, **tail}}
    return json.dumps(order[place], separators=None if place == "before" else (",", ":"))


def streamed(dialect: ModuleType, place: str, asked: bool) -> bytes:
    said = [("Call ", None), ('"usage":null, "usage"', None), ("AC", None), ("ME-123456", None), ("", "stop")]
    rows = [chunk(CHOICES[dialect](text, finish), place, asked) for text, finish in said]
    rows += [json.dumps({"id": "c1", "choices": [], "usage": TOKENS})] if asked else []
    return b": ping\n\n" + b"".join(b"data: " + row.encode() + b"\n\n" for row in (*rows, "[DONE]"))


def through(dialect: Any, data: bytes, size: int, *links: Link, hides: bool = True) -> tuple[bytes, Exchange]:
    exchange = Exchange(request=Request("m", True, ()))
    reader = dialect.stream(hides_usage=hides)
    guard = StreamGuard(reader, Chain(links, lambda: 0), exchange, StreamLimits())
    out = b"".join(guard.feed(data[at : at + size]) for at in range(0, len(data), size))
    finishing = guard.finish()
    with pytest.raises(StopIteration) as done:
        next(finishing)
    guard.conclude()
    return out + done.value.value, exchange


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("dialect", CHOICES)
def test_the_client_gets_the_bytes_it_would_have_got_and_the_record_the_tokens(dialect: Any, place: str) -> None:
    asked, unasked = (streamed(dialect, place, asked=each) for each in (True, False))
    for size in (*range(1, 60), len(asked)):
        out, exchange = through(dialect, asked, size)
        assert out == unasked
        assert exchange.response is not None and exchange.response.usage == Usage(3, 5, None, None)
        assert through(dialect, unasked, size)[0] == unasked


@pytest.mark.parametrize("action", ["redact", "buffered"])
@pytest.mark.parametrize("dialect", CHOICES)
def test_so_it_is_where_a_value_is_redacted(dialect: Any, action: str) -> None:
    link = Link(policy=DlpFilter(DlpSettings(detect_patterns=("ACME-[0-9]{6}",))), buffered=action == "buffered")
    asked, unasked = (streamed(dialect, "behind", asked=each) for each in (True, False))
    expected = through(dialect, unasked, len(unasked), link)[0]
    assert b"DLP_REDACTED" in expected and b"ACME" not in expected
    for size in (1, 7, 64, len(asked)):
        assert through(dialect, asked, size, link)[0] == expected


def test_an_event_of_several_lines_is_written_anew() -> None:
    data = b'data: {"choices":[],\ndata: "usage":null}\n\ndata: [DONE]\n\n'
    out, _ = through(openai_chat, data, 10)
    (event, done) = sse.Framer().feed(out)
    assert json.loads(event.data) == {"choices": []} and done.data == b"[DONE]"


def test_usage_beside_choices_is_the_providers_own_wish_and_stays() -> None:
    data = json.dumps({"id": "c1", "choices": [chat_choice("hi", "stop")], "usage": TOKENS}).encode()
    stream = sse.encode("", data) + b"data: [DONE]\n\n"
    assert through(openai_chat, stream, 50)[0] == stream


def test_who_asked_gets_it() -> None:
    data = streamed(openai_chat, "behind", asked=True)
    assert through(openai_chat, data, 64, hides=False)[0] == data


# --- in a session ---

MODES = [BodyMode.BUFFERED, BodyMode.FULL_DUPLEX]


@pytest.mark.parametrize("mode", MODES)
def test_a_session_asks_for_who_did_not_and_hides_it(mode: BodyMode) -> None:
    play = Play(rules(asks_usage=True))
    play.tell(opened(request_body=mode, response_body=mode), ask())
    sent = play.tell(prompt(CHAT))
    bodies = [
        each.body if isinstance(each, Proceed) else each.data for each in sent if isinstance(each, Proceed | Chunk)
    ]
    assert ASKED + CHAT[1:] in bodies
    data = streamed(openai_chat, "behind", asked=True)
    heard = play.tell(answered(200, "text/event-stream"), reply(data))
    assert b"".join(each.data for each in heard if isinstance(each, Chunk)) == streamed(
        openai_chat, "behind", asked=False
    )
    assert play.records("end")[0]["usage"] == Usage(3, 5, None, None)


@pytest.mark.parametrize(
    "body",
    [
        CHAT.replace(b"true", b"false"),
        CHAT.replace(b'"stream"', b'"stream_options":{"include_usage":true},"stream"'),
    ],
)
def test_who_streams_not_or_asks_has_the_request_go_on_as_it_is(body: bytes) -> None:
    (*_, sent) = Play(rules(asks_usage=True)).tell(ask(), prompt(body))
    assert isinstance(sent, Proceed) and sent.body is None


def test_a_snapshot_that_does_not_ask_changes_nothing() -> None:
    (*_, sent) = Play(rules()).tell(ask(), prompt(CHAT))
    assert isinstance(sent, Proceed) and sent.body is None
    assert openai_embeddings.with_usage(CHAT) is CHAT and replace(rules(), asks_usage=True).asks_usage


# --- a stream that never came to tell ---


@pytest.mark.parametrize("ending", ["gone", "blocked", "untold"])
def test_a_stream_that_was_cut_off_is_estimated_and_the_record_says_so(ending: str) -> None:
    policy = DlpFilter(DlpSettings(detect_patterns=("ACME-[0-9]{6}",), action="block"))
    play = Play(rules(policy, asks_usage=True))
    play.tell(opened(), ask(), prompt(CHAT), answered(200, "text/event-stream"))
    text = "x" * 40 + (" ACME-123456 " if ending == "blocked" else "")
    said = sse.encode("", json.dumps({"id": "c1", "choices": [chat_choice(text, "stop")]}).encode())
    play.tell(reply(said + b"data: [DONE]\n\n" if ending == "untold" else said, end=ending == "untold"))
    play.perform(play.session.closed())
    (end,) = play.records("end")
    usage = end["usage"]
    assert end["usage_estimated"] is True and isinstance(usage, Usage)
    assert usage.input_tokens is not None and 1 <= usage.input_tokens <= 5
    assert usage.output_tokens is not None and 10 <= usage.output_tokens <= 20


def test_tokens_that_were_told_are_no_guess_though_the_stream_is_cut_off() -> None:
    play = Play(rules(asks_usage=True))
    data = streamed(openai_chat, "behind", asked=True).removesuffix(b"data: [DONE]\n\n")
    play.tell(opened(), ask(), prompt(CHAT), answered(200, "text/event-stream"), reply(data, end=False))
    play.perform(play.session.closed())
    (end,) = play.records("end")
    assert end["usage"] == Usage(3, 5, None, None) and "usage_estimated" not in end
