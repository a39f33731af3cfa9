"""Responses streams as OpenAI writes them, and what a client hears in one: each text in all the places that say it."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from extproc.dialects.sse import Framer, encode

USAGE = {
    "input_tokens": 9,
    "input_tokens_details": {"cached_tokens": 4},
    "output_tokens": 7,
    "output_tokens_details": {"reasoning_tokens": 2},
    "total_tokens": 16,
}
HEAD = {
    "id": "resp_1",
    "object": "response",
    "created_at": 1,
    "model": "m",
    "error": None,
    "incomplete_details": None,
    "instructions": None,
    "metadata": {},
    "parallel_tool_calls": True,
    "temperature": 0.0,
    "tool_choice": "auto",
    "tools": [],
    "top_p": 1.0,
}


def event(kind: str, number: int, **members: object) -> bytes:
    """One event, named as its data is."""
    data = {"type": kind, "sequence_number": number, **members}
    return encode(kind, json.dumps(data, ensure_ascii=False).encode())


def response(items: Sequence[dict[str, Any]], status: str = "completed", **members: object) -> dict[str, Any]:
    """A whole response."""
    return {**HEAD, "status": status, "output": list(items), "usage": USAGE, **members}


def message(text: str, kind: str = "output_text") -> dict[str, Any]:
    """An item of one text, or one refusal."""
    part = (
        {"type": kind, "text": text, "annotations": [], "logprobs": []}
        if kind == "output_text"
        else {"type": kind, kind: text}
    )
    return {"id": "msg_1", "type": "message", "status": "completed", "role": "assistant", "content": [part]}


def reasoning(text: str) -> dict[str, Any]:
    """An item of one summary."""
    part = {"type": "summary_text", "text": text}
    return {"id": "rs_1", "type": "reasoning", "summary": [part], "encrypted_content": "gAAAAABk"}


def thinking(text: str) -> dict[str, Any]:
    """An item of reasoning that is told as it is, by those who serve open models."""
    return {"id": "rs_2", "type": "reasoning", "summary": [], "content": [{"type": "reasoning_text", "text": text}]}


def call(arguments: str) -> dict[str, Any]:
    """A call of a function."""
    names = {"id": "fc_1", "call_id": "call_1", "name": "note", "status": "completed"}
    return {"type": "function_call", **names, "arguments": arguments}


def custom(text: str) -> dict[str, Any]:
    """A call of a custom tool."""
    return {"type": "custom_tool_call", "id": "ctc_1", "call_id": "call_2", "name": "patch", "input": text}


def program(code: str) -> dict[str, Any]:
    """A run of the provider's own interpreter."""
    return {
        "type": "code_interpreter_call",
        "id": "ci_1",
        "container_id": "cntr_1",
        "status": "completed",
        "code": code,
    }


def remote(arguments: str) -> dict[str, Any]:
    """A call of a tool that the provider calls itself."""
    names = {"id": "mcp_1", "server_label": "notes", "name": "note", "status": "completed", "output": "done"}
    return {"type": "mcp_call", **names, "arguments": arguments}


_KINDS = {
    "function_call": ("response.function_call_arguments", "arguments"),
    "custom_tool_call": ("response.custom_tool_call_input", "input"),
    "mcp_call": ("response.mcp_call_arguments", "arguments"),
    "code_interpreter_call": ("response.code_interpreter_call_code", "code"),
}
Cut = Callable[[str], Sequence[str]]


def every(size: int) -> Cut:
    """Deltas of so many characters."""
    return lambda text: [text[start : start + size] for start in range(0, len(text), size)]


def stream(
    *items: dict[str, Any], size: int = 3, status: str = "completed", cut: Cut | None = None, **members: object
) -> list[bytes]:
    """The events of a stream that says these items in deltas of so many characters, or as `cut` makes them.

    `members` are of the whole response.
    """
    cut = cut or every(size)
    rows = [
        ("response.created", {"response": response((), "in_progress", usage=None)}),
        *(row for place, item in enumerate(items) for row in _rows(place, item, cut)),
        (f"response.{status}", {"response": response(items, status, **members)}),
    ]
    return [event(kind, number, **members) for number, (kind, members) in enumerate(rows)]


