"""A reply as JSON and as a stream: each says what the other does."""

from __future__ import annotations

import json
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from extproc.dialects import sse
from extproc.dialects.openai_chat import assemble, read_response, replay

TEXT = st.text(min_size=1, max_size=30)
MESSAGES = st.fixed_dictionaries(
    {"role": st.just("assistant"), "content": TEXT},
    optional={
        "reasoning_content": TEXT,
        "reasoning": TEXT,
        "refusal": TEXT,
        "annotations": st.lists(
            st.just({"type": "url_citation", "url_citation": {"url": "u"}}), min_size=1, max_size=2
        ),
    },
)
USAGE = {"prompt_tokens": 3, "completion_tokens": 5, "total_tokens": 8}


def reply(*messages: dict[str, Any], **more: Any) -> dict[str, Any]:
    choices = [{"index": at, "message": each, "finish_reason": "stop"} for at, each in enumerate(messages)]
    head = {"id": "chatcmpl-1", "object": "chat.completion", "created": 7, "model": "demo-1", "choices": choices}
    return {**head, "usage": USAGE, **more}


def events(stream: bytes) -> list[bytes]:
    framer = sse.Framer()
    return [event.data for event in (*framer.feed(stream), *framer.close())]


@given(st.lists(MESSAGES, min_size=1, max_size=3), st.booleans())
def test_a_reply_that_is_replayed_says_what_the_reply_says(messages: list[dict[str, Any]], wants_usage: bool) -> None:
    body = json.dumps(reply(*messages, system_fingerprint="fp")).encode()
    again = json.loads(assemble(replay(body, wants_usage=wants_usage)))
    said = json.loads(body)
    if not wants_usage:
        del said["usage"]
    assert again == said


def test_a_replayed_stream_is_what_a_client_expects() -> None:
    body = json.dumps(reply({"role": "assistant", "content": "hi"})).encode()
    *chunks, done = events(replay(body, wants_usage=True))
    assert done == b"[DONE]"
    values = [json.loads(chunk) for chunk in chunks]
    assert {value["object"] for value in values} == {"chat.completion.chunk"}
    assert {value["id"] for value in values} == {"chatcmpl-1"}
    assert [value["usage"] for value in values] == [None, None, None, USAGE]
    assert [[c["delta"] for c in value["choices"]] for value in values] == [
        [{"role": "assistant", "content": ""}],
        [{"content": "hi"}],
        [{}],
        [],
    ]
    assert values[2]["choices"][0]["finish_reason"] == "stop"


def test_what_only_one_provider_says_of_a_choice_is_replayed_too() -> None:
    said = reply({"role": "assistant", "content": "hi"})
    said["choices"][0] |= {"native_finish_reason": "end_turn", "content_filter_results": {"hate": {"filtered": False}}}
    assert json.loads(assemble(replay(json.dumps(said).encode(), wants_usage=True))) == said


def test_no_usage_is_sent_to_who_did_not_ask() -> None:
    body = json.dumps(reply({"role": "assistant", "content": "hi"})).encode()
    assert b"usage" not in replay(body, wants_usage=False)


@given(st.lists(TEXT, min_size=1, max_size=8), st.integers(1, 3))
def test_a_stream_is_put_together_choice_by_choice(pieces: list[str], choices: int) -> None:
    chunks: list[dict[str, Any]] = [{"id": "c", "model": "m", "created": 1, "choices": [], "prompt_filter_results": []}]
    for piece in pieces:
        for index in range(choices):
            delta = {"role": "assistant", "content": piece, "refusal": None}
            chunks.append({"id": "c", "choices": [{"index": index, "delta": delta, "logprobs": None}]})
    chunks += [{"choices": [{"index": index, "delta": {}, "finish_reason": "stop"}]} for index in range(choices)]
    chunks.append({"choices": [], "usage": USAGE})
    stream = b"".join(sse.encode("", data) for data in (*(json.dumps(c).encode() for c in chunks), b"[DONE]"))
    read = read_response(assemble(stream))
    assert [text.value for text in read.texts] == ["".join(pieces)] * choices
    assert read.finish_reasons == ("stop",) * choices
    assert (read.id, read.model, read.usage.output_tokens) == ("c", "m", 5)
