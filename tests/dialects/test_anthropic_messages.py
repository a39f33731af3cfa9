"""Bodies of Anthropic's Messages API: what in them is text, how edits are written back, what an error looks like."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest

from extproc.detect.patterns import Pattern
from extproc.dialects import UnreadableReply, anthropic_count_tokens
from extproc.dialects.anthropic_messages import block, error, read_error, read_request, read_response, write
from extproc.dialects.json_text import KEY
from extproc.dialects.texts import apply_edits
from extproc.model import ClientError, Exchange, Redact, Response, Text, Usage
from extproc.policies.request_rewriter import RequestRewriter, RequestRewriterSettings
from extproc.policies.rewriting import Rule


def ask(**members: object) -> bytes:
    return json.dumps(
        {"model": "m", "max_tokens": 9, "messages": [{"role": "user", "content": "hi"}], **members}
    ).encode()


def values(body: bytes) -> set[str]:
    return {text.value for text in read_request(body).texts}


def role_of(body: bytes, value: str) -> str:
    (role,) = [text.role for text in read_request(body).texts if text.value == value]
    return role


BLOCKS: list[dict[str, Any]] = [
    {"type": "text", "text": "one", "cache_control": {"type": "no", "ttl": "no"}, "citations": [{"type": "no", "cited_text": "two", "document_title": "three"}]},
    {"type": "image", "source": {"type": "base64", "media_type": "no", "data": "no"}},
    {"type": "image", "source": {"type": "url", "url": "https://four"}},
    {"type": "document", "title": "five", "context": "six", "source": {"type": "text", "media_type": "no", "data": "seven"}},
    {"type": "document", "source": {"type": "content", "content": [{"type": "text", "text": "eight"}]}},
    {"type": "document", "source": {"type": "base64", "media_type": "no", "data": "no"}},
    {"type": "document", "source": {"type": "file", "file_id": "no"}},
    {"type": "search_result", "source": "nine", "title": "ten", "content": [{"type": "text", "text": "eleven"}], "citations": {"enabled": True}},
    {"type": "tool_result", "tool_use_id": "no", "content": "twelve"},
    {"type": "tool_result", "tool_use_id": "no", "content": [{"type": "text", "text": "thirteen"}, {"type": "image", "source": {"type": "base64", "data": "no"}}]},
    {"type": "unheard-of", "words": ["fourteen"]},
]  # fmt: skip
SAID: list[dict[str, Any]] = [
    {"type": "thinking", "thinking": "fifteen", "signature": "no"},
    {"type": "redacted_thinking", "data": "no"},
    {"type": "tool_use", "id": "no", "name": "sixteen", "input": {"id": "seventeen", "deep": [{"type": "eighteen", "n": 4111111111111111}]}},
    {"type": "web_search_tool_result", "tool_use_id": "no", "content": [{"type": "no", "url": "nineteen", "title": "twenty", "encrypted_content": "no"}]},
]  # fmt: skip
TOOL = {
    "type": "no", "name": "21", "description": "22",
    "input_schema": {"type": "no", "properties": {"id": {"type": "no", "description": "23", "default": {"id": "24"}}}},
}  # fmt: skip


def test_every_text_of_a_request_is_found_and_nothing_coded() -> None:
    body = ask(
        system=[{"type": "text", "text": "25", "cache_control": {"type": "no"}}],
        messages=[{"role": "user", "content": BLOCKS}, {"role": "assistant", "content": SAID}],
        tools=[TOOL],
        tool_choice={"type": "no", "name": "26"},
        metadata={"user_id": "27"},
        stop_sequences=["28"],
        mcp_servers=[{"type": "no", "url": "29", "name": "30"}],
        service_tier="31",
        unheard_of={"id": "32"},
    )
    found = values(body)
    assert {"one", "two", "three", "https://four", "five", "six", "seven", "eight", "nine", "ten"} <= found
    assert {"eleven", "twelve", "thirteen", "fourteen", "fifteen", "sixteen", "seventeen", "eighteen"} <= found
    assert {"nineteen", "twenty"} <= found
    assert {str(number) for number in range(21, 33)} <= found and "4111111111111111" in found
    assert "no" not in found


def test_a_system_prompt_is_one_string_or_blocks() -> None:
    assert role_of(ask(system="be brief"), "be brief") == "system"
    assert role_of(ask(system=[{"type": "text", "text": "be brief"}]), "be brief") == "system"


def test_what_a_tool_says_is_not_the_users() -> None:
    body = ask(messages=[{"role": "user", "content": [*BLOCKS, {"type": "text", "text": "mine"}]}])
    assert [role_of(body, value) for value in ("twelve", "thirteen", "mine")] == ["tool", "tool", "user"]


def test_a_request_tells_its_model_its_tools_and_that_usage_comes_unasked() -> None:
    read = read_request(ask(stream=True, tools=[TOOL, {"type": "web_search_20250305", "name": "web_search"}]))
    assert (read.model, read.stream, read.tools, read.wants_usage) == ("m", True, ("21", "web_search"), True)


@pytest.mark.parametrize(
    "members", [{}, {"system": ""}, {"system": None}, {"system": []}, {"system": [{"type": "text", "text": ""}]}]
)
def test_what_is_written_where_no_system_prompt_stands_becomes_it(members: dict[str, object]) -> None:
    body = ask(**members)
    before = read_request(body).texts
    assert [text.value for text in before if text.role == "system"] == [""]
    after = tuple(
        replace(text, value='Be "brief".' if text.role == "system" else "hello") if text.value != "m" else text
        for text in before
    )
    written = json.loads(write(body, before, after))
    assert written == json.loads(ask(system='Be "brief".', messages=[{"role": "user", "content": "hello"}]))
    assert write(body, before, before) == body


def test_an_edit_leaves_every_other_byte_as_it_was() -> None:
    body = rb'{ "model":"m" ,"messages":[{"role":"user","content":[{"type":"text","text":"a\u0062c"},{"type":"tool_use","input":{"n":4111111111111111, "k y":"x"}}]}],"x":1.0e0}'
    before = read_request(body).texts
    swaps = {"abc": "?", "4111111111111111": "#", "k y": "key"}
    after = tuple(replace(text, value=swaps.get(text.value, text.value)) for text in before)
    assert write(body, before, after) == body.replace(rb"a\u0062c", b"?").replace(b"4111111111111111", b'"#"').replace(
        b"k y", b"key"
    )


def test_a_key_that_is_none_of_the_apis_is_text() -> None:
    body = ask(
        metadata={"c d": "x"},
        secret=1,
        messages=[{"role": "user", "content": [{"type": "text", "text": "x", "e f": 1}]}],
    )
    assert {text.value for text in read_request(body).texts if text.path[-1] == KEY} == {"c d", "secret", "e f"}


@pytest.mark.parametrize(
    "body",
    [
        ask(model="a b"),
        ask(messages=[{"role": "a b", "content": "x"}]),
        ask(messages=[{"role": "user", "content": [{"type": "image", "source": {"type": "base64", "data": "a b"}}]}]),
        ask(messages=[{"role": "user", "content": [{"type": "thinking", "thinking": "x", "signature": "a b"}]}]),
        ask(messages=[{"role": "user", "content": [{"type": ["base64"], "data": "a b"}]}]),
        ask(messages=[{"role": "user", "content": [{"type": "text", "text": "x", "cache_control": {"ttl": "a b"}}]}]),
    ],
)
def test_an_identifier_or_code_with_a_blank_is_text(body: bytes) -> None:
    assert "a b" in values(body)


@pytest.mark.parametrize(
    ("body", "says"),
    [
        (b"[]", "The body: expected an object, found a list"),
        (b"{}", "model: expected a string, found null"),
        (ask(model="\ud800"), "model: expected characters"),
        (ask(messages="x"), "messages: expected a list, found a string"),
        (ask(messages=[]), "messages: expected at least one"),
        (ask(messages=[1]), r"messages\[0\]: expected an object, found a number"),
        (ask(messages=[{"role": 1}]), r"messages\[0\].role: expected a string"),
        (
            ask(messages=[{"role": "user", "content": {}}]),
            r"messages\[0\].content: expected a string or a list of blocks, found an object",
        ),
        (ask(messages=[{"role": "user", "content": ["x"]}]), r"messages\[0\].content\[0\]: expected an object"),
        (ask(system=1), "system: expected a string or a list of blocks"),
        (ask(stream="yes"), "stream: expected true or false"),
        (ask(stream=1), "stream: expected true or false"),
    ],
)
def test_a_wrong_type_is_a_422_that_names_the_place(body: bytes, says: str) -> None:
    with pytest.raises(ClientError, match=says) as caught:
        read_request(body)
    assert caught.value.status == 422


USAGE = {"input_tokens": 3, "cache_read_input_tokens": 5, "cache_creation_input_tokens": 7, "output_tokens": 2}


def reply(*content: dict[str, Any], **more: object) -> bytes:
    head = {
        "id": "msg_1",
        "type": "message",
        "role": "assistant",
        "model": "m-1",
        "stop_reason": "end_turn",
        "stop_sequence": None,
    }
    return json.dumps({**head, "content": content, "usage": USAGE, **more}).encode()


def test_every_text_of_a_reply_is_found() -> None:
    read = read_response(reply(BLOCKS[0], *SAID, stop_sequence="END", unheard_of={"note": "why"}))
    found = {text.value for text in read.texts}
    assert {
        "one",
        "two",
        "three",
        "fifteen",
        "sixteen",
        "seventeen",
        "eighteen",
        "nineteen",
        "twenty",
        "END",
        "why",
        "4111111111111111",
    } <= found
    assert "no" not in found and not {"msg_1", "message", "assistant", "m-1", "end_turn"} & found
    assert (read.id, read.model, read.finish_reasons) == ("msg_1", "m-1", ("end_turn",))


def test_what_went_through_the_providers_cache_is_input_too() -> None:
    assert read_response(reply()).usage == Usage(15, 2, 5, None)
    thought = {**USAGE, "output_tokens_details": {"thinking_tokens": 1}}
    assert read_response(reply(usage=thought)).usage == Usage(15, 2, 5, 1)
    assert read_response(reply(usage={"input_tokens": 3})).usage == Usage(3)
    assert read_response(reply(usage=None)).usage == Usage()
    assert read_response(reply(usage={"input_tokens": 10**30, "output_tokens": True})).usage == Usage()


def test_an_edited_input_stays_the_object_that_it_is() -> None:
    body = reply(SAID[2])
    before = read_response(body).texts
    after = tuple(
        replace(text, value="?") if text.value in ("seventeen", "4111111111111111") else text for text in before
    )
    (call,) = json.loads(write(body, before, after))["content"]
    assert call == {**SAID[2], "input": {"id": "?", "deep": [{"type": "eighteen", "n": "?"}]}}


@pytest.mark.parametrize(
    "body", [b"", b"[]", b"{}", reply("x"), b'{"content":[],"content":[]}', reply().replace(b"[]", b"{}")]
)  # type: ignore[arg-type]
def test_a_reply_that_is_no_message_is_unreadable(body: bytes) -> None:
    with pytest.raises(UnreadableReply):
        read_response(body)


def test_a_providers_error_is_text_all_through() -> None:
    body = b'{"type":"error","error":{"type":"invalid_request_error","message":"no such thing"},"request_id":"req_1"}'
    assert [text.value for text in read_error(body).texts] == [
        "error",
        "invalid_request_error",
        "no such thing",
        "req_1",
    ]
    with pytest.raises(UnreadableReply):
        read_error(b"<html>")


@pytest.mark.parametrize(
    ("status", "kind"),
    [(400, "invalid_request_error"), (401, "authentication_error"), (403, "permission_error"), (404, "not_found_error"),
     (405, "invalid_request_error"), (409, "invalid_request_error"), (413, "request_too_large"), (422, "invalid_request_error"),
     (429, "rate_limit_error"), (500, "api_error"), (502, "api_error"), (503, "overloaded_error"), (504, "timeout_error")],
)  # fmt: skip
def test_an_error_has_the_type_that_its_status_has_in_this_api(status: int, kind: str) -> None:
    assert json.loads(error(status, "why", "whatever", "a_code")) == {
        "type": "error", "error": {"type": kind, "message": "why", "code": "a_code"},
    }  # fmt: skip


def test_a_refusal_names_its_policy() -> None:
    assert json.loads(block("dlp-filter", "no", "policy_blocked")) == {
        "type": "error",
        "error": {"type": "policy_violation", "message": "no", "policy": "dlp-filter", "code": "policy_blocked"},
    }


def test_a_count_of_tokens_is_no_text_and_costs_nothing() -> None:
    read = anthropic_count_tokens.read_response(b'{"input_tokens":14}')
    assert read == Response("", "", ())
    noted = anthropic_count_tokens.read_response(b'{"input_tokens":14,"note":"ACME"}')
    assert noted.texts == (Text(("note", KEY), "assistant", "note"), Text(("note",), "assistant", "ACME"))
    for body in (b"{}", b"14", b'{"input_tokens":"14"}', b""):
        with pytest.raises(UnreadableReply):
            anthropic_count_tokens.read_response(body)
    assert anthropic_count_tokens.uncacheable({}) == anthropic_count_tokens.unstorable({}) == "count_tokens"


@pytest.mark.parametrize("system", [None, "Be kind.", [{"type": "text", "text": "Be kind."}]])
def test_a_rewriter_finds_the_system_prompt_and_leaves_tools_results_alone(system: object) -> None:
    result = {"type": "tool_result", "tool_use_id": "t", "content": "Ask Bob."}
    body = ask(system=system, messages=[{"role": "user", "content": [result, {"type": "text", "text": "Ask Bob."}]}])
    read = read_request(body)
    rewriter = RequestRewriter(
        RequestRewriterSettings(
            system_message="Be brief.", rules=(Rule(name="r", pattern=Pattern("Bob"), replacement="Ben"),)
        )
    )
    verdict = rewriter.on_input(Exchange(request=read))
    assert isinstance(verdict, Redact)
    written = json.loads(write(body, read.texts, apply_edits(read.texts, verdict.edits)))
    said = "Be brief.\n\nBe kind." if system else "Be brief."
    assert written["system"] == ([{"type": "text", "text": said}] if isinstance(system, list) else said)
    assert written["messages"][0]["content"] == [result, {"type": "text", "text": "Ask Ben."}]
