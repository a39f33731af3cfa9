"""How Anthropic's messages stream a text, and what a client hears of a stream."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from extproc.dialects.sse import Framer, encode

CHANNELS = {
    "text": "0 text",
    "thinking": "0 thinking",
    "second-block": "1 text",
    "arguments": "0 partial_json",
    "escaped": "0 partial_json",
    "second-call": "1 partial_json",
    "server-tool": "0 partial_json",
}
CODED = frozenset({"arguments", "escaped", "second-call", "server-tool"})
USAGE = {"input_tokens": 12, "cache_read_input_tokens": 3, "output_tokens": 1}
HEAD = {"id": "msg_01", "type": "message", "role": "assistant", "model": "m", "content": [], "stop_reason": None}
_EMPTY = {"text": {"text": ""}, "thinking": {"thinking": "", "signature": ""}}
_DELTAS = {"text": ("text_delta", "text"), "thinking": ("thinking_delta", "thinking")}

Cut = Callable[[str], Sequence[str]]


def write(place: str, text: str, cut: Cut) -> bytes:
    """A stream with the text at a place: other blocks before it where the place says so, one after it."""
    blocks = [(kind, said) for kind, said in _before(place)]
    blocks.append((_kind(place), text))
    if place == "thinking":
        blocks.append(("text", "so it is done"))
    last = "tool_use" if place in CODED else "end_turn"
    rows = [
        {"type": "message_start", "message": {**HEAD, "stop_sequence": None, "usage": USAGE}},
        {"type": "ping"},
        *(row for index, (kind, said) in enumerate(blocks) for row in _block(index, kind, cut(said))),
        {"type": "message_delta", "delta": {"stop_reason": last, "stop_sequence": None}, "usage": {"output_tokens": 9}},
        {"type": "message_stop"},
    ]
    return b"".join(encode(row["type"], json.dumps(row, ensure_ascii=False).encode()) for row in rows)


def _before(place: str) -> list[tuple[str, str]]:
    return {"second-block": [("text", "first of all")], "second-call": [("tool_use", '{"of":"this"}')]}.get(place, [])


def _kind(place: str) -> str:
    kinds = {"thinking": "thinking", "server-tool": "server_tool_use"}
    return kinds.get(place, "tool_use" if place in CODED else "text")


def _block(index: int, kind: str, deltas: Sequence[str]) -> Iterator[dict[str, Any]]:
    """A block, its deltas with a ping among them, and its end."""
    empty = _EMPTY.get(kind) or {"id": f"toolu_{index}", "name": "note", "input": {}}
    name, member = _DELTAS.get(kind, ("input_json_delta", "partial_json"))
    yield {"type": "content_block_start", "index": index, "content_block": {"type": kind, **empty}}
    for number, delta in enumerate(deltas):
        if number == 2:
            yield {"type": "ping"}
        yield {"type": "content_block_delta", "index": index, "delta": {"type": name, member: delta}}
    if kind == "thinking":
        signed = {"type": "signature_delta", "signature": "EqQBCgIYAhIkSIGNED=="}
        yield {"type": "content_block_delta", "index": index, "delta": signed}
    yield {"type": "content_block_stop", "index": index}


def heard(body: bytes) -> dict[str, list[str]]:
    """Each block's text by its index and the member that has it. Raises ValueError for what is no JSON or not whole."""
    found: dict[str, str] = {}
    for each in events(body):
        if each["type"] == "content_block_delta":
            for member in ("text", "thinking", "partial_json", "signature"):
                if member in each["delta"]:
                    key = f"{each['index']} {member}"
                    found[key] = found.get(key, "") + each["delta"][member]
    return {key: [text] for key, text in found.items()}


def endings(body: bytes) -> list[object]:
    """All events that are no deltas and no pings."""
    return [each for each in events(body) if each["type"] not in ("content_block_delta", "ping")]


def events(body: bytes) -> list[dict[str, Any]]:
    """The data of a stream. Raises ValueError for what is no JSON, not whole, or called by another name."""
    framer = Framer()
    found = [each for each in (*framer.feed(body), *framer.close()) if each.data]
    values = [json.loads(each.data) for each in found]
    if not all(each.complete and each.name == value["type"] for each, value in zip(found, values, strict=True)):
        raise ValueError("an event is not whole, or called by another name than its type")
    return values
