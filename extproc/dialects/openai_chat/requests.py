"""Reads a request."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from extproc.dialects.documents import in_messages
from extproc.dialects.openai_chat import members
from extproc.dialects.openai_chat.texts import KINDS, OPAQUE, SYSTEM, strings, words
from extproc.model import ClientError, Request, Text

_INSTRUCTING = frozenset({"system", "developer"})
_ROLES = frozenset({"system", "developer", "user", "assistant"})
_MODEL = frozenset({"model"})


def read_request(body: bytes, *, max_depth: int = 64) -> Request:
    """A request body as texts. Raises ClientError: 400 for what is no JSON, 422 for what is no chat request."""
    value = members.parsed(body, max_depth=max_depth)
    model = members.model(value)
    messages = members.member(value, "messages", list)
    if not messages:
        raise ClientError("messages: expected at least one message.", status=422, reason="invalid_type")
    stream = members.streams(value)
    texts = tuple(_request_texts(value, messages))
    if not any(text.role in _INSTRUCTING for text in texts):
        texts = (*texts, SYSTEM)
    return Request(
        model,
        stream,
        texts,
        tuple(_tool_names(value.get("tools"))),
        members.wants_usage(value),
        documents=in_messages(messages),
    )


def _request_texts(value: dict[str, Any], messages: list[Any]) -> Iterator[Text]:
    for index, message in enumerate(messages):
        where = f"messages[{index}]"
        if not isinstance(message, dict):
            raise members.wrong(where, "an object", message)
        role = message.get("role")
        if not isinstance(role, str):
            raise members.wrong(f"{where}.role", "a string", role)
        content = message.get("content")
        if len(message) == 2 and isinstance(content, str) and role in _ROLES:  # nearly every message: no walk needed
            if content:
                yield Text(("messages", index, "content"), role, content)
            continue
        if not isinstance(content, str | list | None):
            raise members.wrong(f"{where}.content", "a string or a list of parts", content)
        for part, each in enumerate(content if isinstance(content, list) else ()):
            if not isinstance(each, dict):
                raise members.wrong(f"{where}.content[{part}]", "an object", each)
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
