"""Calls of tools in every dialect: those of a conversation, of a reply, and of an event stream held to its end.

Bodies and events have been read before, by their dialect, which refuses what its API does not promise; they are parsed
once more, because only some policies ask for calls. What should be a call and does not say of which tool is one of the
tool '', which no policy knows.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

import orjson

from extproc.dialects import UnreadableReply
from extproc.dialects.json_text import parse
from extproc.model import ClientError, ToolCall, ToolResult

Said = tuple[tuple[ToolCall, ...], tuple[ToolResult, ...]]
"""The calls of a conversation, and what they gave back."""

Told = tuple[str, ToolCall]
"""A call and the id by which its result names it, or another key that no other call has."""


_DEPTH = 256
"""The deepest that a configuration allows; a dialect has held what comes here to its own."""


def asked(dialect: str, body: bytes) -> Said:
    """What the conversation in a request body holds. Raises ClientError for what is no JSON, KeyError for a dialect
    that is not listed here.
    """
    read = _ASKED[dialect]
    calls: list[Told] = []
    results: list[tuple[str, ToolResult]] = []
    for item in read(parse(body, max_depth=_DEPTH)):
        calls += _calls(item)
        results += _results(item)
    names = {key: call.name for key, call in calls if key}
    known = (ToolResult(each.name or names.get(key, ""), each.size, each.failed) for key, each in results)
    return tuple(call for _, call in calls), tuple(known)


def called(dialect: str, body: bytes) -> tuple[ToolCall, ...]:
    """The calls of a whole reply. Raises UnreadableReply for what is no object, KeyError for a dialect that is not
    listed here.
    """
    return tuple(call for item in _CALLED[dialect](_object(body)) for _, call in _calls(item))


def streamed(dialect: str, events: Iterable[bytes]) -> tuple[ToolCall, ...]:
    """The calls of a whole stream, of which these are the events' data: each as it grows, and as it is told at its end
    where that is another. Raises UnreadableReply for what is no object, KeyError for a dialect that is not listed here.
    """
    return tuple(call for _, call in dict.fromkeys(_STREAMED[dialect](_objects(events))))


# --- one place of a body that may hold calls: a chat's message, a block of Anthropic's, an item of Responses ---


def _calls(item: Mapping[str, Any]) -> Iterator[Told]:
    """The calls in it, each with the id by which its result names it."""
    kind = item.get("type")
    for call in _listed(item.get("tool_calls")):
        yield _string(call.get("id")), _of_chat(call)
    if item.get("function_call") is not None:  # before there were tools
        yield "", _named(item["function_call"], "arguments")
    if isinstance(kind, str) and kind.endswith("tool_use"):
        yield _string(item.get("id")), _named(item, "input")
    elif isinstance(kind, str) and kind.endswith("_call"):
        yield _string(item.get("call_id") or item.get("id")), _of_item(item, kind)


def _results(item: Mapping[str, Any]) -> Iterator[tuple[str, ToolResult]]:
    kind, role = item.get("type"), item.get("role")
    if role in ("tool", "function"):
        yield _string(item.get("tool_call_id")), ToolResult(_string(item.get("name")), _size(item.get("content")))
    elif isinstance(kind, str) and kind.endswith("tool_result"):
        failed = item.get("is_error") is True
        yield _string(item.get("tool_use_id")), ToolResult("", _size(item.get("content")), failed)
    elif isinstance(kind, str) and kind.endswith("_call_output"):
        failed = item.get("status") in ("failed", "incomplete")
        yield _string(item.get("call_id")), ToolResult("", _size(item.get("output")), failed)


def _of_chat(call: Mapping[str, Any]) -> ToolCall:
    custom = call.get("custom")
    return _named(call.get("function"), "arguments") if custom is None else _named(custom, "input")


_OF_THE_CALL = frozenset({"id", "call_id", "type", "status", "name"})


def _of_item(item: Mapping[str, Any], kind: str) -> ToolCall:
    """An item of Responses: of a function, a custom tool, or a tool that the API itself knows, called like its type."""
    for member in ("arguments", "input"):
        if member in item:
            return _named(item, member)
    arguments = {name: value for name, value in item.items() if name not in _OF_THE_CALL}
    return ToolCall(_string(item.get("name")) or kind.removesuffix("_call"), _written(arguments))


def _named(call: object, member: str) -> ToolCall:
    if not isinstance(call, dict):
        return ToolCall("", _written(call))
    return ToolCall(_string(call.get("name")), _written(call.get(member)))


def _written(arguments: object) -> str:
    if isinstance(arguments, str):
        return arguments
    if arguments is None:
        return ""
    try:
        return orjson.dumps(arguments).decode()
    except orjson.JSONEncodeError:  # half a surrogate pair, as where a client cut an emoji in two
        return json.dumps(arguments)


def _size(content: object) -> int:
    """Characters of text in it; what is coded counts as it is written."""
    if isinstance(content, str):
        return len(content)
    if isinstance(content, list):
        return sum(map(_size, content))
    if isinstance(content, dict):
        return sum(_size(value) for name, value in content.items() if name != "type")
    return 0


def _string(value: object) -> str:
    return value if isinstance(value, str) else ""


def _listed(value: object) -> Iterator[dict[str, Any]]:
    """The members of a list; one that is no object stands as one that says nothing."""
    if value is not None:
        for each in value if isinstance(value, list) else (value,):
            yield each if isinstance(each, dict) else {}


# --- where those places are ---


def _in_messages(body: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    for message in _listed(body.get("messages")):
        yield message
        if isinstance(message.get("content"), list):
            yield from _listed(message["content"])


def _in_items(body: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    if isinstance(body.get("input"), list):
        yield from _listed(body["input"])


def _in_choices(reply: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    for choice in _listed(reply.get("choices")):
        message = choice.get("message")
        if isinstance(message, dict):
            yield message


def _in_content(reply: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    yield from _listed(reply.get("content"))


def _in_output(reply: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """Of a response, or of the items that are fetched of one."""
    yield from _listed(reply.get("output"))
    yield from _listed(reply.get("data"))


def _nowhere(body: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    return iter(())


# --- event streams ---


def _objects(events: Iterable[bytes]) -> Iterator[dict[str, Any]]:
    for data in events:
        if not data or data == b"[DONE]":
            continue
        yield _object(data)


def _object(data: bytes) -> dict[str, Any]:
    try:
        value = parse(data, max_depth=_DEPTH)
    except ClientError as error:
        raise UnreadableReply(str(error)) from error
    if not isinstance(value, dict):
        raise UnreadableReply("a reply, or an event of one, is no object")
    return value


class _Growing:
    """Calls whose names and arguments come in pieces, each under a key of its own."""

    def __init__(self) -> None:
        self._pieces: dict[str, tuple[list[str], list[str]]] = {}

    def add(self, key: str, call: ToolCall) -> None:
        names, arguments = self._pieces.setdefault(key, ([], []))
        names.append(call.name)
        arguments.append(call.arguments)

    def whole(self) -> Iterator[Told]:
        for key, (names, arguments) in self._pieces.items():
            yield key, ToolCall("".join(names), "".join(arguments))


def _of_chunks(events: Iterable[dict[str, Any]]) -> Iterator[Told]:
    growing = _Growing()
    for event in events:
        for choice in _listed(event.get("choices")):
            delta, message = choice.get("delta"), choice.get("message")
            for key, call in _in_delta(delta) if isinstance(delta, dict) else ():
                growing.add(f"{choice.get('index')} {key}", call)
            if isinstance(message, dict):  # some end with the whole message
                yield from _calls(message)
    yield from growing.whole()


def _in_delta(delta: Mapping[str, Any]) -> Iterator[Told]:
    for place, call in enumerate(_listed(delta.get("tool_calls"))):
        yield f"{call.get('index', place)}", _of_chat(call)
    if delta.get("function_call") is not None:
        yield "function_call", _named(delta["function_call"], "arguments")


def _of_blocks(events: Iterable[dict[str, Any]]) -> Iterator[Told]:
    growing = _Growing()
    for event in events:
        index, block, delta = f"{event.get('index')}", event.get("content_block"), event.get("delta")
        if isinstance(block, dict):
            for _, call in _calls(block):
                growing.add(index, ToolCall(call.name, "" if call.arguments == _EMPTY else call.arguments))
        elif isinstance(delta, dict) and delta.get("type") == "input_json_delta":
            growing.add(index, ToolCall("", _string(delta.get("partial_json"))))
    for key, call in growing.whole():
        yield key, ToolCall(call.name, call.arguments or _EMPTY)


_EMPTY = "{}"
"""The arguments of a block that has only begun, and of a call that has none."""


def _of_output(events: Iterable[dict[str, Any]]) -> Iterator[Told]:
    """Clients go by what grows, by each item's end or by the response's: usually the same call three times."""
    growing = _Growing()
    keys: dict[str, str] = {}
    for event in events:
        item, response, kind = event.get("item"), event.get("response"), _string(event.get("type"))
        index = f"{event.get('output_index')}"
        if isinstance(item, dict):
            for key, call in _calls(item):
                if not kind.endswith("output_item.added"):
                    yield key, call
                elif "arguments" in item or "input" in item:  # others come whole
                    keys[index] = key
                    growing.add(index, call)
        elif isinstance(response, dict):
            for each in _in_output(response):
                yield from _calls(each)
        elif kind.endswith(("call_arguments.delta", "tool_call_input.delta")):
            growing.add(index, ToolCall("", _string(event.get("delta"))))
    for index, call in growing.whole():
        yield keys.get(index, index), call


def _of_nothing(events: Iterable[dict[str, Any]]) -> Iterator[Told]:
    return iter(())


Places = Callable[[Mapping[str, Any]], Iterator[dict[str, Any]]]

_ASKED: Mapping[str, Places] = {
    "openai-chat": _in_messages,
    "openai-completions": _nowhere,
    "openai-embeddings": _nowhere,
    "openai-responses": _in_items,
    "anthropic-messages": _in_messages,
    "anthropic-count-tokens": _in_messages,
}
_CALLED: Mapping[str, Places] = {
    "openai-chat": _in_choices,
    "openai-completions": _nowhere,
    "openai-embeddings": _nowhere,
    "openai-responses": _in_output,
    "anthropic-messages": _in_content,
    "anthropic-count-tokens": _nowhere,
}
_STREAMED: Mapping[str, Callable[[Iterable[dict[str, Any]]], Iterator[Told]]] = {
    "openai-chat": _of_chunks,
    "openai-completions": _of_nothing,
    "openai-embeddings": _of_nothing,
    "openai-responses": _of_output,
    "anthropic-messages": _of_blocks,
    "anthropic-count-tokens": _of_nothing,
}
