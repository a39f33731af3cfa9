from __future__ import annotations

import json
from dataclasses import replace

import pytest

from extproc.dialects import UnreadableReply
from extproc.dialects.json_text import KEY
from extproc.dialects.openai_chat import read_request, read_response, write
from extproc.model import ClientError, Usage


def ask(**members: object) -> bytes:
    return json.dumps({"model": "m", "messages": [{"role": "user", "content": "hi"}], **members}).encode()


def test_every_text_of_a_request_is_found_and_no_media() -> None:
    body = ask(
        messages=[
            {"role": "system", "content": "one", "name": "two"},
            {"role": "user", "content": [{"type": "text", "text": "three"}, {"type": "image_url", "image_url": {"url": "data:image/png;base64,no"}}]},
            {"role": "assistant", "content": None, "tool_calls": [{"id": "no", "type": "function", "function": {"name": "four", "arguments": "five"}}]},
            {"role": "tool", "tool_call_id": "no", "content": "six"},
        ],
        tools=[{"type": "function", "function": {"name": "seven", "description": "eight", "parameters": {"properties": {"id": {"description": "nine"}}}}}],
        metadata={"k": "ten"},
    )  # fmt: skip
    values = {text.value for text in read_request(body).texts}
    assert {"one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten"} <= values
    assert not {"no", "data:image/png;base64,no"} & values


def test_a_field_that_nobody_knows_is_text_wherever_it_stands() -> None:
    body = ask(
        messages=[
            {"role": "user", "content": [
                {"type": "file", "file": {"filename": "one", "file_id": "no", "file_data": "no"}},
                {"type": "image_url", "image_url": {"url": "https://two", "detail": "three"}},
                {"type": "input_audio", "input_audio": {"data": "no", "format": "four"}},
                {"type": "new", "new": ["five"]},
            ]},
            {"role": "assistant", "function_call": {"name": "six", "arguments": '{"a": "sev\\u0065n"}'}, "audio": {"id": "no"}},
            {"role": "assistant", "content": "x", "reasoning_details": [{"type": "no", "signature": "no", "text": "eight"}]},
        ],
        tools=[{"type": "no", "function": {"parameters": {"properties": {"file": {"default": {"id": "nine"}, "enum": ["ten"], "examples": ["eleven"]}}}}}],
        documents=[{"title": "twelve"}],
        tool_choice={"type": "no", "function": {"name": "thirteen"}},
        metadata={"id": "fourteen"},
        web_search_options={"user_location": {"approximate": {"city": "fifteen"}}},
        stop=["sixteen"],
        user="seventeen",
    )  # fmt: skip
    values = {text.value for text in read_request(body).texts}
    assert {"one", "https://two", "three", "four", "five", "six", "seven", "eight", "nine", "ten"} <= values
    assert {"eleven", "twelve", "thirteen", "fourteen", "fifteen", "sixteen", "seventeen"} <= values
    assert "no" not in values


def test_a_key_that_is_none_of_the_apis_is_text_and_can_be_edited() -> None:
    tools = [{"type": "function", "function": {"parameters": {"properties": {"a b": {"type": "string"}}}}}]
    body = ask(metadata={"c\u00e9": "x"}, tools=tools, secret=1)
    before = read_request(body).texts
    keys = [text.value for text in before if text.path[-1] == KEY]
    assert keys == ["cé", "a b", "secret"]
    after = tuple(replace(text, value="?") if text.path[-1] == KEY else text for text in before)
    assert write(body, before, after) == body.replace(b"c\\u00e9", b"?").replace(b"a b", b"?").replace(b"secret", b"?")


def test_what_is_written_where_no_system_message_stands_becomes_the_first_message() -> None:
    body = ask()
    before = read_request(body).texts
    assert [text.value for text in before if text.role == "system"] == [""]
    after = tuple(replace(text, value='Be "brief".') if text.role == "system" else text for text in before)
    first, second = json.loads(write(body, before, after))["messages"]
    assert first == {"role": "system", "content": 'Be "brief".'} and second == {"role": "user", "content": "hi"}
    assert write(body, before, before) == body
    led = ask(messages=[{"role": "developer", "content": "x"}])
    assert "" not in [text.value for text in read_request(led).texts]


def test_long_numbers_of_a_request_are_texts_but_not_its_settings() -> None:
    body = ask(metadata={"card": 4111111111111111, "n": [123456789.0], "few": 12345678}, seed=4111111111111111)
    before = read_request(body).texts
    assert [text.value for text in before if text.value.startswith(("4", "1"))] == ["4111111111111111", "123456789.0"]
    after = tuple(replace(text, value="?") if text.value[:2] == "41" else text for text in before)
    assert json.loads(write(body, before, after))["metadata"]["card"] == "?"


