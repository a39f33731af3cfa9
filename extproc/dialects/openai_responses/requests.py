"""Reads a request."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from extproc.dialects.documents import documents
from extproc.dialects.json_text import parse
from extproc.dialects.openai_chat.replies import string
from extproc.dialects.openai_responses.texts import KINDS, OPAQUE, SYSTEM, Said, as_texts, said, word
from extproc.model import ClientError, Request, Text

_INSTRUCTING = ("system", "developer")

_ROLES = {"instructions": "system", "text": "response_format"}
"""What top-level members are in the words that policies know from chat; others are called by their own name."""

_OPAQUE = {
    "model": KINDS | {"model"},
    "previous_response_id": KINDS | {"previous_response_id"},
    "conversation": OPAQUE,
    "prompt": KINDS | {"id"},
    "tools": KINDS | {"container"},
}
"""Members that hold identifiers. `input` is read item by item; in others people choose the keys."""


def read_request(body: bytes, *, max_depth: int = 64) -> Request:
    """A Responses request as texts. Raises ClientError: 400 for bad JSON, 422 for what has the wrong type."""
    value = parse(body, max_depth=max_depth)
    if not isinstance(value, dict):
        raise _wrong("The body", "an object", value)
    model = value.get("model")
    if not isinstance(model, str):
        raise _wrong("model", "a string", model)
    if string(model) != model:
        raise ClientError("model: expected characters, found half a surrogate pair.", status=422, reason="invalid_type")
    stream = value.get("stream")
    if stream not in (True, False, None):
        raise _wrong("stream", "true or false", stream)
    if not isinstance(value.get("instructions"), str | None):
        raise _wrong("instructions", "a string", value["instructions"])
    texts = tuple(_texts(value))
    if not any(text.role in _INSTRUCTING for text in texts):
        texts = (*texts, SYSTEM)
    return Request(
        model,
        bool(stream),
        texts,
        tuple(_tool_names(value.get("tools"))),
        wants_usage=True,
        keeps=value.get("store") is not False,
        recalls=tuple(_recalls(value)),
        documents=tuple(documents(value.get("input"))) if isinstance(value.get("input"), list) else (),
    )


def _recalls(value: dict[str, Any]) -> Iterator[tuple[str, str]]:
    """An earlier response, a conversation, and items by their ids: reasoning too, where it does not come along."""
    before, conversation = value.get("previous_response_id"), value.get("conversation")
    if not isinstance(before, str | None):
        raise _wrong("previous_response_id", "a string", before)
    if before:
        yield "previous_response_id", before
    if conversation:
        named = conversation.get("id") if isinstance(conversation, dict) else conversation
        yield "conversation", string(named)
    items = value.get("input")
    for index, item in enumerate(items if isinstance(items, list) else ()):
        kind = _kind(item)
        if kind == "item_reference" or (kind == "reasoning" and item.get("id") and not item.get("encrypted_content")):
            yield f"input[{index}]", string(item.get("id"))


def _texts(value: dict[str, Any]) -> Iterator[Text]:
    for key, child in value.items():
        yield from as_texts(word(key, ()), key)
        if key == "input":
            yield from _input(child)
        else:
            keys, nested = _OPAQUE.get(key, KINDS), isinstance(child, dict | list)
            yield from as_texts(said(child, (key,), keys, name=key, numbers=nested), _ROLES.get(key, key))


def _input(value: object) -> Iterator[Text]:
    if value is None:  # what a stored prompt or an earlier response says is all of it
        return
    if isinstance(value, str):
        if value:
            yield Text(("input",), "user", value)
        return
    if not isinstance(value, list):
        raise _wrong("input", "a string or a list of items", value)
    for index, item in enumerate(value):
        where = f"input[{index}]"
        if not isinstance(item, dict):
            raise _wrong(where, "an object", item)
        yield from as_texts(_item(item, where, index), _role(item, where))


def _item(item: dict[str, Any], where: str, index: int) -> Iterator[Said]:
    if _kind(item) == "message":
        content = item.get("content")
        if not isinstance(content, str | list):
            raise _wrong(f"{where}.content", "a string or a list of parts", content)
        for part, each in enumerate(content if isinstance(content, list) else ()):
            if not isinstance(each, dict):
                raise _wrong(f"{where}.content[{part}]", "an object", each)
    return said(item, ("input", index), OPAQUE, numbers=True)


def _role(item: dict[str, Any], where: str) -> str:
    """A message's role; of other items, whether a tool says it or the model."""
    role, kind = item.get("role"), _kind(item)
    if isinstance(role, str):
        return role
    if not isinstance(kind, str) or kind == "message" or role is not None:
        raise _wrong(f"{where}.role", "a string", role)
    return "tool" if kind.endswith("_output") else "assistant"


def _kind(item: dict[str, Any]) -> object:
    """Messages need not say that they are; nor need references, which have nothing but an id."""
    return item.get("type") or ("message" if "role" in item or "content" in item else "item_reference")


def _tool_names(tools: object) -> Iterator[str]:
    """The names of functions and custom tools, of those in a namespace too; the types of built-in ones."""
    for tool in tools if isinstance(tools, list) else ():
        name = tool.get("name", tool.get("type")) if isinstance(tool, dict) else None
        if isinstance(name, str):
            yield name
            yield from _tool_names(tool.get("tools"))


def _wrong(where: str, expected: str, found: object) -> ClientError:
    shown = json.dumps(found)[:40] if isinstance(found, str | int | float | bool | None) else type(found).__name__
    return ClientError(f"{where}: expected {expected}, found {shown}.", status=422, reason="invalid_type")
