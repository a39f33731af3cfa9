from __future__ import annotations

import json

import pytest

from extproc.dialects import UnreadableReply
from extproc.dialects.openai_chat import read_request, read_response
from extproc.model import ClientError, Usage


def ask(**members: object) -> bytes:
    return json.dumps({"model": "m", "messages": [{"role": "user", "content": "hi"}], **members}).encode()


def test_every_text_of_a_request_is_found_and_no_media() -> None:
    body = ask(
        messages=[
            {"role": "system", "content": "one", "name": "two"},
            {"role": "user", "content": [{"type": "text", "text": "three"}, {"type": "image_url", "image_url": {"url": "data:no"}}]},
            {"role": "assistant", "content": None, "tool_calls": [{"id": "no", "type": "function", "function": {"name": "four", "arguments": "five"}}]},
            {"role": "tool", "tool_call_id": "no", "content": "six"},
        ],
        tools=[{"type": "function", "function": {"name": "seven", "description": "eight", "parameters": {"properties": {"id": {"description": "nine"}}}}}],
        metadata={"k": "ten"},
    )  # fmt: skip
    values = {text.value for text in read_request(body).texts}
    assert {"one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten"} <= values
    assert not {"no", "data:no"} & values


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


@pytest.mark.parametrize("body", [b"", b"[]", b"{}", b'{"choices":[1]}', b'{"choices":[],"choices":[]}'])
def test_a_reply_that_is_no_chat_completion_is_unreadable(body: bytes) -> None:
    with pytest.raises(UnreadableReply):
        read_response(body)
