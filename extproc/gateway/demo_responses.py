"""What the demo provider says to Responses requests: an echo, or a call of a tool."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import orjson

from extproc.gateway.demo_calls import Call, Said, Tool, call, given_back, text_of

_REPEATED = ("instructions", "metadata", "previous_response_id", "store", "temperature", "tools", "top_p", "user")
"""Members of a request that its response says again, as OpenAI's do."""

Event = tuple[str, dict[str, Any]]


def response(value: dict[str, Any], echo: str) -> dict[str, Any]:
    """A whole response of one item."""
    said = _last_said(value)
    tools = {each["name"]: each for each in _offered(value)}
    called = call(said, [Tool(name, each.get("parameters") or {}) for name, each in tools.items()])
    item = _call(called, tools[called.name]) if called else _message(echo + said.text)
    tokens = len(said.text.split()), len((echo + said.text).split())
    usage = {
        "input_tokens": tokens[0],
        "input_tokens_details": {"cached_tokens": 0},
        "output_tokens": tokens[1],
        "output_tokens_details": {"reasoning_tokens": 0},
        "total_tokens": sum(tokens),
    }
    return {**_head(value), "status": "completed", "output": [item], "usage": usage}


def events_of(whole: dict[str, Any]) -> bytes:
    """The same as a stream's bytes, word by word."""
    begun = {**whole, "status": "in_progress", "output": [], "usage": None}
    rows: list[Event] = [
        ("response.created", {"response": begun}),
        ("response.in_progress", {"response": begun}),
        *_of_item(whole["output"][0]),
        ("response.completed", {"response": whole}),
    ]
    return b"".join(_event(kind, number, members) for number, (kind, members) in enumerate(rows))


def _event(kind: str, number: int, members: dict[str, Any]) -> bytes:
    data = orjson.dumps({"type": kind, "sequence_number": number, **members})
    return b"event: " + kind.encode() + b"\ndata: " + data + b"\n\n"


def _of_item(item: dict[str, Any]) -> Iterator[Event]:
    at = {"item_id": item["id"], "output_index": 0}
    ended = {"output_index": 0, "item": item}
    begun = {**item, "status": "in_progress"}
    if item["type"] == "message":
        (part,) = item["content"]
        yield "response.output_item.added", {**ended, "item": {**begun, "content": []}}
        at["content_index"] = 0
        yield "response.content_part.added", {**at, "part": {**part, "text": ""}}
        yield from _said("response.output_text", {**at, "logprobs": []}, part["text"], "text")
        yield "response.content_part.done", {**at, "part": part}
    else:
        custom = item["type"] == "custom_tool_call"
        member, stem = ("input", "custom_tool_call_input") if custom else ("arguments", "function_call_arguments")
        yield "response.output_item.added", {**ended, "item": {**begun, member: ""}}
        yield from _said(f"response.{stem}", at, item[member], member)
    yield "response.output_item.done", ended


def _said(stem: str, at: dict[str, Any], text: str, member: str) -> Iterator[Event]:
    for word in text.replace(" ", " \0").split("\0"):
        yield f"{stem}.delta", {**at, "delta": word}
    yield f"{stem}.done", {**at, member: text}


def _head(value: dict[str, Any]) -> dict[str, Any]:
    repeated = {key: value.get(key) for key in _REPEATED}
    fixed = {"error": None, "incomplete_details": None, "parallel_tool_calls": True, "tool_choice": "auto"}
    head = {"id": "resp_demo", "object": "response", "created_at": 0, "model": value.get("model")}
    return {**head, **fixed, **repeated, "tools": value.get("tools") or [], "metadata": value.get("metadata") or {}}


def _message(text: str) -> dict[str, Any]:
    part = {"type": "output_text", "text": text, "annotations": [], "logprobs": []}
    return {"id": "msg_demo", "type": "message", "status": "completed", "role": "assistant", "content": [part]}


def _offered(value: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Every tool that can be called, with its namespace: those of the request, then those that its input adds."""
    items = value.get("input")
    added = [item for item in items if item.get("type") == "additional_tools"] if isinstance(items, list) else []
    for tools in [value.get("tools") or (), *(item.get("tools") or () for item in added)]:
        for tool in tools:
            if tool.get("type") == "namespace":
                yield from ({**each, "namespace": tool.get("name")} for each in tool.get("tools") or ())
            elif "name" in tool:  # others run at the provider
                yield tool


def _call(called: Call, tool: dict[str, Any]) -> dict[str, Any]:
    named = {"id": "fc_demo", "call_id": "call_demo", "name": called.name, "status": "completed"}
    if "namespace" in tool:
        named["namespace"] = tool["namespace"]
    if tool.get("type") == "custom":
        return {"type": "custom_tool_call", **named, "input": called.words}
    return {"type": "function_call", **named, "arguments": orjson.dumps(called.arguments).decode()}


def _last_said(value: dict[str, Any]) -> Said:
    """What the user said last; what a tool gave back, where that is the last of all."""
    items = value.get("input")
    if isinstance(items, str):
        return Said(items)
    for item in reversed(items or []):
        if str(item.get("type", "")).endswith("_call_output"):
            return given_back(item.get("output"))
        if item.get("role") == "user":
            return Said(text_of(item.get("content")))
    return Said("")
