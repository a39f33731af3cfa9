"""Cursor's bodies as chats: nothing that was said is lost, and what cannot be translated is refused by its name."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from openai.types.chat.completion_create_params import CompletionCreateParamsBase, CompletionCreateParamsNonStreaming
from openai.types.responses.response_create_params import ResponseCreateParamsBase
from pydantic import TypeAdapter

from extproc.dialects import openai_chat
from extproc.dialects.cursor import as_chat
from extproc.model import ClientError

Json = dict[str, Any]
SHARED = CompletionCreateParamsBase.__annotations__.keys() & ResponseCreateParamsBase.__annotations__.keys()
CHAT: TypeAdapter[Any] = TypeAdapter(CompletionCreateParamsNonStreaming)
HELLO = [{"role": "user", "content": "hello"}]


def chat(**members: Any) -> Json:
    """The translation of a Responses-shaped body with these members."""
    body = {"model": "m", "input": "hello", **members}
    found: Json = json.loads(as_chat(json.dumps(body).encode()))
    return found


def conversation(*items: Json) -> list[Json]:
    found: list[Json] = chat(input=list(items))["messages"]
    return found


def refusal(body: Json) -> ClientError:
    with pytest.raises(ClientError) as error:
        as_chat(json.dumps(body).encode())
    return error.value


# --- a chat is one already --------------------------------------------------------------------------------------------

CALL = {"id": "call_1", "type": "function", "function": {"name": "f", "arguments": "{}"}}


@pytest.mark.parametrize(
    "body",
    [
        {"model": "m", "messages": HELLO},
        {"messages": HELLO, "model": "m", "stream": True, "stream_options": {"include_usage": True}, "unknown": [1, None]},
        {"model": "m", "messages": HELLO, "tools": [], "tool_choice": "auto", "temperature": None},
        {"model": "m", "messages": HELLO, "tools": [{"type": "function", "function": {"name": "f", "parameters": {}}}]},
        {"model": "m", "messages": HELLO, "tools": [{"type": "custom", "custom": {"name": "f"}}], "tool_choice": {"type": "custom", "custom": {"name": "f"}}},
        {"model": "m", "messages": [{"role": "user", "content": [{"type": "text", "text": "x", "cache_control": {}}, {"type": "image_url", "image_url": {"url": "u"}}]}]},
        {"model": "m", "messages": [{"role": "user", "content": [{"type": "nobody_knows", "x": 1}]}]},
        {"model": "m", "messages": [*HELLO, {"role": "assistant", "content": "a"}, {"role": "assistant", "content": None, "tool_calls": [CALL]}, {"role": "tool", "tool_call_id": "call_1", "content": "gave"}]},
    ],
)  # fmt: skip
def test_a_chat_passes_byte_for_byte(body: Json) -> None:
    written = json.dumps(body, indent=1).encode()
    assert as_chat(written) is written


# --- the conversation -------------------------------------------------------------------------------------------------


def test_a_string_is_what_the_user_says() -> None:
    assert chat() == {"model": "m", "messages": HELLO}


def test_instructions_are_the_first_message() -> None:
    assert chat(instructions="Be brief.")["messages"] == [{"role": "system", "content": "Be brief."}, *HELLO]


@pytest.mark.parametrize("role", ["system", "developer", "user", "assistant"])
@pytest.mark.parametrize("kind", [{"type": "message"}, {}])
def test_a_message_keeps_its_role_and_text(role: str, kind: Json) -> None:
    part = "output_text" if role == "assistant" else "input_text"
    more = {"id": "msg_1", "status": "completed", "phase": "commentary"}
    assert conversation(
        {**kind, **more, "role": role, "content": [{"type": part, "text": "x", "annotations": []}]}
    ) == [{"role": role, "content": "x"}]
    assert conversation({**kind, "role": role, "content": "x"}) == [{"role": role, "content": "x"}]


def test_several_parts_stay_parts_in_their_order() -> None:
    parts = [
        {"type": "input_text", "text": "what is this?"},
        {"type": "input_image", "image_url": "data:image/png;base64,AAAA", "detail": "high"},
        {"type": "input_file", "filename": "a.pdf", "file_data": "data:application/pdf;base64,AAAA"},
        {"type": "text", "text": "and this?"},
        {"type": "image_url", "image_url": {"url": "https://example.com/a.png"}},
    ]
    assert conversation({"role": "user", "content": parts})[0]["content"] == [
        {"type": "text", "text": "what is this?"},
        {"type": "image_url", "image_url": {"url": "data:image/png;base64,AAAA", "detail": "high"}},
        {"type": "file", "file": {"filename": "a.pdf", "file_data": "data:application/pdf;base64,AAAA"}},
        {"type": "text", "text": "and this?"},
        {"type": "image_url", "image_url": {"url": "https://example.com/a.png"}},
    ]


def test_a_break_of_the_providers_cache_stays_where_it_is() -> None:
    mark = {"prompt_cache_breakpoint": {"mode": "explicit"}}
    parts = [{"type": "input_text", "text": "x", **mark}, {"type": "input_image", "image_url": "u", **mark}]
    assert conversation({"role": "user", "content": parts})[0]["content"] == [
        {"type": "text", "text": "x", **mark},
        {"type": "image_url", "image_url": {"url": "u"}, **mark},
    ]
    assert conversation({"role": "user", "content": parts[:1]})[0]["content"] == [{"type": "text", "text": "x", **mark}]


def call(number: int) -> Json:
    return {"type": "function_call", "id": f"fc_{number}", "call_id": f"call_{number}", "name": "f", "arguments": '{"a":1}', "status": "completed"}  # fmt: skip


def gave(number: int, output: object = "found") -> Json:
    return {"type": "function_call_output", "call_id": f"call_{number}", "output": output}


def called(*numbers: int) -> list[Json]:
    return [{"id": f"call_{n}", "type": "function", "function": {"name": "f", "arguments": '{"a":1}'}} for n in numbers]


def told(number: int, content: object = "found") -> Json:
    return {"role": "tool", "tool_call_id": f"call_{number}", "content": content}


def test_calls_made_together_are_one_message_with_what_was_said_before_them() -> None:
    said = {"type": "message", "role": "assistant", "content": [{"type": "output_text", "text": "I look."}]}
    assert conversation(said, call(1), call(2), gave(1), gave(2)) == [
        {"role": "assistant", "content": "I look.", "tool_calls": called(1, 2)},
        told(1),
        told(2),
    ]


def test_calls_made_one_after_another_are_a_message_each() -> None:
    assert conversation(call(1), gave(1), call(2), gave(2)) == [
        {"role": "assistant", "content": None, "tool_calls": called(1)},
        told(1),
        {"role": "assistant", "content": None, "tool_calls": called(2)},
        told(2),
    ]


def test_what_a_tool_gave_may_be_parts_of_text() -> None:
    one, two = {"type": "input_text", "text": "a"}, {"type": "output_text", "text": "b"}
    assert conversation(call(1), gave(1, [one]))[-1] == told(1, "a")
    assert conversation(call(1), gave(1, [one, two]))[-1]["content"] == [
        {"type": "text", "text": "a"},
        {"type": "text", "text": "b"},
    ]
    assert conversation(call(1), gave(1, []))[-1] == told(1, "")


def test_calls_of_custom_tools_are_custom_calls() -> None:
    item = {"type": "custom_tool_call", "call_id": "call_1", "name": "patch", "input": "*** Begin"}
    output = {"type": "custom_tool_call_output", "call_id": "call_1", "output": "done"}
    custom = {"id": "call_1", "type": "custom", "custom": {"name": "patch", "input": "*** Begin"}}
    assert conversation(item, output) == [
        {"role": "assistant", "content": None, "tool_calls": [custom]},
        told(1, "done"),
    ]


def test_reasoning_is_left_out() -> None:
    thought = {"type": "reasoning", "id": "rs_1", "summary": [], "encrypted_content": "gAAAA"}
    assert conversation(*HELLO, thought, call(1), gave(1))[1:] == [
        {"role": "assistant", "content": None, "tool_calls": called(1)},
        told(1),
    ]


def test_a_chats_message_among_items_is_one() -> None:
    assistant = {"role": "assistant", "content": None, "tool_calls": called(1)}
    assert conversation(*HELLO, assistant, told(1)) == [*HELLO, assistant, told(1)]
    assert conversation(*HELLO, {**assistant, "tool_calls": called(1)}, call(2))[1]["tool_calls"] == called(1, 2)


USE = {"type": "tool_use", "id": "call_1", "name": "f", "input": {"a": 1}}
RESULT = {"type": "tool_result", "tool_use_id": "call_1", "content": [{"type": "text", "text": "found"}]}


@pytest.mark.parametrize("name", ["input", "messages"])
def test_parts_of_anthropics_are_calls_and_what_tools_gave(name: str) -> None:
    assistant = {
        "role": "assistant",
        "content": [{"type": "thinking", "thinking": "hm"}, {"type": "text", "text": "I look."}, USE],
    }
    user = {"role": "user", "content": [RESULT, {"type": "text", "text": "go on"}]}
    found = json.loads(as_chat(json.dumps({"model": "m", name: [assistant, user]}).encode()))["messages"]
    function = {"name": "f", "arguments": '{"a": 1}'}
    said = "I look." if name == "input" else [{"type": "text", "text": "I look."}]
    more = "go on" if name == "input" else [{"type": "text", "text": "go on"}]
    assert found == [
        {
            "role": "assistant",
            "content": said,
            "tool_calls": [{"id": "call_1", "type": "function", "function": function}],
        },
        told(1),
        {"role": "user", "content": more},
    ]
    assert conversation({"role": "assistant", "content": [USE]})[0]["content"] is None
    assert conversation(call(1), {"role": "user", "content": [RESULT]})[1:] == [told(1)]


def test_a_picture_of_anthropics_is_an_image() -> None:
    source = {"type": "base64", "media_type": "image/png", "data": "AAAA"}
    assert conversation({"role": "user", "content": [{"type": "image", "source": source}]})[0]["content"] == [
        {"type": "image_url", "image_url": {"url": "data:image/png;base64,AAAA"}}
    ]


def test_of_two_conversations_the_messages_are_the_whole_one() -> None:
    assert chat(messages=[{"role": "user", "content": "all"}])["messages"] == [{"role": "user", "content": "all"}]
    assert chat(messages=[])["messages"] == HELLO


# --- tools ------------------------------------------------------------------------------------------------------------

SCHEMA = {"type": "object", "properties": {"a": {"type": "integer"}}}
NESTED = {"type": "function", "function": {"name": "f", "description": "d", "parameters": SCHEMA}}
GRAMMAR = {"syntax": "lark", "definition": "start: x"}


@pytest.mark.parametrize(
    ("tool", "found"),
    [
        (NESTED, NESTED),
        ({"type": "function", "name": "f", "description": "d", "parameters": SCHEMA}, NESTED),
        ({"name": "f", "description": "d", "parameters": SCHEMA, "strict": None}, NESTED),
        ({"name": "f", "description": "d", "input_schema": SCHEMA}, NESTED),
        ({"type": "custom", "name": "f", "description": "d", "input_schema": SCHEMA, "cache_control": {"type": "ephemeral"}}, NESTED),
        ({"type": "function", "name": "f", "strict": False, "defer_loading": False}, {"type": "function", "function": {"name": "f", "strict": False}}),
        ({"type": "custom", "name": "p", "format": {"type": "grammar", **GRAMMAR}}, {"type": "custom", "custom": {"name": "p", "format": {"type": "grammar", "grammar": GRAMMAR}}}),
        ({"type": "custom", "name": "p", "format": {"type": "text"}}, {"type": "custom", "custom": {"name": "p", "format": {"type": "text"}}}),
        ({"type": "custom", "name": "p", "description": "d"}, {"type": "custom", "custom": {"name": "p", "description": "d"}}),
    ],
)  # fmt: skip
@pytest.mark.parametrize("name", ["input", "messages"])
def test_every_kind_of_tool_is_nested(tool: Json, found: Json, name: str) -> None:
    body = {"model": "m", name: HELLO, "tools": [tool, NESTED]}
    assert json.loads(as_chat(json.dumps(body).encode()))["tools"] == [found, NESTED]


@pytest.mark.parametrize(
    ("given_", "found"),
    [
        ("auto", "auto"),
        ("required", "required"),
        ("any", "required"),
        ({"type": "auto"}, "auto"),
        ({"type": "none"}, "none"),
        ({"type": "any"}, "required"),
        ({"type": "tool", "name": "f"}, {"type": "function", "function": {"name": "f"}}),
        ({"type": "function", "name": "f"}, {"type": "function", "function": {"name": "f"}}),
        ({"type": "function", "function": {"name": "f"}}, {"type": "function", "function": {"name": "f"}}),
        ({"type": "custom", "name": "p"}, {"type": "custom", "custom": {"name": "p"}}),
        (
            {"type": "allowed_tools", "mode": "required", "tools": [{"type": "function", "name": "f"}]},
            {"type": "allowed_tools", "allowed_tools": {"mode": "required", "tools": [{"type": "function", "function": {"name": "f"}}]}},
        ),
    ],
)  # fmt: skip
def test_the_choice_of_a_tool_is_a_chats(given_: object, found: object) -> None:
    assert chat(tools=[NESTED], tool_choice=given_)["tool_choice"] == found


def test_without_tools_nothing_is_said_of_them() -> None:
    assert chat(tools=[], tool_choice="auto", parallel_tool_calls=True).keys() == {"model", "messages"}


# --- other members ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("members", "found"),
    [
        ({"max_output_tokens": 9}, {"max_completion_tokens": 9}),
        ({"reasoning": {"effort": "high", "summary": "auto"}}, {"reasoning_effort": "high"}),
        ({"reasoning": {"summary": "auto"}}, {}),
        ({"text": {"verbosity": "low"}}, {"verbosity": "low"}),
        ({"text": {"format": {"type": "text"}}}, {}),
        ({"text": {"format": {"type": "json_object"}}}, {"response_format": {"type": "json_object"}}),
        (
            {"text": {"format": {"type": "json_schema", "name": "n", "schema": SCHEMA, "strict": True}}},
            {"response_format": {"type": "json_schema", "json_schema": {"name": "n", "schema": SCHEMA, "strict": True}}},
        ),
        ({"include": ["reasoning.encrypted_content"]}, {}),
        ({"include": ["message.output_text.logprobs"], "top_logprobs": 2}, {"logprobs": True, "top_logprobs": 2}),
        ({"truncation": "auto", "background": False, "previous_response_id": None, "temperature": None}, {}),
        ({"stream": True, "stream_options": {"include_usage": True}}, {"stream": True, "stream_options": {"include_usage": True}}),
        ({"temperature": 0.5, "top_p": 1, "user": "u", "store": False, "metadata": {"a": "b"}}, {"temperature": 0.5, "top_p": 1, "user": "u", "store": False, "metadata": {"a": "b"}}),
    ],
)  # fmt: skip
def test_members_have_a_chats_names(members: Json, found: Json) -> None:
    assert chat(**members) == {"model": "m", "messages": HELLO, **found}


@pytest.mark.parametrize("name", sorted(SHARED - {"model", "stream", "tools", "tool_choice", "parallel_tool_calls"}))
def test_what_both_of_openais_apis_have_passes(name: str) -> None:
    """By the members of its own SDK's types."""
    assert chat(**{name: {"any": "value"}})[name] == {"any": "value"}


