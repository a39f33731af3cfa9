"""What comes back of a kept response."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest
from responses import message, reasoning, response, stream

from extproc.dialects import UnreadableReply
from extproc.dialects.openai_responses import read_request, read_response
from extproc.dialects.openai_responses.reader import Stream
from extproc.dialects.openai_responses_kept import parts, whole
from extproc.dialects.sse import Framer
from extproc.model import ClientError, Usage

ITEMS = {
    "object": "list", "first_id": "msg_1", "last_id": "fco_1", "has_more": False,
    "data": [
        {"id": "msg_1", "type": "message", "role": "user", "content": [{"type": "input_text", "text": "one"}]},
        {"id": "fco_1", "type": "function_call_output", "call_id": "c", "output": "two"},
        {"id": "x", "type": "new", "said": "three", "list": ["four"]},
    ],
}  # fmt: skip


def asked(**members: Any) -> Any:
    return read_request(json.dumps({"model": "m", "input": "hi", **members}).encode())


def test_a_request_says_whether_its_reply_is_kept_and_what_it_goes_on_from() -> None:
    assert asked().keeps and asked(store=True).keeps and asked(store=None).keeps and not asked(store=False).keeps
    assert asked().recalls == asked(previous_response_id=None).recalls == ()
    with pytest.raises(ClientError, match="previous_response_id: expected a string, found list"):
        asked(previous_response_id=["resp_1"])


REASONING = {"type": "reasoning", "id": "rs_1", "summary": []}


@pytest.mark.parametrize(
    ("members", "recalls"),
    [
        ({"previous_response_id": "resp_1"}, [("previous_response_id", "resp_1")]),
        ({"conversation": None}, []),
        ({"conversation": "conv_1"}, [("conversation", "conv_1")]),
        ({"conversation": {"id": "conv_1"}}, [("conversation", "conv_1")]),
        ({"conversation": {"id": 1}}, [("conversation", "")]),
        ({"input": [{"role": "user", "content": "x"}, {"type": "item_reference", "id": "m"}]}, [("input[1]", "m")]),
        ({"input": [{"id": "m"}, {"type": None, "id": "n"}]}, [("input[0]", "m"), ("input[1]", "n")]),
        ({"input": [REASONING]}, [("input[0]", "rs_1")]),
        ({"input": [{**REASONING, "encrypted_content": "gAAA"}]}, []),
        ({"input": [{"type": "reasoning", "summary": []}]}, []),
        ({"input": [{"type": "message", "id": "msg_1", "role": "assistant", "content": "x"}]}, []),
        ({"input": [{"type": "function_call_output", "call_id": "c", "output": "x"}]}, []),
    ],
)
def test_and_what_else_it_recalls(members: dict[str, Any], recalls: list[tuple[str, str]]) -> None:
    assert list(asked(**members).recalls) == recalls


def test_a_reply_says_by_which_ids_it_can_be_named_later() -> None:
    items = [reasoning("why"), message("hi"), {"type": "new"}, {"type": "odd", "id": 7}]
    assert read_response(json.dumps(response(items)).encode()).items == ("rs_1", "msg_1")
    reader = Stream()
    for event in Framer().feed(b"".join(stream(reasoning("why"), message("hi")))):
        reader.read(event)
    assert reader.response().items == ("rs_1", "msg_1")


def test_the_tokens_of_a_kept_response_were_told_before_but_for_the_background() -> None:
    body = response([message("hi")])
    assert whole.read_response(json.dumps(body).encode()).usage == Usage()
    behind = whole.read_response(json.dumps({**body, "background": True}).encode())
    assert behind.usage.output_tokens is not None


@pytest.mark.parametrize("status", ["queued", "in_progress"])
def test_a_response_that_is_half_written_is_none(status: str) -> None:
    body = {**response([message("ha")]), "status": status}
    with pytest.raises(UnreadableReply):
        whole.read_response(json.dumps(body).encode())
    assert whole.read_response(json.dumps({**body, "output": []}).encode()).finish_reasons == (status,)


def test_every_string_of_listed_items_is_a_text_and_can_be_edited_in_its_place() -> None:
    body = json.dumps(ITEMS).encode()
    before = parts.read_response(body).texts
    assert {"one", "two", "three", "four"} <= {text.value for text in before}
    assert not {"msg_1", "fco_1", "c"} & {text.value for text in before}
    after = tuple(replace(text, value="X") if text.value in ("one", "two", "four") else text for text in before)
    written = json.loads(parts.write(body, before, after))
    assert written["data"][0]["content"][0]["text"] == "X" and written["data"][2]["list"] == ["X"]
    assert "two" not in json.dumps(written) and written["first_id"] == "msg_1"


@pytest.mark.parametrize("body", [b"", b"[]", b'"x"', b"{", b'{"a":1,"a":2}'])
def test_what_is_no_object_does_not_pass(body: bytes) -> None:
    with pytest.raises(UnreadableReply):
        parts.read_response(body)