@pytest.mark.parametrize("body", [ask(model="a model"), ask(messages=[{"role": "a b", "content": "x"}]),
    ask(messages=[{"role": "user", "content": [{"type": "text", "text": "x", "id": "a@b"}]}])])  # fmt: skip
def test_an_identifier_with_a_blank_or_an_at_is_text(body: bytes) -> None:
    assert any(text.value in ("a model", "a b", "a@b") for text in read_request(body).texts)


@pytest.mark.parametrize(
    ("body", "says"),
    [
        (b"[]", "The body: expected an object"),
        (b"{}", "model: expected a string"),
        (ask(messages="x"), "messages: expected a list"),
        (ask(messages=[]), "messages: expected at least one"),
        (ask(messages=[1]), r"messages\[0\]: expected an object"),
        (ask(messages=[{"role": 1}]), r"messages\[0\].role: expected a string"),
        (ask(messages=[{"role": "user", "content": 1}]), r"messages\[0\].content: expected"),
        (ask(messages=[{"role": "user", "content": ["x"]}]), r"messages\[0\].content\[0\]: expected an object"),
        (ask(stream="yes"), "stream: expected true or false"),
        (ask(model="\ud800"), "model: expected characters"),
    ],
)
def test_a_wrong_type_is_a_422_that_names_the_place(body: bytes, says: str) -> None:
    with pytest.raises(ClientError, match=says) as caught:
        read_request(body)
    assert caught.value.status == 422


def test_every_text_of_a_reply_is_found() -> None:
    choices = [
        {"index": 0, "finish_reason": "stop", "message": {"role": "assistant", "content": "one", "refusal": "two"}},
        {"index": 1, "finish_reason": "tool_calls", "message": {"reasoning_content": "three", "tool_calls": [{"id": "no", "function": {"name": "f", "arguments": "four"}}]}},
    ]  # fmt: skip
    usage = {"prompt_tokens": 3, "completion_tokens": 4, "prompt_tokens_details": {"cached_tokens": 1}}
    found = read_response(json.dumps({"id": "c", "model": "m", "choices": choices, "usage": usage}).encode())
    assert {"one", "two", "three", "four"} <= {text.value for text in found.texts}
    assert found.finish_reasons == ("stop", "tool_calls")
    assert found.usage == Usage(3, 4, 1, None)


def test_what_stands_beside_the_choices_and_the_tokens_are_texts_too() -> None:
    token = {"token": "three", "top_logprobs": [{"token": "four"}, {"token": "five"}]}
    choice = {"message": {"content": "x", "file": {"n": "one"}}, "logprobs": {"content": [token, {"token": " six"}]}}
    body = {"id": "no", "model": "no", "choices": [choice], "citations": ["two"], "usage": {"note": "seven"}}
    values = {text.value for text in read_response(json.dumps(body).encode()).texts}
    assert {"one", "two", "three six", "four\nfive", "seven"} <= values and "no" not in values


@pytest.mark.parametrize("edited", ["content", "token"])
def test_log_probabilities_of_an_edited_choice_go(edited: str) -> None:
    token = {"token": "hi", "top_logprobs": []}
    body = json.dumps({"choices": [{"message": {"content": "hi"}, "logprobs": {"content": [token]}}]}).encode()
    before = read_response(body).texts
    place = 0 if edited == "content" else 1
    after = tuple(replace(text, value="?") if n == place else text for n, text in enumerate(before))
    (choice,) = json.loads(write(body, before, after))["choices"]
    assert choice["logprobs"] is None and choice["message"]["content"] == ("?" if place == 0 else "hi")


def test_what_a_reply_says_of_itself_can_be_recorded() -> None:
    choice = {"message": {}, "finish_reason": "\ud800"}
    body = {"id": "\ud800", "model": "\ud800", "choices": [choice], "usage": {"prompt_tokens": 10**30}}
    found = read_response(json.dumps(body).encode())
    assert (found.id, found.model, found.finish_reasons, found.usage) == ("?", "?", ("?",), Usage())


def test_a_lone_surrogate_stands_in_no_edits_way() -> None:
    body = rb'{"choices":[{"message":{"content":"\ud800","refusal":"no"}}]}'
    before = read_response(body).texts
    after = (before[0], replace(before[1], value="yes"))
    assert write(body, before, after) == body.replace(b"no", b"yes")


@pytest.mark.parametrize("body", [b"", b"[]", b"{}", b'{"choices":[1]}', b'{"choices":[],"choices":[]}'])
def test_a_reply_that_is_no_chat_completion_is_unreadable(body: bytes) -> None:
    with pytest.raises(UnreadableReply):
        read_response(body)
