"""Which replies are kept, and in what form."""

from __future__ import annotations

import json
from typing import Any

import pytest

from extproc.cache.commands import Fill
from extproc.cache.entry import Entry
from extproc.cache.filling import entry
from extproc.dialects import openai_chat

DIALECTS = {openai_chat.name: openai_chat}


def reply(finish: str | None = "stop", **message: Any) -> dict[str, Any]:
    said = {"role": "assistant", "content": "hi", **message}
    return {
        "id": "c1",
        "object": "chat.completion",
        "choices": [{"index": 0, "message": said, "finish_reason": finish}],
    }


def filled(data: bytes, form: str = "json", dialect: str = "openai-chat") -> Entry | str:
    return entry(Fill(b"k" * 32, dialect, form, data, False, 60.0), DIALECTS, 7.0)  # type: ignore[arg-type]


def stream(*events: str) -> bytes:
    return "".join(f"data: {event}\n\n" for event in events).encode()


HELLO = '{"id":"c1","choices":[{"index":0,"delta":{"role":"assistant","content":"hi"}}]}'
STOP = '{"id":"c1","choices":[{"index":0,"delta":{},"finish_reason":"stop"}]}'


def test_a_reply_is_kept_byte_for_byte() -> None:
    data = json.dumps(reply(), indent=1).encode()
    assert filled(data) == Entry("openai-chat", data, b"", False, 7.0)


def test_a_stream_is_kept_with_the_reply_that_it_amounts_to() -> None:
    data = stream(HELLO, STOP, "[DONE]")
    kept = filled(data, "stream")
    assert isinstance(kept, Entry)
    assert kept.events == data
    assert json.loads(kept.body)["choices"] == reply()["choices"]


def test_the_tokens_that_the_client_was_not_shown_are_kept_for_who_asks_for_them() -> None:
    data = stream(HELLO, STOP, "[DONE]")
    told = '{"id":"c1","choices":[],"usage":{"total_tokens":5,"details":{"cached":1,"note":"unjudged"},"by":"us"},"x":"unjudged"}'
    fill = Fill(b"k" * 32, "openai-chat", "stream", data, False, 60.0, stream(told))
    kept = entry(fill, DIALECTS, 7.0)  # type: ignore[arg-type]
    assert isinstance(kept, Entry) and kept.events == data
    assert json.loads(kept.body) == {**reply(), "usage": {"total_tokens": 5, "details": {"cached": 1}}}


def test_pings_are_not_kept() -> None:
    data = b": ping\n\n" + stream(HELLO) + b": ping\n\n" + stream(STOP, "[DONE]")
    kept = filled(data, "stream")
    assert isinstance(kept, Entry)
    assert kept.events == stream(HELLO, STOP, "[DONE]")


@pytest.mark.parametrize(
    ("value", "why"),
    [
        (reply("length"), "unfinished"),
        (reply("content_filter"), "unfinished"),
        (reply(None), "unfinished"),
        (reply(tool_calls=[{"id": "t"}]), "tool_calls"),
        (reply("tool_calls", function_call={"name": "f"}), "tool_calls"),
        (reply(content=None), "no_answer"),
        (reply(content=""), "no_answer"),
        (reply(audio={"id": "a"}), "audio"),
        ({"error": {"message": "no"}, **reply()}, "no_answer"),
        ({"choices": []}, "no_answer"),
        ({"choices": ["x"]}, "no_answer"),
        ({"choices": [{"message": "x"}]}, "no_answer"),
        ([], "no_answer"),
    ],
)
def test_what_is_no_complete_answer_to_everybody_is_not_kept(value: object, why: str) -> None:
    assert filled(json.dumps(value).encode()) == why


@pytest.mark.parametrize(
    "events",
    [
        (HELLO, STOP),
        (HELLO, STOP, "[DONE]", HELLO),
        (HELLO, "{", "[DONE]"),
        (HELLO, '"text"', "[DONE]"),
        (HELLO, '{"error":{"message":"no"}}', "[DONE]"),
        ('{"choices":{"0":1}}', "[DONE]"),
        ('{"choices":["x"]}', "[DONE]"),
        ('{"choices":[{"index":"x"}]}', "[DONE]"),
        ('{"choices":[{"delta":"x"}]}', "[DONE]"),
        ('{"choices":[{"delta":{"tool_calls":[{"index":0}]}}]}', STOP, "[DONE]"),
        ('{"choices":[{"delta":{"secret_plan":"x"}}]}', STOP, "[DONE]"),
    ],
)
def test_a_stream_that_cannot_be_put_together_surely_is_not_kept(events: tuple[str, ...]) -> None:
    assert filled(stream(*events), "stream") == "unreadable"


def test_a_stream_that_ended_early_is_not_kept() -> None:
    assert filled(stream(HELLO, "[DONE]"), "stream") == "unfinished"


def test_a_dialect_that_is_not_known_is_not_kept() -> None:
    assert filled(b"{}", dialect="other") == "dialect"