def _rows(place: int, item: dict[str, Any], cut: Cut) -> Iterator[tuple[str, dict[str, Any]]]:
    kind = item["type"]
    at = {"item_id": item["id"], "output_index": place}
    if kind in _KINDS:
        stem, member = _KINDS[kind]
        yield "response.output_item.added", {"output_index": place, "item": {**item, member: ""}}
        yield from _said(stem, at, item[member], member, cut)
    else:
        inner = "summary" if item.get("summary") else "content"
        yield "response.output_item.added", {"output_index": place, "item": {**item, inner: []}}
        at[f"{inner}_index"] = 0
        (part,) = item[inner]
        member = "refusal" if part["type"] == "refusal" else "text"
        stem = "response.reasoning_summary_text" if inner == "summary" else f"response.{part['type']}"
        about = "response.reasoning_summary_part" if inner == "summary" else "response.content_part"
        yield f"{about}.added", {**at, "part": {**part, member: ""}}
        yield from _said(stem, at, part[member], member, cut)
        yield f"{about}.done", {**at, "part": part}
    yield "response.output_item.done", {"output_index": place, "item": item}


def _said(stem: str, at: dict[str, Any], text: str, member: str, cut: Cut) -> Iterator[tuple[str, dict[str, Any]]]:
    for delta in cut(text):
        yield f"{stem}.delta", {**at, "delta": delta, "obfuscation": "xYz"}
    yield f"{stem}.done", {**at, member: text}


def heard(body: bytes) -> dict[str, list[str]]:
    """Every text by the name of its deltas: as its deltas say it together, then as later events repeat it.

    Raises ValueError for events that are not JSON or not complete.
    """
    found: dict[str, list[str]] = {}
    for (stem, _), texts in heard_by_item(body).items():
        found.setdefault(stem, []).extend(texts)
    return found


def heard_by_item(body: bytes) -> dict[tuple[str, int], list[str]]:
    """The same, by the place of the item that has the text too."""
    deltas: dict[tuple[str, int], str] = {}
    repeated: dict[tuple[str, int], list[str]] = {}
    framer = Framer()
    for each in (*framer.feed(body), *framer.close()):
        if not each.complete:
            raise ValueError("the stream ends within an event")
        if each.data:
            _hear(json.loads(each.data), deltas, repeated)
    return {key: [text, *repeated.pop(key, ())] for key, text in deltas.items()} | repeated


Texts = Iterator[tuple[tuple[str, int], str]]


def _hear(
    value: dict[str, Any], deltas: dict[tuple[str, int], str], repeated: dict[tuple[str, int], list[str]]
) -> None:
    stem, _, last = value["type"].rpartition(".")
    if last == "delta":
        key = (stem, value["output_index"])
        deltas[key] = deltas.get(key, "") + value["delta"]
    for key, text in _texts(value, stem) if last in ("done", "completed", "incomplete") else ():
        repeated.setdefault(key, []).append(text)


def _texts(value: dict[str, Any], stem: str) -> Texts:
    place = value.get("output_index", 0)
    for member in ("text", "refusal", "arguments", "input", "code"):
        if isinstance(value.get(member), str):
            yield (stem, place), value[member]
    if "part" in value:
        yield _part(value["part"], place)
    items = [(place, value["item"])] if "item" in value else enumerate(value.get("response", {}).get("output", []))
    for number, item in items:
        if item["type"] in _KINDS:
            name, member = _KINDS[item["type"]]
            yield (name, number), item[member]
        for part in (*item.get("content", ()), *item.get("summary", ())):
            yield _part(part, number)


def _part(part: dict[str, Any], place: int) -> tuple[tuple[str, int], str]:
    name = "reasoning_summary_text" if part["type"] == "summary_text" else part["type"]
    return (f"response.{name}", place), part.get("text", part.get("refusal", ""))