@pytest.mark.parametrize(
    ("members", "names"),
    [
        ({"previous_response_id": "resp_1"}, "previous_response_id"),
        ({"conversation": "conv_1"}, "conversation"),
        ({"prompt": {"id": "p"}}, "prompt"),
        ({"background": True}, "background"),
        ({"max_tool_calls": 3}, "max_tool_calls"),
        ({"something_new": 1}, "something_new"),
        ({"include": ["file_search_call.results"]}, "include[0]"),
        ({"include": "all"}, "include"),
        ({"reasoning": {"effort": "low", "mode": "x"}}, "reasoning.mode"),
        ({"reasoning": "high"}, "reasoning"),
        ({"text": {"style": "x"}}, "text.style"),
        ({"text": "brief"}, "text"),
        ({"text": {"format": {"type": "xml"}}}, "text.format"),
        ({"instructions": 5}, "instructions"),
        ({"input": None}, "input"),
        ({"input": []}, "input"),
        ({"input": 5}, "input"),
        ({"input": ["x"]}, "input[0]"),
        ({"input": [{"type": "web_search_call", "id": "ws"}]}, "input[0].type"),
        ({"input": [*HELLO, {"type": "item_reference", "id": "x"}]}, "input[1].type"),
        ({"input": [{"id": "x"}]}, "input[0].type"),
        ({"input": [{"role": "critic", "content": "x"}]}, "input[0].role"),
        ({"input": [{"role": "user", "content": 5}]}, "input[0].content"),
        ({"input": [{"role": "user"}]}, "input[0].content"),
        ({"input": [{"role": "user", "content": "x", "mood": "bad"}]}, "input[0].mood"),
        ({"input": [{"role": "user", "content": ["x"]}]}, "input[0].content[0]"),
        ({"input": [{"role": "user", "content": [{"type": "input_text", "text": "x"}, None]}]}, "input[0].content[1]"),
        ({"input": [{"role": "user", "content": [{"type": "input_video"}]}]}, "input[0].content[0].type"),
        ({"input": [{"role": "user", "content": [{"type": "input_text"}]}]}, "input[0].content[0].text"),
        ({"input": [{"role": "user", "content": [{"type": "input_image", "file_id": "f"}]}]}, "input[0].content[0].file_id"),
        ({"input": [{"role": "user", "content": [{"type": "input_file", "file_url": "u"}]}]}, "input[0].content[0].file_url"),
        ({"input": [{"role": "user", "content": [{"type": "image", "source": {"type": "file"}}]}]}, "input[0].content[0].source"),
        ({"input": [{"role": "system", "content": [{"type": "input_image", "image_url": "u"}]}]}, "input[0].content[0].type"),
        ({"input": [{**call(1), "namespace": "n"}]}, "input[0].namespace"),
        ({"input": [{**call(1), "arguments": {}}]}, "input[0].arguments"),
        ({"input": [call(1), gave(1, [{"type": "input_image", "image_url": "u"}])]}, "input[1].output[0].type"),
        ({"input": [call(1), gave(1, None)]}, "input[1].output"),
        ({"input": [{"role": "assistant", "content": [{"type": "tool_use", "id": "x"}]}]}, "input[0].content[0].name"),
        ({"input": [{"role": "user", "content": [{"type": "tool_result"}]}]}, "input[0].content[0].tool_use_id"),
        ({"tools": {"a": 1}}, "tools"),
        ({"tools": [5]}, "tools[0]"),
        ({"tools": [NESTED, {"type": "web_search"}]}, "tools[1].type"),
        ({"tools": [{"type": "mcp", "name": "x"}]}, "tools[0].type"),
        ({"tools": [{"type": "function", "name": "f", "defer_loading": True}]}, "tools[0].defer_loading"),
        ({"tools": [{"type": "custom", "name": "f", "format": {"type": "regex"}}]}, "tools[0].format.type"),
        ({"tools": [NESTED], "tool_choice": 5}, "tool_choice"),
        ({"tools": [NESTED], "tool_choice": {"type": "web_search"}}, "tool_choice.type"),
        ({"tools": [NESTED], "tool_choice": {"type": "tool"}}, "tool_choice.name"),
        ({"tools": [NESTED], "tool_choice": {"type": "allowed_tools", "tools": [{"type": "mcp"}]}}, "tool_choice.tools[0].type"),
    ],
)  # fmt: skip
def test_what_a_chat_cannot_say_is_refused_by_its_name(members: Json, names: str) -> None:
    error = refusal({"model": "m", "input": "hello", **members})
    assert error.status == 400 and str(error).startswith(f"{names}: ")
    assert error.reason in ("untranslatable", "invalid_type")


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b'{"a":1,"a":2}', b"\xff"])
def test_what_is_no_body_is_refused_as_everywhere(body: bytes) -> None:
    with pytest.raises(ClientError) as error:
        as_chat(body)
    assert error.value.status == (422 if body == b"[]" else 400)


