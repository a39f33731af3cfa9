from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest
from responses import call, custom, message, reasoning, response

from extproc.dialects import UnreadableReply
from extproc.dialects.json_text import KEY
from extproc.dialects.openai_responses import essence, read_request, read_response, uncacheable, unstorable, write
from extproc.model import ClientError, Text, Usage


def ask(**members: object) -> bytes:
    return json.dumps({"model": "m", "input": "hi", **members}).encode()


def values(body: bytes) -> set[str]:
    return {text.value for text in read_request(body).texts}


def rewritten(body: bytes, old: str, new: str) -> Any:
    """The body as written with this text in place of that."""
    before = read_request(body).texts
    assert old in {text.value for text in before}
    return json.loads(write(body, before, tuple(replace(t, value=new) if t.value == old else t for t in before)))


def test_every_text_of_a_request_is_found_and_nothing_coded() -> None:
    body = ask(
        instructions="one",
        input=[
            {"role": "user", "content": "two"},
            {"type": "message", "role": "user", "content": [
                {"type": "input_text", "text": "three"},
                {"type": "input_image", "image_url": "data:image/png;base64,no", "detail": "four", "file_id": "no"},
                {"type": "input_file", "filename": "five", "file_data": "no", "file_url": "https://six"},
            ]},
            {"type": "message", "id": "no", "status": "no", "role": "assistant", "content": [
                {"type": "output_text", "text": "seven", "annotations": [{"type": "no", "title": "eight"}]},
                {"type": "refusal", "refusal": "nine"},
            ]},
            {"type": "function_call", "call_id": "no", "name": "ten", "arguments": '{"a": "elev\\u0065n"}'},
            {"type": "function_call_output", "call_id": "no", "output": "twelve"},
            {"type": "function_call_output", "call_id": "no", "output": [{"type": "input_text", "text": "thirteen"}]},
            {"type": "custom_tool_call", "call_id": "no", "name": "fourteen", "input": "fifteen"},
            {"type": "custom_tool_call_output", "call_id": "no", "output": "sixteen"},
            {"type": "reasoning", "id": "no", "summary": [{"type": "no", "text": "seventeen"}], "encrypted_content": "no",
             "content": [{"type": "reasoning_text", "text": "eighteen"}]},
            {"type": "item_reference", "id": "no"},
            {"type": "local_shell_call", "action": {"type": "exec", "command": ["nineteen"], "env": {"id": "twenty"}}},
            {"type": "shell_call", "action": {"commands": ["a1"]}},
            {"type": "shell_call_output", "output": [{"stdout": "a2", "stderr": "a3", "outcome": {"type": "exit"}}]},
            {"type": "apply_patch_call", "operation": {"type": "update_file", "path": "a4", "diff": "a5"}},
            {"type": "computer_call", "action": {"type": "type", "text": "a6"}},
            {"type": "computer_call_output", "output": {"type": "computer_screenshot", "image_url": "data:x;base64,no"}},
            {"type": "mcp_call", "name": "a7", "server_label": "a8", "arguments": '{"b": "a9"}', "output": "b1"},
            {"type": "web_search_call", "action": {"type": "search", "query": "b2"}},
            {"type": "file_search_call", "queries": ["b3"], "results": [{"text": "b4", "file_id": "no"}]},
            {"type": "image_generation_call", "result": "no", "revised_prompt": "b5"},
            {"type": "code_interpreter_call", "code": "b6", "container_id": "no", "outputs": [{"logs": "b7"}]},
            {"type": "tool_search_call", "arguments": {"id": "b8"}},
            {"type": "a_new_item", "new": [["b9"]]},
        ],
        tools=[
            {"type": "function", "name": "c1", "description": "c2", "parameters": {"properties": {"id": {"description": "c3"}}}},
            {"type": "custom", "name": "c4", "format": {"type": "grammar", "definition": "c5"}},
            {"type": "mcp", "server_label": "c6", "server_url": "https://c7"},
            {"type": "file_search", "vector_store_ids": ["no"]},
            {"type": "code_interpreter", "container": "no"},
        ],
        text={"format": {"type": "json_schema", "name": "c8", "schema": {"properties": {"id": {"enum": ["c9"]}}}}},
        metadata={"id": "d1"},
        prompt={"id": "no", "variables": {"id": "d2", "d3": "x"}},
        user="d4",
        previous_response_id="no",
        conversation={"id": "no"},
    )  # fmt: skip
    found = values(body)
    named = "one two three four five seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen seventeen"
    coded = {f"{letter}{digit}" for letter in "abc" for digit in range(1, 10)} - {"c7"}
    assert set(named.split()) | {"eighteen", "nineteen", "twenty", "https://six", "https://c7"} <= found
    assert coded | {"d1", "d2", "d3", "d4"} <= found
    assert not any("no" in each.split(",") for each in found)


