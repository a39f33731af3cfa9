"""Calls of tools are read alike in every dialect, from bodies and from streams."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import orjson
import pytest

from extproc.dialects import UnreadableReply
from extproc.dialects.calls import asked, called, streamed
from extproc.model import ToolCall, ToolResult

ARGUMENTS = '{"city":"Bern"}'
CALL = ToolCall("weather", ARGUMENTS)
BUILT_IN = ToolCall("web_search", '{"action":{"query":"rain"}}')

CHAT_CALL = {"id": "c1", "type": "function", "function": {"name": "weather", "arguments": ARGUMENTS}}
BLOCK = {"type": "tool_use", "id": "c1", "name": "weather", "input": {"city": "Bern"}}
ITEM = {"type": "function_call", "id": "f1", "call_id": "c1", "name": "weather", "arguments": ARGUMENTS}
SEARCH = {"type": "web_search_call", "id": "w1", "status": "completed", "action": {"query": "rain"}}


def data(*events: Mapping[str, Any]) -> list[bytes]:
    return [*map(orjson.dumps, events), b"[DONE]"]


def read(dialect: str, body: Mapping[str, Any]) -> tuple[ToolCall, ...]:
    return called(dialect, orjson.dumps(body))


# --- requests ---


@pytest.mark.parametrize(
    ("dialect", "body", "result"),
    [
        ("openai-chat",
         {"messages": [{"role": "user", "content": "?"}, {"role": "assistant", "tool_calls": [CHAT_CALL]},
                       {"role": "tool", "tool_call_id": "c1", "content": "rain"}]}, ToolResult("weather", 4)),
        ("openai-chat",
         {"messages": [{"role": "assistant", "tool_calls": [CHAT_CALL]},
                       {"role": "tool", "tool_call_id": "c1", "content": [{"type": "text", "text": "rain"}]}]}, ToolResult("weather", 4)),
        ("openai-chat",
         {"messages": [{"role": "assistant", "function_call": {"name": "weather", "arguments": ARGUMENTS}},
                       {"role": "function", "name": "weather", "content": "rain"}]}, ToolResult("weather", 4)),
        ("anthropic-messages",
         {"messages": [{"role": "assistant", "content": [{"type": "text", "text": "so"}, BLOCK]},
                       {"role": "user", "content": [{"type": "tool_result", "tool_use_id": "c1", "content": "rain"}]}]}, ToolResult("weather", 4)),
        ("anthropic-count-tokens",
         {"messages": [{"role": "assistant", "content": [BLOCK]},
                       {"role": "user", "content": [{"type": "tool_result", "tool_use_id": "c1", "is_error": True, "content": [{"type": "text", "text": "rain"}]}]}]},
         ToolResult("weather", 4, failed=True)),
        ("openai-responses",
         {"input": [{"role": "user", "content": "?"}, ITEM, {"type": "function_call_output", "call_id": "c1", "output": "rain"}]}, ToolResult("weather", 4)),
        ("openai-responses",
         {"input": [ITEM, {"type": "function_call_output", "call_id": "c1", "status": "incomplete", "output": "rain"}]}, ToolResult("weather", 4, failed=True)),
    ],
)  # fmt: skip
def test_a_conversation_holds_a_call_and_its_result(dialect: str, body: dict[str, Any], result: ToolResult) -> None:
    assert asked(dialect, orjson.dumps(body)) == ((CALL,), (result,))


@pytest.mark.parametrize("dialect", ["openai-completions", "openai-embeddings"])
def test_these_know_no_tools(dialect: str) -> None:
    body = orjson.dumps({"prompt": "a", "input": [ITEM], "messages": [{"tool_calls": [CHAT_CALL]}]})
    assert asked(dialect, body) == ((), ()) and called(dialect, body) == () and streamed(dialect, [body]) == ()


def test_a_result_whose_call_is_not_there_is_nobodys() -> None:
    body = {"messages": [{"role": "tool", "tool_call_id": "gone", "content": "rain"}]}
    assert asked("openai-chat", orjson.dumps(body)) == ((), (ToolResult("", 4),))


def test_a_dialect_that_is_not_listed_is_an_error_and_not_silence() -> None:
    for find in (asked, called):
        with pytest.raises(KeyError):
            find("openai-speech", b"{}")
    with pytest.raises(KeyError):
        streamed("openai-speech", [])


# --- replies ---


@pytest.mark.parametrize(
    ("dialect", "body", "calls"),
    [
        ("openai-chat", {"choices": [{"message": {"role": "assistant", "tool_calls": [CHAT_CALL]}}]}, (CALL,)),
        ("openai-chat", {"choices": [{"message": {"tool_calls": [CHAT_CALL, CHAT_CALL]}}, {"message": {"content": "x"}}]}, (CALL, CALL)),
        ("openai-chat", {"choices": [{"message": {"function_call": {"name": "weather", "arguments": ARGUMENTS}}}]}, (CALL,)),
        ("openai-chat", {"choices": [{"message": {"tool_calls": [{"type": "custom", "custom": {"name": "sh", "input": "ls"}}]}}]}, (ToolCall("sh", "ls"),)),
        ("openai-chat", {"choices": [{"message": {"tool_calls": None, "function_call": None, "content": "x"}}]}, ()),
        ("anthropic-messages", {"content": [{"type": "text", "text": "x"}, BLOCK]}, (CALL,)),
        ("anthropic-messages", {"content": [{**BLOCK, "type": "server_tool_use"}, {**BLOCK, "type": "mcp_tool_use"}]}, (CALL, CALL)),
        ("openai-responses", {"output": [{"type": "message", "content": []}, ITEM, SEARCH]}, (CALL, BUILT_IN)),
        ("openai-responses", {"output": [{"type": "custom_tool_call", "call_id": "c", "name": "sh", "input": "ls"}]}, (ToolCall("sh", "ls"),)),
        ("openai-responses", {"object": "list", "data": [ITEM]}, (CALL,)),
        ("anthropic-count-tokens", {"input_tokens": 5}, ()),
    ],
)  # fmt: skip
def test_a_reply_holds_calls(dialect: str, body: dict[str, Any], calls: tuple[ToolCall, ...]) -> None:
    assert read(dialect, body) == calls


@pytest.mark.parametrize(
    ("dialect", "body"),
    [
        ("openai-chat", {"choices": [{"message": {"tool_calls": [7]}}]}),
        ("openai-chat", {"choices": [{"message": {"tool_calls": {"function": 7}}}]}),
        ("openai-chat", {"choices": [{"message": {"tool_calls": [{"function": {"name": 7}}]}}]}),
        ("openai-chat", {"choices": [{"message": {"function_call": "weather"}}]}),
        ("anthropic-messages", {"content": [{"type": "tool_use", "name": ["weather"]}]}),
        ("openai-responses", {"output": [{"type": "function_call", "arguments": "{}"}]}),
    ],
)  # fmt: skip
def test_a_call_that_does_not_say_of_what_is_one_of_no_tool(dialect: str, body: dict[str, Any]) -> None:
    assert [call.name for call in read(dialect, body)] == [""]


# --- streams ---


def chunk(*calls: Mapping[str, Any], choice: int = 0) -> dict[str, Any]:
    return {"choices": [{"index": choice, "delta": {"tool_calls": list(calls)}}]}


def test_a_chats_calls_grow_apart_by_choice_and_index() -> None:
    events = data(
        {"choices": [{"index": 0, "delta": {"role": "assistant", "content": None}}]},
        chunk({"index": 0, "id": "c1", "function": {"name": "weather", "arguments": ""}}),
        chunk({"index": 1, "id": "c2", "function": {"name": "time", "arguments": "{"}}),
        chunk({"index": 0, "function": {"arguments": '{"city":'}}, {"index": 1, "function": {"arguments": "}"}}),
        chunk({"index": 0, "function": {"name": "other", "arguments": "{}"}}, choice=1),
        chunk({"index": 0, "function": {"arguments": '"Bern"}'}}),
        {"choices": [], "usage": {}},
    )
    assert streamed("openai-chat", events) == (CALL, ToolCall("time", "{}"), ToolCall("other", "{}"))


def test_so_does_a_chats_old_function_call_and_a_custom_one() -> None:
    events = data(
        {"choices": [{"index": 0, "delta": {"function_call": {"name": "weather", "arguments": ""}}}]},
        {"choices": [{"index": 0, "delta": {"function_call": {"arguments": ARGUMENTS}}}]},
        chunk({"index": 0, "type": "custom", "custom": {"name": "sh", "input": "l"}}),
        chunk({"index": 0, "custom": {"input": "s"}}),
    )
    assert streamed("openai-chat", events) == (CALL, ToolCall("sh", "ls"))


@pytest.mark.parametrize("cut", range(len(ARGUMENTS) + 1))
def test_where_arguments_are_cut_does_not_matter(cut: int) -> None:
    first, rest = ARGUMENTS[:cut], ARGUMENTS[cut:]
    chat = data(
        chunk({"index": 0, "function": {"name": "weather", "arguments": first}}),
        chunk({"index": 0, "function": {"arguments": rest}}),
    )
    blocks = data(
        {"type": "content_block_start", "index": 1, "content_block": {**BLOCK, "input": {}}},
        *({"type": "content_block_delta", "index": 1, "delta": {"type": "input_json_delta", "partial_json": part}} for part in (first, rest)),
        {"type": "content_block_stop", "index": 1},
    )  # fmt: skip
    items = data(
        {"type": "response.output_item.added", "output_index": 0, "item": {**ITEM, "arguments": ""}},
        *({"type": "response.function_call_arguments.delta", "output_index": 0, "delta": part} for part in (first, rest)),
        {"type": "response.output_item.done", "output_index": 0, "item": ITEM},
        {"type": "response.completed", "response": {"output": [ITEM]}},
    )  # fmt: skip
    assert streamed("openai-chat", chat) == streamed("anthropic-messages", blocks) == (CALL,)
    assert streamed("openai-responses", items) == (CALL,)


def test_a_block_without_arguments_has_none() -> None:
    events = data({"type": "content_block_start", "index": 0, "content_block": {**BLOCK, "input": {}}})
    assert streamed("anthropic-messages", events) == (ToolCall("weather", "{}"),)


@pytest.mark.parametrize("place", ["deltas", "done", "completed"])
def test_a_call_that_a_response_tells_otherwise_in_one_place_is_told_too(place: str) -> None:
    told = dict.fromkeys(("deltas", "done", "completed"), ARGUMENTS) | {place: '{"city":"Basel"}'}
    events = data(
        {"type": "response.output_item.added", "output_index": 0, "item": {**ITEM, "arguments": ""}},
        {"type": "response.function_call_arguments.delta", "output_index": 0, "delta": told["deltas"]},
        {"type": "response.output_item.done", "output_index": 0, "item": {**ITEM, "arguments": told["done"]}},
        {"type": "response.completed", "response": {"output": [{**ITEM, "arguments": told["completed"]}]}},
    )
    assert set(streamed("openai-responses", events)) == {CALL, ToolCall("weather", '{"city":"Basel"}')}


def test_what_an_api_runs_itself_is_told_once() -> None:
    events = data(
        {"type": "response.output_item.added", "output_index": 0, "item": {"type": "web_search_call", "id": "w1"}},
        {"type": "response.output_item.done", "output_index": 0, "item": SEARCH},
        {"type": "response.completed", "response": {"output": [SEARCH]}},
    )
    assert streamed("openai-responses", events) == (BUILT_IN,)


def test_two_calls_that_are_alike_are_two() -> None:
    other = {**ITEM, "id": "f2", "call_id": "c2"}
    events = data({"type": "response.completed", "response": {"output": [ITEM, other]}})
    assert streamed("openai-responses", events) == (CALL, CALL)


@pytest.mark.parametrize("dialect", ["openai-chat", "anthropic-messages", "openai-responses"])
def test_an_event_that_is_no_object_is_unreadable(dialect: str) -> None:
    with pytest.raises(UnreadableReply):
        streamed(dialect, [b"[]"])
    with pytest.raises(UnreadableReply):
        streamed(dialect, [b"{"])
    with pytest.raises(UnreadableReply):
        called(dialect, b"[]")


def test_half_a_surrogate_pair_hides_no_call() -> None:
    """A client that cuts an emoji in two sends one; its dialect reads it, and so must this."""
    body = rb'{"messages": [{"role": "user", "content": "\ud83d"}, {"role": "assistant", "content": [{"type": "tool_use", "name": "a", "input": {"b": "\ud83d"}}]}]}'
    ((call,), _) = asked("anthropic-messages", body)
    assert call == ToolCall("a", '{"b": "\\ud83d"}')
    assert called("openai-chat", rb'{"choices": [{"message": {"content": "\ud83d"}}]}') == ()
    assert streamed("openai-chat", [rb'{"choices": [{"delta": {"content": "\ud83d"}}]}']) == ()
