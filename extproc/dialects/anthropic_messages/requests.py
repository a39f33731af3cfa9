"""Reads a request."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from extproc.dialects.anthropic_messages.errors import wrong
from extproc.dialects.anthropic_messages.texts import KINDS, OPAQUE, SYSTEM, strings, words
from extproc.dialects.documents import in_messages
from extproc.dialects.json_text import parse
from extproc.dialects.openai_chat.replies import string
from extproc.model import ClientError, JsonPath, Request, Text

_ROLES = frozenset({"user", "assistant"})
_MODEL = frozenset({"model"})
_RESULT = "tool_result"
_TOOL = "tool"


def read_request(body: bytes, *, max_depth: int = 64) -> Request:
    """A request body as texts. Raises ClientError: 400 for what is no JSON, 422 for what is no request of this API.

    Every stream of this API tells its usage, asked for or not.
    """
    value = parse(body, max_depth=max_depth)
    if not isinstance(value, dict):
        raise wrong("The body", "an object", value)
    model = value.get("model")
    if not isinstance(model, str):
        raise wrong("model", "a string", model)
    if string(model) != model:
        raise ClientError("model: expected characters, found half a surrogate pair.", status=422, reason="invalid_type")
    messages = value.get("messages")
    if not isinstance(messages, list):
        raise wrong("messages", "a list", messages)
    if not messages:
        raise ClientError("messages: expected at least one message.", status=422, reason="invalid_type")
    stream = value.get("stream")
    if not isinstance(stream, bool | None):
        raise wrong("stream", "true or false", stream)
    texts = tuple(_texts(value, messages))
    if not any(text.role == SYSTEM.role for text in texts):
        texts = (*texts, SYSTEM)
    return Request(
        model,
        bool(stream),
        texts,
        tuple(_tool_names(value.get("tools"))),
        wants_usage=True,
        documents=in_messages(messages),
    )


def _texts(value: dict[str, Any], messages: list[Any]) -> Iterator[Text]:
    for index, message in enumerate(messages):
        yield from _message(message, index)
    for key, child in value.items():
        yield from words(key, (), key)
        if key == "system":
            yield from _system(child)
        elif isinstance(child, dict | list) and key != "messages":
            yield from strings(child, (key,), key, KINDS)
        elif isinstance(child, str):
            yield from strings(child, (key,), key, _MODEL)


def _system(value: object) -> Iterator[Text]:
    if not isinstance(value, str | list | None):
        raise wrong("system", "a string or a list of blocks", value)
    yield from strings(value, ("system",), SYSTEM.role, OPAQUE)


def _message(message: object, index: int) -> Iterator[Text]:
    where = f"messages[{index}]"
    if not isinstance(message, dict):
        raise wrong(where, "an object", message)
    role, content = message.get("role"), message.get("content")
    if not isinstance(role, str):
        raise wrong(f"{where}.role", "a string", role)
    path: JsonPath = ("messages", index)
    if len(message) == 2 and isinstance(content, str) and role in _ROLES:  # nearly every message: no walk needed
        if content:
            yield Text((*path, "content"), role, content)
        return
    if not isinstance(content, str | list | None):
        raise wrong(f"{where}.content", "a string or a list of blocks", content)
    for key, child in message.items():
        yield from words(key, path, role)
        if key == "content" and isinstance(child, list):
            yield from _blocks(child, (*path, key), role, where)
        else:
            yield from strings(child, (*path, key), role, OPAQUE)


def _blocks(blocks: list[Any], path: JsonPath, role: str, where: str) -> Iterator[Text]:
    """A tool speaks within a user's message; what it says is not the user's."""
    for number, block in enumerate(blocks):
        if not isinstance(block, dict):
            raise wrong(f"{where}.content[{number}]", "an object", block)
        speaker = _TOOL if str(block.get("type")).endswith(_RESULT) else role
        yield from strings(block, (*path, number), speaker, OPAQUE)


def _tool_names(tools: object) -> Iterator[str]:
    for tool in tools if isinstance(tools, list) else ():
        if isinstance(tool, dict) and isinstance(tool.get("name"), str):
            yield tool["name"]