def test_numbers_and_characters_that_are_hard_to_write_are_kept() -> None:
    body = b'{"model":"m","input":"\\ud800","metadata":{"n":123456789012345678901234567890}}'
    found = json.loads(as_chat(body))
    assert found["messages"][0]["content"] == "\ud800" and found["metadata"]["n"] == 123456789012345678901234567890


def test_many_calls_take_no_more_than_their_number() -> None:
    many = 20_000
    found = conversation(*(call(number) for number in range(many)))
    assert len(found) == 1 and len(found[0]["tool_calls"]) == many


# --- whatever is said -------------------------------------------------------------------------------------------------

words = st.text(alphabet=st.characters(codec="utf-8"), min_size=1, max_size=8).map(lambda text: f"<{text}>")
ids = st.integers(0, 9).map(lambda n: f"call_{n}")
plain = st.builds(
    lambda kind, text: {"type": kind, "text": text}, st.sampled_from(["input_text", "output_text", "text"]), words
)
picture = st.builds(lambda text: {"type": "input_image", "image_url": text}, words)
message = st.builds(
    lambda role, content: {"type": "message", "role": role, "content": content},
    st.sampled_from(["system", "developer", "user", "assistant"]),
    words | st.lists(plain, min_size=1, max_size=3),
) | st.builds(
    lambda content: {"type": "message", "role": "user", "content": content},
    st.lists(plain | picture, min_size=1, max_size=3),
)
calling = st.builds(
    lambda id_, name, said: {"type": "function_call", "call_id": id_, "name": name, "arguments": said},
    ids,
    words,
    words,
)
custom = st.builds(
    lambda id_, name, said: {"type": "custom_tool_call", "call_id": id_, "name": name, "input": said}, ids, words, words
)
output = st.builds(
    lambda kind, id_, said: {"type": kind, "call_id": id_, "output": said},
    st.sampled_from(["function_call_output", "custom_tool_call_output"]), ids, words | st.lists(plain, min_size=1, max_size=3),
)  # fmt: skip
tool = st.builds(
    lambda name, text: {"type": "function", "name": name, "description": text, "parameters": {"type": "object"}},
    words,
    words,
)
grammar = st.builds(
    lambda name, text: {
        "type": "custom",
        "name": name,
        "format": {"type": "grammar", "syntax": "lark", "definition": text},
    },
    words,
    words,
)
bodies = st.fixed_dictionaries(
    {"model": st.just("m"), "input": words | st.lists(message | calling | custom | output, min_size=1, max_size=6)},
    optional={
        "instructions": words,
        "tools": st.lists(tool | grammar, min_size=1, max_size=3),
        "stream": st.booleans(),
        "metadata": st.dictionaries(words, words, max_size=2),
        "reasoning": st.just({"effort": "low"}),
    },
)  # fmt: skip


