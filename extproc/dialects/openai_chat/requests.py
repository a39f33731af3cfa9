"""Reads a request, and says which models there are."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import orjson

from extproc.dialects.json_text import parse
from extproc.dialects.openai_chat.replies import string
from extproc.dialects.openai_chat.texts import KINDS, OPAQUE, SYSTEM, strings, words
from extproc.model import ClientError, Request, Text

_INSTRUCTING = frozenset({"system", "developer"})
_ROLES = frozenset({"system", "developer", "user", "assistant"})
_MODEL = frozenset({"model"})


def read_request(body: bytes, *, max_depth: int = 64) -> Request:
    """A request body as texts. Raises ClientError: 400 for what is no JSON, 422 for what is no chat request."""
    value = parse(body, max_depth=max_depth)
    if not isinstance(value, dict):
        raise _wrong("The body", "an object", value)
    model = _member(value, "model", str)
    if string(model) != model:
        raise ClientError("model: expected characters, found half a surrogate pair.", status=422, reason="invalid_type")
    messages = _member(value, "messages", list)
    if not messages:
        raise ClientError("messages: expected at least one message.", status=422, reason="invalid_type")
    stream = value.get("stream")
    if stream not in (True, False, None):
        raise _wrong("stream", "true or false", stream)
    texts = tuple(_request_texts(value, messages))
    if not any(text.role in _INSTRUCTING for text in texts):
        texts = (*texts, SYSTEM)
    options = value.get("stream_options")
    wants_usage = isinstance(options, dict) and options.get("include_usage") is True
    return Request(model, bool(stream), texts, tuple(_tool_names(value.get("tools"))), wants_usage)


def models(ids: tuple[str, ...], created: int) -> bytes:
    """The answer to `GET /v1/models`. `created` is Unix time in seconds."""
    data = [{"id": each, "object": "model", "created": created, "owned_by": "keeptrusts"} for each in ids]
    return orjson.dumps({"object": "list", "data": data})


def _request_texts(value: dict[str, Any], messages: list[Any]) -> Iterator[Text]:
    for index, message in enumerate(messages):
        where = f"messages[{index}]"
        if not isinstance(message, dict):
            raise _wrong(where, "an object", message)
        role = message.get("role")
        if not isinstance(role, str):
            raise _wrong(f"{where}.role", "a string", role)
        content = message.get("content")
        if len(message) == 2 and isinstance(content, str) and role in _ROLES:  # nearly every message: no walk needed
            if content:
                yield Text(("messages", index, "content"), role, content)
            continue
        if not isinstance(content, str | list | None):
            raise _wrong(f"{where}.content", "a string or a list of parts", content)
        for part, each in enumerate(content if isinstance(content, list) else ()):
            if not isinstance(each, dict):
                raise _wrong(f"{where}.content[{part}]", "an object", each)
        yield from strings(message, ("messages", index), role, OPAQUE, numbers=True)
    for key, child in value.items():
        yield from words(key, (), key)
        if key != "messages":
            opaque, nested = (_MODEL if key == "model" else KINDS), isinstance(child, dict | list)
            yield from strings(child, (key,), key, opaque, numbers=nested)


def _tool_names(tools: object) -> Iterator[str]:
    for tool in tools if isinstance(tools, list) else ():
        function = tool.get("function") if isinstance(tool, dict) else None
        if isinstance(function, dict) and isinstance(function.get("name"), str):
            yield function["name"]


def _member(value: dict[str, Any], key: str, kind: type) -> Any:
    found = value.get(key)
    if not isinstance(found, kind):
        raise _wrong(key, "a string" if kind is str else "a list", found)
    return found


def _wrong(where: str, expected: str, found: object) -> ClientError:
    shown = json.dumps(found)[:40] if isinstance(found, str | int | float | bool | None) else type(found).__name__
    return ClientError(f"{where}: expected {expected}, found {shown}.", status=422, reason="invalid_type")
