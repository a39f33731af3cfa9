"""A message as JSON and as a stream: each says what the other does; and which of them may be kept."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from extproc.cache.commands import Fill
from extproc.cache.entry import Entry
from extproc.cache.filling import entry
from extproc.dialects import UnreadableReply, anthropic_messages, sse
from extproc.dialects.anthropic_messages import (
    assemble,
    complete,
    essence,
    read_response,
    replay,
    uncacheable,
    unstorable,
)  # fmt: skip

TEXT = st.text(min_size=1, max_size=30)
CITATION = {"type": "char_location", "cited_text": "so", "document_index": 0}
TEXTS = st.fixed_dictionaries(
    {"type": st.just("text"), "text": TEXT},
    optional={"citations": st.lists(st.just(CITATION), min_size=1, max_size=2)},
)
THOUGHTS = st.fixed_dictionaries({"type": st.just("thinking"), "thinking": TEXT, "signature": TEXT})
HIDDEN = st.fixed_dictionaries({"type": st.just("redacted_thinking"), "data": TEXT})
USAGE = {"input_tokens": 3, "cache_read_input_tokens": 1, "output_tokens": 5}


def reply(*content: Any, **more: Any) -> dict[str, Any]:
    head = {"id": "msg_1", "type": "message", "role": "assistant", "model": "m-1", "content": list(content)}
    return {**head, "stop_reason": "end_turn", "stop_sequence": None, "usage": USAGE, **more}


HI = {"type": "text", "text": "hi"}


def events(stream: bytes) -> list[dict[str, Any]]:
    framer = sse.Framer()
    found = [*framer.feed(stream), *framer.close()]
    assert all(event.name == json.loads(event.data)["type"] for event in found)
    return [json.loads(event.data) for event in found]


def stream(*values: dict[str, Any]) -> bytes:
    return b"".join(sse.encode(value["type"], json.dumps(value).encode()) for value in values)


@given(st.lists(st.one_of(TEXTS, THOUGHTS, HIDDEN), min_size=1, max_size=3))
def test_a_message_that_is_replayed_says_what_the_message_says(content: list[dict[str, Any]]) -> None:
    body = json.dumps(reply(*content, container=None)).encode()
    assert json.loads(assemble(replay(body, wants_usage=True))) == json.loads(body)


def test_a_replayed_stream_is_what_a_client_expects() -> None:
    start, begun, delta, ended, finish, stop = events(replay(json.dumps(reply(HI)).encode(), wants_usage=False))
    assert start["type"] == "message_start" and start["message"] == reply(
        stop_reason=None, usage={**USAGE, "output_tokens": 0}
    )
    assert begun == {"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}}
    assert delta == {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": "hi"}}
    assert ended == {"type": "content_block_stop", "index": 0}
    assert finish["delta"] == {"stop_reason": "end_turn", "stop_sequence": None} and finish["usage"] == USAGE
    assert stop == {"type": "message_stop"}


START = {"type": "message_start", "message": reply(stop_reason=None, usage={"input_tokens": 3, "output_tokens": 1})}
BEGIN = {"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}}
END = {"type": "content_block_stop", "index": 0}
STOP = {"type": "message_stop"}


def says(text: str) -> dict[str, Any]:
    return {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": text}}


def finish(reason: str = "end_turn") -> dict[str, Any]:
    delta = {"stop_reason": reason, "stop_sequence": None}
    return {"type": "message_delta", "delta": delta, "usage": {"output_tokens": 5, "input_tokens": None}}


@given(st.lists(TEXT, min_size=1, max_size=8))
def test_a_stream_is_put_together(pieces: list[str]) -> None:
    parts = (START, BEGIN, {"type": "ping"}, *map(says, pieces), END, finish(), STOP)
    read = read_response(assemble(stream(*parts)))
    assert [text.value for text in read.texts] == ["".join(pieces)]
    assert (read.id, read.model, read.finish_reasons) == ("msg_1", "m-1", ("end_turn",))
    assert (read.usage.input_tokens, read.usage.output_tokens) == (3, 5)


@pytest.mark.parametrize(
    "parts",
    [
        (),
        (START, BEGIN, says("x"), END, finish()),
        (BEGIN, START, STOP),
        (START, STOP, {"type": "ping"}),
        (START, START, STOP),
        (START, {**BEGIN, "index": 1}, STOP),
        (START, says("x"), STOP),
        (START, BEGIN, {**says("x"), "index": 1}, STOP),
        (START, BEGIN, {**says("x"), "delta": {"type": "text_delta"}}, STOP),
        (START, BEGIN, {**says("x"), "delta": {"type": "text_delta", "text": "x", "more": 1}}, STOP),
        (START, BEGIN, {**says("x"), "delta": {"type": "input_json_delta", "partial_json": "{}"}}, STOP),
        (START, BEGIN, {**says("x"), "delta": {"type": ["text_delta"], "text": "x"}}, STOP),
        (START, {"type": "message_delta", "delta": {}}, STOP),
        (START, {"type": "error", "error": {"message": "no"}}, STOP),
        (START, {"type": "unheard_of"}, STOP),
    ],
)
def test_a_stream_that_cannot_be_put_together_surely_is_not(parts: tuple[dict[str, Any], ...]) -> None:
    with pytest.raises(UnreadableReply):
        assemble(stream(*parts))


def test_what_is_no_json_object_is_not_put_together() -> None:
    for data in (b"data: {\n\n", b"data: []\n\n"):
        with pytest.raises(UnreadableReply):
            assemble(data)


def test_a_stream_is_kept_with_the_message_that_it_amounts_to() -> None:
    data = stream(START, BEGIN, says("hi"), END, finish(), STOP)
    kept = entry(
        Fill(b"k" * 32, "anthropic-messages", "stream", data, True, 60.0),
        {"anthropic-messages": anthropic_messages},
        7.0,
    )
    assert isinstance(kept, Entry) and kept.events == data
    assert json.loads(kept.body) == reply(HI, usage={"input_tokens": 3, "output_tokens": 5})


CALL = {"type": "tool_use", "id": "t", "name": "f", "input": {}}


@pytest.mark.parametrize(
    ("value", "why"),
    [
        (reply(HI), ""),
        (reply(HI, stop_reason="stop_sequence", stop_sequence="."), ""),
        (reply({"type": "thinking", "thinking": "hm", "signature": "s"}, HI), ""),
        (reply(HI, CALL, stop_reason="tool_use"), "tool_calls"),
        (reply(HI, CALL), "tool_calls"),
        (reply(HI, stop_reason="max_tokens"), "unfinished"),
        (reply(HI, stop_reason="refusal"), "unfinished"),
        (reply(HI, stop_reason="pause_turn"), "unfinished"),
        (reply(HI, stop_reason=None), "unfinished"),
        (reply(HI, {"type": "server_tool_use"}), "tool_results"),
        (reply(HI, "x"), "tool_results"),
        (reply(), "no_answer"),
        (reply({"type": "text", "text": ""}), "no_answer"),
        ({"type": "error", "error": {}}, "no_answer"),
        (reply(type="completion"), "no_answer"),
    ],
)
def test_only_a_complete_answer_to_everybody_is_kept(value: dict[str, Any], why: str) -> None:
    assert unstorable(value) == why
    if not why:
        assert complete(read_response(json.dumps(value).encode()))


@pytest.mark.parametrize("reason", ["max_tokens", "tool_use", "pause_turn", "refusal", None])
def test_what_did_not_end_by_itself_is_not_even_offered(reason: str | None) -> None:
    assert not complete(read_response(json.dumps(reply(HI, stop_reason=reason)).encode()))


@pytest.mark.parametrize(
    ("members", "why"),
    [
        ({}, ""),
        ({"temperature": 0}, ""),
        ({"temperature": 0.5}, "temperature"),
        ({"tools": [{"name": "f"}, {"type": "custom", "name": "g"}]}, ""),
        ({"tools": [{"type": "web_search_20250305", "name": "web_search"}]}, "server_tools"),
        ({"tools": {"type": "x"}}, ""),
        ({"mcp_servers": [{"url": "u"}]}, "mcp_servers"),
        ({"container": "c"}, "container"),
    ],
)
def test_what_depends_on_more_than_the_question_is_not_cached(members: dict[str, object], why: str) -> None:
    assert uncacheable(members) == why


def test_who_asks_and_how_it_comes_make_no_other_question() -> None:
    assert essence({"model": "m", "stream": True, "metadata": {"user_id": "u"}, "system": "s"}) == {
        "model": "m",
        "system": "s",
    }
