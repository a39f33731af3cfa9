"""Completions and what they have differently from chat."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from extproc.chain import Chain, Link
from extproc.dialects import UnreadableReply, openai_completions, sse
from extproc.dialects.openai_completions import (
    assemble,
    read_request,
    read_response,
    replay,
    uncacheable,
    unstorable,
    write,
)
from extproc.guard.stream import StreamGuard, StreamLimits
from extproc.model import ClientError, Exchange, Request, Usage
from extproc.policies.dlp_filter import DlpFilter, DlpSettings

USAGE = {"prompt_tokens": 3, "completion_tokens": 5, "total_tokens": 8}
HEAD = {"id": "cmpl-1", "object": "text_completion", "created": 7, "model": "m"}


def ask(**members: object) -> bytes:
    return json.dumps({"model": "m", "prompt": "hi", **members}).encode()


def choice(text: str, index: int = 0, finish: str | None = None, **more: Any) -> dict[str, Any]:
    return {"text": text, "index": index, "logprobs": None, "finish_reason": finish, **more}


def reply(*choices: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {**HEAD, "choices": list(choices), "usage": USAGE, **more}


def streamed(*choices: dict[str, Any], usage: bool = False) -> bytes:
    rows: list[dict[str, Any]] = [{**HEAD, "choices": [each]} for each in choices]
    rows += [{**HEAD, "choices": [], "usage": USAGE}] if usage else []
    return b"".join(sse.encode("", json.dumps(row).encode()) for row in rows) + b"data: [DONE]\n\n"


def through(data: bytes, size: int, action: str = "redact", *, wants_usage: bool = False) -> tuple[bytes, StreamGuard]:
    """A stream under `dlp-filter`, fed in pieces of this size."""
    settings = DlpSettings(detect_patterns=("ACME-[0-9]{6}",), action=action)  # type: ignore[arg-type]
    chain = Chain((Link(policy=DlpFilter(settings)),), lambda: 0)
    exchange = Exchange(request=Request("m", True, (), wants_usage=wants_usage))
    guard = StreamGuard(openai_completions.stream(), chain, exchange, StreamLimits())
    out = b""
    for at in range(0, len(data), size):
        out += guard.feed(data[at : at + size])
        if guard.stopped:
            return out, guard
    finishing = guard.finish()
    with pytest.raises(StopIteration) as done:
        next(finishing)
    return out + done.value.value, guard


def chunks(data: bytes) -> list[dict[str, Any]]:
    framer = sse.Framer()
    return [json.loads(event.data) for event in framer.feed(data) if event.data != b"[DONE]"]


def heard(data: bytes, index: int = 0) -> str:
    return "".join(c["text"] for chunk in chunks(data) for c in chunk["choices"] if c["index"] == index)


# --- requests ---


def test_the_prompt_and_the_suffix_are_what_the_user_says() -> None:
    found = read_request(
        ask(suffix="end", stop=["halt"], user="u", stream=True, stream_options={"include_usage": True})
    )
    said = {text.path: text.value for text in found.texts if text.role == "user"}
    assert said == {("prompt",): "hi", ("suffix",): "end", ("user",): "u"}
    assert "halt" in {text.value for text in found.texts}
    assert (found.model, found.stream, found.wants_usage, found.unread) == ("m", True, True, "")


def test_each_of_several_prompts_is_a_text_that_can_be_edited() -> None:
    body = ask(prompt=["one", "", "two"])
    before = read_request(body).texts
    assert [(text.path, text.value) for text in before if text.role == "user"] == [
        (("prompt", 0), "one"),
        (("prompt", 2), "two"),
    ]
    after = tuple(replace(text, value="?") if text.value == "two" else text for text in before)
    assert write(body, before, after) == body.replace(b'"two"', b'"?"')


@pytest.mark.parametrize("prompt", [[1, 2], [[1, 2], [3]], ["text", [1, 2]]])
def test_tokens_in_place_of_text_are_told(prompt: object) -> None:
    found = read_request(ask(prompt=prompt))
    assert found.unread == "prompt"
    assert [text.value for text in found.texts if text.role == "user"] == ["text"] * (prompt[0] == "text")  # type: ignore[index]


def test_a_prompt_may_be_left_out() -> None:
    assert read_request(b'{"model":"m"}').unread == ""


@pytest.mark.parametrize(
    ("body", "says"),
    [
        (b"[]", "The body: expected an object"),
        (ask(model=None), "model: expected a string"),
        (ask(prompt=3), "prompt: expected a string, or a list of strings, found 3"),
        (ask(prompt=[]), "prompt: expected a string, or a list"),
        (ask(prompt=[True]), r"prompt\[0\]: expected a string, found true"),
        (ask(prompt=["x", {}]), r"prompt\[1\]: expected a string, found dict"),
        (ask(prompt=[[1], ["x"]]), r"prompt\[1\]: expected a string, found list"),
        (ask(prompt=[[1], []]), r"prompt\[1\]: expected a string"),
        (ask(suffix=[1]), "suffix: expected a string"),
        (ask(stream=1.5), "stream: expected true or false"),
    ],
)
def test_a_wrong_type_is_a_422_that_names_the_place(body: bytes, says: str) -> None:
    with pytest.raises(ClientError, match=says) as caught:
        read_request(body)
    assert caught.value.status == 422


# --- replies ---


def test_every_text_of_a_reply_is_found() -> None:
    logprobs = {
        "tokens": ["o", "ne"],
        "token_logprobs": [-1, -2],
        "top_logprobs": [{"two": -3}, None],
        "text_offset": [0, 1],
    }
    body = reply(choice("one", finish="stop", logprobs=logprobs), choice("three", 1, "length"), provider="four")
    found = read_response(json.dumps(body).encode())
    values = [text.value for text in found.texts]
    assert {"one", "three", "four", "two"} <= set(values) and values.count("one") == 2
    assert (found.id, found.model, found.finish_reasons) == ("cmpl-1", "m", ("stop", "length"))
    assert found.usage == Usage(3, 5, None, None)


def test_log_probabilities_of_an_edited_choice_go() -> None:
    body = json.dumps(reply(choice("hi", logprobs={"tokens": ["hi"]}))).encode()
    before = read_response(body).texts
    after = (replace(before[0], value="?"), *before[1:])
    (written,) = json.loads(write(body, before, after))["choices"]
    assert written == {"text": "?", "index": 0, "logprobs": None, "finish_reason": None}


# --- streams ---

CUT = streamed(
    choice("Call "), choice("AC"), choice("ME-12"), choice("3456 n"), choice("ow", finish="stop"), usage=True
)


@pytest.mark.parametrize("size", range(1, 120))
def test_a_value_is_redacted_however_the_bytes_are_cut(size: int) -> None:
    out, _ = through(CUT, size)
    assert heard(out) == "Call [DLP_REDACTED] now"
    assert out.endswith(b"data: [DONE]\n\n") and chunks(out)[-1]["usage"] == USAGE


@pytest.mark.parametrize("size", [1, 7, 64, 10_000])
def test_a_stream_without_a_hit_keeps_its_bytes(size: int) -> None:
    data = b": ping\n\n" + streamed(choice("def "), choice("f():", 1), choice("", finish="stop"), choice("", 1, "stop"))
    assert through(data, size)[0] == data


def test_choices_are_texts_of_their_own() -> None:
    data = streamed(choice("ACME-12"), choice("ACME-12", 1), choice("3456"), choice("x", 1), choice("", 0, "stop"))
    out, _ = through(data, len(data))
    assert (heard(out), heard(out, 1)) == ("[DLP_REDACTED]", "ACME-12x")


def test_a_value_that_only_the_log_probabilities_spell_is_taken_out() -> None:
    pieces = [choice("", logprobs={"tokens": [part]}) for part in ("ACME", "-123", "456")]
    out, _ = through(streamed(*pieces, choice("", finish="stop")), 50)
    assert b"456" not in out and b"-123" not in out


@pytest.mark.parametrize("wants_usage", [False, True])
def test_a_block_ends_each_open_choice_in_the_apis_own_way(wants_usage: bool) -> None:
    data = streamed(choice("Fine. "), choice("So", 1), choice("ACME-123456 "), choice("more"))
    out, guard = through(data, 10_000, "block", wants_usage=wants_usage)
    assert guard.stopped and b"ACME" not in out and out.endswith(b"data: [DONE]\n\n")
    last = [chunk for chunk in chunks(out) if not chunk.get("usage")][-1]
    assert last["object"] == "text_completion" and last["id"] == "cmpl-1"
    assert last["choices"] == [choice("", 0, "content_filter"), choice("", 1, "content_filter")]
    assert bool(chunks(out)[-1].get("usage")) == wants_usage


# --- the cache ---

TEXT = st.text(min_size=1, max_size=30)


@given(st.lists(TEXT, min_size=1, max_size=3), st.booleans())
def test_a_reply_that_is_replayed_says_what_the_reply_says(texts: list[str], wants_usage: bool) -> None:
    said = reply(*(choice(text, index, "stop") for index, text in enumerate(texts)))
    again = json.loads(assemble(replay(json.dumps(said).encode(), wants_usage=wants_usage)))
    if not wants_usage:
        del said["usage"]
    assert again == said


@given(st.lists(TEXT, min_size=1, max_size=8))
def test_a_stream_is_put_together_choice_by_choice(pieces: list[str]) -> None:
    rows = [choice(piece, index) for piece in pieces for index in (0, 1)]
    data = streamed(*rows, choice("", 0, "stop"), choice("", 1, "stop"), usage=True)
    read = read_response(assemble(data))
    assert [text.value for text in read.texts] == ["".join(pieces)] * 2
    assert (read.finish_reasons, read.usage.output_tokens) == (("stop", "stop"), 5)


@pytest.mark.parametrize(
    "data",
    [
        streamed(choice("x"))[:-14],
        streamed({"index": 0, "text": 3}),
        streamed({"index": "a", "text": "x"}),
        streamed(choice("x", logprobs={"tokens": ["x"]})),
        streamed(choice("x")) + streamed(),
        b'data: {"choices":{"a":1}}\n\ndata: [DONE]\n\n',
        b'data: {"choices":[1]}\n\ndata: [DONE]\n\n',
    ],
)
def test_what_cannot_be_put_together_surely_is_not(data: bytes) -> None:
    with pytest.raises(UnreadableReply):
        assemble(data)


@pytest.mark.parametrize(
    ("members", "why"),
    [
        ({}, ""),
        ({"temperature": 0, "suffix": "x", "echo": True}, ""),
        ({"temperature": 0.01}, "temperature"),
        ({"n": 2}, "n"),
        ({"best_of": 2}, "best_of"),
        ({"logprobs": 2}, "logprobs"),
    ],
)
def test_a_question_whose_answer_is_chance_is_not_cached(members: dict[str, Any], why: str) -> None:
    assert uncacheable({"model": "m", "prompt": "x", **members}) == why


@pytest.mark.parametrize(
    ("value", "why"),
    [
        (reply(choice("x", finish="stop")), ""),
        (reply(choice("x", finish="length")), "unfinished"),
        (reply(choice("", finish="stop")), "no_answer"),
        (reply(), "no_answer"),
        (reply(1), "no_answer"),  # type: ignore[arg-type]
        ({"error": {}}, "no_answer"),
    ],
)
def test_only_whole_answers_are_kept(value: dict[str, Any], why: str) -> None:
    assert unstorable(value) == why
