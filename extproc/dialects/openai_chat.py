"""OpenAI chat completions: `/v1/chat/completions`.

Texts are everything that a model or a person may read: contents, names, tool definitions and arguments, schemas,
metadata, predictions. Never texts: ids, images, audio and files, which are base64 or opaque.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import orjson

from extproc.dialects import UnreadableReply
from extproc.dialects.json_text import parse, splice
from extproc.dialects.texts import changed
from extproc.model import ClientError, JsonPath, Request, Response, Text, Usage

name = "openai-chat"

_MEDIA = frozenset({"image_url", "input_audio", "file"})
"""Keys whose values are encoded media, whatever their shape."""

_OPAQUE = frozenset({"id", "type", "role", "tool_call_id"})
"""Keys whose strings are identifiers. An object under such a name, as in a tool's schema, is read all the same."""

_REPLY_OPAQUE = _OPAQUE | {"finish_reason", "bytes", "encrypted_content", "signature", "data", "object"}

_SPOKEN = ("metadata", "prediction", "stop", "response_format", "user", "functions", "web_search_options")
"""Top-level members of a request whose strings people write."""


def read_request(body: bytes, *, max_depth: int = 64) -> Request:
    """A request body as texts. Raises ClientError: 400 for what is no JSON, 422 for what is no chat request."""
    value = parse(body, max_depth=max_depth)
    if not isinstance(value, dict):
        raise _wrong("The body", "an object", value)
    model = _member(value, "model", str)
    messages = _member(value, "messages", list)
    if not messages:
        raise ClientError("messages: expected at least one message.", status=422, reason="invalid_type")
    stream = value.get("stream")
    if stream not in (True, False, None):
        raise _wrong("stream", "true or false", stream)
    texts = tuple(_request_texts(value, messages))
    return Request(model, bool(stream), texts, tuple(_tool_names(value.get("tools"))))


def read_response(body: bytes, *, max_depth: int = 64) -> Response:
    """A JSON reply as texts. Raises UnreadableReply for anything but a chat completion."""
    try:
        value = parse(body, max_depth=max_depth)
    except ClientError as error:
        raise UnreadableReply(str(error)) from error
    choices = value.get("choices") if isinstance(value, dict) else None
    if not isinstance(choices, list) or not all(isinstance(choice, dict) for choice in choices):
        raise UnreadableReply("the reply has no list of choices")
    return Response(
        id=_string(value.get("id")),
        model=_string(value.get("model")),
        texts=tuple(_strings(choices, ("choices",), "assistant", _REPLY_OPAQUE)),
        finish_reasons=tuple(_string(choice.get("finish_reason")) for choice in choices),
        usage=_usage(value.get("usage")),
    )


def write(body: bytes, before: tuple[Text, ...], after: tuple[Text, ...]) -> bytes:
    """The body with the texts that changed; every other byte is the same."""
    return splice(body, changed(before, after))


def error(status: int, message: str, kind: str, code: str) -> bytes:
    """An error in the shape that OpenAI's SDKs read. `status` goes into the HTTP status, not the body."""
    return orjson.dumps({"error": {"message": message, "type": kind, "param": None, "code": code}})


def block(policy: str, message: str, code: str) -> bytes:
    """A policy's refusal (keeptrusts-config.md, 3.40)."""
    return orjson.dumps({"error": {"type": "policy_violation", "message": message, "policy": policy, "code": code}})


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
        if len(message) == 2 and isinstance(content, str):  # nearly every message: no walk needed
            if content:
                yield Text(("messages", index, "content"), role, content)
            continue
        if not isinstance(content, str | list | None):
            raise _wrong(f"{where}.content", "a string or a list of parts", content)
        for part, each in enumerate(content if isinstance(content, list) else ()):
            if not isinstance(each, dict):
                raise _wrong(f"{where}.content[{part}]", "an object", each)
        yield from _strings(message, ("messages", index), role, _OPAQUE)
    yield from _strings(value.get("tools"), ("tools",), "tools", _OPAQUE)
    for key in _SPOKEN:
        yield from _strings(value.get(key), (key,), key, frozenset({"type"}))


def _strings(value: object, path: JsonPath, role: str, opaque: frozenset[str]) -> Iterator[Text]:
    """Every string below `value` that is not under an opaque key."""
    if isinstance(value, str):
        if value:
            yield Text(path, role, value)
    elif isinstance(value, dict):
        for key, child in value.items():
            if key not in _MEDIA and not (key in opaque and isinstance(child, str)):
                yield from _strings(child, (*path, key), role, opaque)
    elif isinstance(value, list):
        for index, child in enumerate(value):
            yield from _strings(child, (*path, index), role, opaque)


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


def _string(value: object) -> str:
    return value if isinstance(value, str) else ""


def _usage(value: object) -> Usage:
    if not isinstance(value, dict):
        return Usage()
    return Usage(
        _count(value, "prompt_tokens"),
        _count(value, "completion_tokens"),
        _count(value.get("prompt_tokens_details"), "cached_tokens"),
        _count(value.get("completion_tokens_details"), "reasoning_tokens"),
    )


def _count(value: object, key: str) -> int | None:
    found = value.get(key) if isinstance(value, dict) else None
    return found if isinstance(found, int) and not isinstance(found, bool) and found >= 0 else None