def said(value: object) -> list[str]:
    """Every made-up word in a body, sorted."""
    if isinstance(value, str):
        return [value] if value.startswith("<") else []
    if isinstance(value, dict):
        return sorted(word for key, child in value.items() for word in said(key) + said(child))
    return sorted(word for child in value for word in said(child)) if isinstance(value, list) else []


@given(bodies)
def test_every_word_is_there_once_and_policies_read_all_that_they_read_of_a_chat(body: Json) -> None:
    translated = as_chat(json.dumps(body, ensure_ascii=False).encode())
    found = json.loads(translated)
    assert said(found) == said(body)
    assert not {"input", "instructions", "reasoning", "text"} & found.keys()
    request = openai_chat.read_request(translated)
    read = " ".join(text.value for text in request.texts)
    spoken = [each for item in found["messages"] for each in said(item.get("content"))]
    assert all(word in read for word in spoken)
    assert as_chat(translated) is translated


def listed(value: object) -> object:
    """The value with its lazy lists read: pydantic checks each member of one as it comes."""
    if isinstance(value, dict):
        return {key: listed(child) for key, child in value.items()}
    if isinstance(value, str | int | float | bool | None):
        return value
    return [listed(child) for child in value]  # type: ignore[attr-defined]


@given(bodies)
def test_what_is_made_is_what_openais_own_types_take_and_has_no_member_besides(body: Json) -> None:
    body.pop("stream", None)
    found = json.loads(as_chat(json.dumps(body).encode()))
    assert listed(CHAT.validate_python(found)) == found


