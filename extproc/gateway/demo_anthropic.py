"""What the bundled demo provider says over Anthropic's API: messages, their streams, token counts, errors."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import orjson

from extproc.gateway.demo_calls import Said, Tool, call, given_back, text_of


def said(value: dict[str, Any]) -> Said:
    """What the user said last, or what a tool gave back where that is the last of all."""
    for message in reversed(value.get("messages", [])):
        if message.get("role") == "user":
            content = message.get("content")
            parts = content if isinstance(content, list) else ()
            results = [part for part in parts if part.get("type") == "tool_result"]
            return given_back(results[-1].get("content")) if results else Said(text_of(content))
    return Said("")


def message(value: dict[str, Any], said: Said, answer: str) -> dict[str, Any]:
    """The whole message: the answer, or a call of a tool."""
    called = call(said, [Tool(each["name"], each.get("input_schema") or {}) for each in value.get("tools") or ()])
    block: dict[str, Any] = {"type": "text", "text": answer}
    if called:
        block = {"type": "tool_use", "id": "toolu_demo", "name": called.name, "input": called.arguments}
    return {
        "id": "msg_demo",
        "type": "message",
        "role": "assistant",
        "model": value.get("model"),
        "content": [block],
        "stop_reason": "tool_use" if called else "end_turn",
        "stop_sequence": None,
        "usage": {"input_tokens": len(said.text.split()), "output_tokens": len(answer.split())},
    }


def events(value: dict[str, Any], said: Said, answer: str) -> bytes:
    """The stream's bytes: a start, a ping, one block in pieces, the stop reason with usage, the end."""
    rows = _rows(message(value, said, answer))
    return b"".join(f"event: {row['type']}\n".encode() + b"data: " + orjson.dumps(row) + b"\n\n" for row in rows)


def count(text: str) -> dict[str, int]:
    """A token a word."""
    return {"input_tokens": len(text.split())}


def error(text: str) -> bytes:
    """An error in this API's shape."""
    return orjson.dumps({"type": "error", "error": {"type": "demo_error", "message": text}})


def _rows(whole: dict[str, Any]) -> Iterator[dict[str, Any]]:
    (block,) = whole["content"]
    usage = whole["usage"]
    start = {**whole, "content": [], "stop_reason": None, "usage": {**usage, "output_tokens": 1}}
    yield {"type": "message_start", "message": start}
    empty: dict[str, Any] = {"text": ""} if block["type"] == "text" else {"input": {}}
    yield {"type": "content_block_start", "index": 0, "content_block": {**block, **empty}}
    yield {"type": "ping"}
    for delta in _deltas(block):
        yield {"type": "content_block_delta", "index": 0, "delta": delta}
    yield {"type": "content_block_stop", "index": 0}
    ending = {"stop_reason": whole["stop_reason"], "stop_sequence": None}
    yield {"type": "message_delta", "delta": ending, "usage": {"output_tokens": usage["output_tokens"]}}
    yield {"type": "message_stop"}


def _deltas(block: dict[str, Any]) -> Iterator[dict[str, str]]:
    if block["type"] == "text":
        words = block["text"].replace(" ", " \0").split("\0")
        yield from ({"type": "text_delta", "text": word} for word in words)
        return
    arguments = orjson.dumps(block["input"]).decode()
    pieces = (arguments[at : at + 7] for at in range(0, len(arguments), 7))
    yield from ({"type": "input_json_delta", "partial_json": piece} for piece in ("", *pieces))