def test_roles_tell_who_speaks() -> None:
    body = ask(
        instructions="a",
        input=[
            {"role": "developer", "content": "b"},
            {"role": "user", "content": "c"},
            {"type": "function_call", "name": "d", "call_id": "x", "arguments": "{}"},
            {"type": "function_call_output", "call_id": "x", "output": "e"},
        ],
    )
    roles = {text.value: text.role for text in read_request(body).texts}
    assert [roles[each] for each in "abcde"] == ["system", "developer", "user", "assistant", "tool"]
    assert Text(("input",), "user", "hi") in read_request(ask()).texts


def test_a_request_says_its_model_stream_and_tools() -> None:
    inner = {"type": "namespace", "name": "crm", "tools": [{"type": "function", "name": "find"}]}
    found = read_request(ask(stream=True, tools=[{"type": "function", "name": "f"}, {"type": "web_search"}, inner, 1]))
    assert (found.model, found.stream, found.wants_usage) == ("m", True, True)
    assert found.tools == ("f", "web_search", "crm", "find")


def test_what_is_no_text_passes_unread_and_unchanged() -> None:
    body = b'{ "model":"m","input":"hi" , "store":false,"background":false,"include":["x.y"],"max_output_tokens":1.50 }'
    before = read_request(body).texts
    after = tuple(replace(text, value="ho") if text.value == "hi" else text for text in before)
    assert write(body, before, before) == body
    assert write(body, before, after) == body.replace(b'"hi"', b'"ho"')


def test_arguments_stay_json_in_a_string() -> None:
    item = {"type": "function_call", "call_id": "c", "name": "f", "arguments": '{"a": "x\\n", "n": 4111111111111111}'}
    written = rewritten(ask(input=[item]), "x\n", 'y"')
    assert written["input"][0]["arguments"] == '{"a": "y\\"", "n": 4111111111111111}'
    numbers = rewritten(ask(input=[item]), "4111111111111111", "?")
    assert json.loads(numbers["input"][0]["arguments"]) == {"a": "x\n", "n": "?"}


def test_instructions_are_written_where_there_are_none() -> None:
    for body in (ask(), ask(instructions=None), ask(instructions="")):
        before = read_request(body).texts
        assert [text.value for text in before if text.role == "system"] == [""]
        after = tuple(replace(text, value='Be "brief".') if text.role == "system" else text for text in before)
        written = json.loads(write(body, before, after))
        assert written["instructions"] == 'Be "brief".' and written["input"] == "hi"
        both = tuple(replace(text, value="x") if text.value in ("", "hi") else text for text in before)
        assert json.loads(write(body, before, both)) == {"model": "m", "input": "x", "instructions": "x"}
    assert "" not in values(ask(instructions="x"))


def test_a_key_that_is_none_of_the_apis_is_text_and_can_be_edited() -> None:
    tools = [{"type": "function", "parameters": {"properties": {"a b": {"type": "string"}}}}]
    body = ask(metadata={"c\u00e9": "x"}, tools=tools, secret=1)
    before = read_request(body).texts
    assert [text.value for text in before if text.path[-1] == KEY] == ["cé", "a b", "secret"]
    after = tuple(replace(text, value="?") if text.path[-1] == KEY else text for text in before)
    assert write(body, before, after) == body.replace(b"c\\u00e9", b"?").replace(b"a b", b"?").replace(b"secret", b"?")


def test_an_identifier_with_a_blank_or_an_at_is_text() -> None:
    item = {"type": "function_call_output", "call_id": "a b", "output": "x"}
    assert {"a b", "a@b", "c d"} <= values(ask(input=[item], model="a@b", previous_response_id="c d"))


def test_long_numbers_of_a_request_are_texts_but_not_its_settings() -> None:
    body = ask(metadata={"card": 4111111111111111}, max_output_tokens=4111111111111111)
    assert rewritten(body, "4111111111111111", "?")["metadata"]["card"] == "?"


@pytest.mark.parametrize("input", [{}, {"input": None, "previous_response_id": "resp_1"}, {"prompt": {"id": "p"}}])
def test_a_request_need_not_have_input(input: dict[str, object]) -> None:  # noqa: A002  # the API's word
    assert read_request(json.dumps({"model": "m", **input}).encode()).model == "m"


@pytest.mark.parametrize(
    ("body", "says"),
    [
        (b"[]", "The body: expected an object"),
        (b"{}", "model: expected a string"),
        (ask(model="\ud800"), "model: expected characters"),
        (ask(stream="yes"), "stream: expected true or false"),
        (ask(instructions=[]), "instructions: expected a string, found list"),
        (ask(input=1), "input: expected a string or a list of items, found 1"),
        (ask(input=[1]), r"input\[0\]: expected an object"),
        (ask(input=[{"role": 1, "content": "x"}]), r"input\[0\].role: expected a string"),
        (ask(input=[{"content": "x"}]), r"input\[0\].role: expected a string"),
        (ask(input=[{"role": "user"}]), r"input\[0\].content: expected"),
        (ask(input=[{"role": "user", "content": ["x"]}]), r"input\[0\].content\[0\]: expected an object"),
    ],
)
def test_a_wrong_type_is_a_422_that_names_the_place(body: bytes, says: str) -> None:
    with pytest.raises(ClientError, match=says) as caught:
        read_request(body)
    assert caught.value.status == 422


