"""A response as JSON and as a stream: each says what the other does."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from responses import call, custom, event, heard, message, reasoning, response, stream

from extproc.dialects import UnreadableReply
from extproc.dialects.openai_responses import assemble, read_response, replay
from extproc.dialects.openai_responses.reader import Stream
from extproc.dialects.sse import Framer

TEXT = st.text(min_size=1, max_size=30)
ITEMS = st.one_of(
    TEXT.map(message), TEXT.map(lambda text: message(text, "refusal")), TEXT.map(reasoning),
    TEXT.map(lambda text: call(json.dumps(text))), TEXT.map(custom),
)  # fmt: skip


def events(body: bytes) -> list[dict[str, Any]]:
    framer = Framer()
    return [json.loads(each.data) for each in (*framer.feed(body), *framer.close())]


@given(st.lists(ITEMS, max_size=4))
def test_a_reply_that_is_replayed_says_what_the_reply_says(items: list[dict[str, Any]]) -> None:
    body = json.dumps(response(items, completed_at=3)).encode()
    assert json.loads(assemble(replay(body, wants_usage=True))) == json.loads(body)


@given(st.lists(ITEMS, max_size=4), st.integers(1, 9))
def test_a_stream_is_put_together_as_its_last_event_has_it(items: list[dict[str, Any]], size: int) -> None:
    assert json.loads(assemble(b"".join(stream(*items, size=size)))) == response(items)


def test_a_replayed_stream_is_what_a_client_expects() -> None:
    note = {"type": "url_citation", "url": "u", "title": "t", "start_index": 0, "end_index": 1}
    said = message("hi")
    said["content"][0]["annotations"] = [note]
    replayed = replay(json.dumps(response([reasoning("so"), said], completed_at=3)).encode(), wants_usage=True)
    found = events(replayed)
    assert [each["type"].removeprefix("response.") for each in found] == [
        "created", "in_progress",
        "output_item.added", "reasoning_summary_part.added", "reasoning_summary_text.delta",
        "reasoning_summary_text.done", "reasoning_summary_part.done", "output_item.done",
        "output_item.added", "content_part.added", "output_text.delta", "output_text.annotation.added",
        "output_text.done", "content_part.done", "output_item.done", "completed",
    ]  # fmt: skip
    assert [each["sequence_number"] for each in found] == list(range(len(found)))
    begun = found[0]["response"]
    assert (begun["status"], begun["output"], begun["usage"], begun["completed_at"]) == ("in_progress", [], None, None)
    assert found[8]["item"] == {**said, "content": [], "status": "in_progress"}
    assert found[9]["part"] == {"type": "output_text", "text": "", "annotations": [], "logprobs": []}
    assert heard(replayed)["response.output_text"] == ["hi"] * 5


def test_the_guard_reads_what_is_replayed() -> None:
    reader = Stream()
    for each in Framer().feed(replay(json.dumps(response([message("hi")])).encode(), wants_usage=True)):
        reader.read(each)
    assert reader.done and reader.response().usage.output_tokens == 7


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"data: {\n\n",
        b"data: []\n\n",
        b"".join(stream(message("x"))[:-1]),
        b"".join(stream(message("x"))) + event("response.output_text.delta", 99, delta="more"),
        event("error", 0, message="x") + b"".join(stream(message("x"))),
        event("response.completed", 0),
    ],
)
def test_a_stream_that_is_cut_off_or_goes_wrong_is_no_reply(body: bytes) -> None:
    with pytest.raises(UnreadableReply):
        assemble(body)


def test_a_stream_that_was_not_completed_says_so() -> None:
    found = read_response(assemble(b"".join(stream(message("x"), status="failed"))))
    assert found.finish_reasons == ("failed",)