@given(bodies)
def test_what_a_tool_gave_keeps_its_place(body: Json) -> None:
    items = body["input"] if isinstance(body["input"], list) else []
    outputs = [item["call_id"] for item in items if str(item["type"]).endswith("_output")]
    calls = [item["call_id"] for item in items if str(item["type"]).endswith("_call")]
    found = json.loads(as_chat(json.dumps(body).encode()))["messages"]
    assert [each["tool_call_id"] for each in found if each["role"] == "tool"] == outputs
    assert [each["id"] for message in found for each in message.get("tool_calls", ())] == calls


KINDS = [
    "message", "function_call", "function_call_output", "custom_tool_call", "reasoning", "text", "input_text", "input_image",
    "image_url", "image", "input_file", "file", "refusal", "tool_use", "tool_result", "function", "custom", "grammar",
    "allowed_tools", "json_schema", "thinking",
]  # fmt: skip
ROLES = ["assistant", "user", "tool", "system"]
scalars = st.none() | st.booleans() | st.integers(0, 9) | words
anything = scalars | st.lists(scalars, max_size=2) | st.dictionaries(words, scalars, max_size=2)


def odd(inner: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    """Objects with the APIs' members, most of the right type, any of them wrong."""
    return st.fixed_dictionaries(
        {"type": st.sampled_from(KINDS) | anything},
        optional={
            "role": st.sampled_from(ROLES) | anything,
            "content": words | st.lists(inner, max_size=3) | anything,
            "tool_calls": st.lists(inner, max_size=2) | anything,
            **dict.fromkeys(("call_id", "id", "name", "arguments", "text", "tool_use_id"), words | anything),
            **{name: words | inner | st.lists(inner, max_size=2) | anything for name in ("input", "output", "tools")},
            **dict.fromkeys(("function", "custom", "format", "source", "image_url", "file"), inner | anything),
        },
    )


oddities = odd(odd(odd(anything)))
hostile = st.fixed_dictionaries(
    {"input": st.lists(oddities, min_size=1, max_size=4)},
    optional={
        "messages": st.lists(oddities, max_size=4) | anything,
        "tools": st.lists(oddities, max_size=2) | anything,
        **dict.fromkeys(("instructions", "system", "tool_choice", "text", "reasoning"), oddities | anything),
        "include": st.lists(anything, max_size=2) | anything,
    },
)


def outcome(value: Json) -> Json | ClientError:
    try:
        found: Json = json.loads(as_chat(json.dumps(value).encode()))
    except ClientError as error:
        return error
    return found


@given(hostile)
def test_whatever_comes_is_translated_or_refused(value: Json) -> None:
    found = outcome(value)
    assert found.status == 400 if isinstance(found, ClientError) else isinstance(found["messages"], list)