@pytest.mark.parametrize(
    "odd", [{"type": [1]}, {"type": {}}, {"arguments": ["x"]}, {"arguments": [["x"]], "type": None}]
)
def test_an_odd_item_is_read_or_refused_and_never_breaks_the_reader(odd: dict[str, object]) -> None:
    body = ask(input=[{"role": "user", "content": "x", **odd}], tools=[odd], metadata=odd)
    try:
        before = read_request(body).texts
    except ClientError:
        return
    after = tuple(replace(text, value="?") for text in before)
    assert b'"x"' not in write(body, before, after)


def test_every_text_of_a_reply_is_found() -> None:
    items = [message("one"), message("two", "refusal"), reasoning("three"), call('{"k": "four"}'), custom("five")]
    found = read_response(json.dumps(response(items, instructions="six", metadata={"id": "seven"})).encode())
    assert {"one", "two", "three", "k", "four", "five", "six", "seven"} <= {text.value for text in found.texts}
    assert "gAAAAABk" not in {text.value for text in found.texts}
    assert (found.id, found.model, found.finish_reasons) == ("resp_1", "m", ("tool_calls",))
    assert found.usage == Usage(9, 7, 4, 2)


def test_a_reply_is_edited_in_place() -> None:
    part = {"type": "output_text", "text": "one", "logprobs": [{"token": "one"}]}
    items = [{"type": "message", "content": [part]}, call('{"k": "one"}')]
    body = json.dumps(response(items)).encode()
    before = read_response(body).texts
    after = tuple(replace(text, value="?") if text.value == "one" else text for text in before)
    output = json.loads(write(body, before, after))["output"]
    assert output[0]["content"] == [{"type": "output_text", "text": "?", "logprobs": None}]
    assert output[1]["arguments"] == '{"k": "?"}'


@pytest.mark.parametrize("body", [b"", b"[]", b"{}", b'{"output":1}', b'{"output":[1]}', b'{"output":[],"output":[]}'])
def test_a_reply_that_is_no_response_is_unreadable(body: bytes) -> None:
    with pytest.raises(UnreadableReply):
        read_response(body)


@pytest.mark.parametrize(
    ("members", "why"),
    [
        ({}, ""),
        ({"temperature": 0}, ""),
        ({"tools": [{"type": "function", "name": "f"}, {"type": "custom", "name": "c"}]}, ""),
        ({"store": True}, "store"),
        ({"store": None}, "store"),
        ({"temperature": 0.1}, "temperature"),
        ({"background": True}, "background"),
        ({"previous_response_id": "resp_1"}, "previous_response_id"),
        ({"conversation": "conv_1"}, "conversation"),
        ({"prompt": {"id": "p"}}, "prompt"),
        ({"top_logprobs": 2}, "top_logprobs"),
        ({"tools": [{"type": "web_search"}]}, "tools"),
        ({"tools": [1]}, "tools"),
        ({"input": [{"type": "item_reference", "id": "x"}]}, "item_reference"),
        ({"input": [{"id": "x"}]}, "item_reference"),
    ],
)
def test_what_is_no_matter_of_the_question_alone_is_not_cached(members: dict[str, object], why: str) -> None:
    assert uncacheable({"model": "m", "input": "x", "store": False, **members}) == why


def test_a_question_that_leaves_storing_to_the_api_is_not_cached() -> None:
    assert uncacheable({"model": "m", "input": "x"}) == "store"


def test_what_a_response_repeats_of_who_asked_is_part_of_the_question() -> None:
    noise = {"stream": True, "stream_options": {}, "prompt_cache_key": "k"}
    said = {"model": "m", "input": "x", "user": "u", "metadata": {}, "safety_identifier": "s", "include": ["y"]}
    assert essence({**said, **noise}) == said


@pytest.mark.parametrize(
    ("reply", "why"),
    [
        (response([message("x")]), ""),
        (response([reasoning("y"), message("x")]), ""),
        (response([message("")]), "no_answer"),
        (response([message("x", "refusal")]), "no_answer"),
        (response([]), "no_answer"),
        ({"output": None}, "no_answer"),
        (response([message("x")], error={"code": "c"}), "no_answer"),
        (response([message("x"), call("{}")]), "tool_calls"),
        (response([message("x"), custom("y")]), "tool_calls"),
        (response([message("x"), {"type": "web_search_call"}]), "tool_calls"),
        (response([message("x"), 1]), "tool_calls"),  # type: ignore[list-item]
        (response([message("x")], "incomplete"), "unfinished"),
        (response([message("x")], "in_progress"), "unfinished"),
    ],
)
def test_what_is_no_whole_answer_of_words_is_not_stored(reply: dict[str, Any], why: str) -> None:
    assert unstorable(reply) == why
