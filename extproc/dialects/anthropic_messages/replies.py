"""Reads a whole reply."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from extproc.dialects import UnreadableReply
from extproc.dialects.anthropic_messages.texts import REPLY_OPAQUE, WORDLESS, strings, words
from extproc.dialects.json_text import parse
from extproc.dialects.openai_chat.replies import number, string
from extproc.model import ClientError, Response, Text, Usage


def read_response(body: bytes, *, max_depth: int = 64) -> Response:
    """A JSON reply as texts. Raises UnreadableReply for anything but a message."""
    value = read_object(body, max_depth)
    content = value.get("content")
    if not isinstance(content, list) or not all(isinstance(block, dict) for block in content):
        raise UnreadableReply("the reply has no list of content blocks")
    reason = string(value.get("stop_reason"))
    return Response(
        id=string(value.get("id")),
        model=string(value.get("model")),
        texts=tuple(texts(value)),
        finish_reasons=(reason,) if reason else (),
        usage=usage(value.get("usage")),
    )


def read_error(body: bytes, *, max_depth: int = 64) -> Response:
    """A provider's error as texts: it may repeat what it was sent. Raises UnreadableReply for no JSON object."""
    return Response("", "", tuple(strings(read_object(body, max_depth), (), "error", frozenset())))


def read_object(body: bytes, max_depth: int) -> dict[str, Any]:
    """The object that a reply is. Raises UnreadableReply."""
    try:
        value = parse(body, max_depth=max_depth)
    except ClientError as error:
        raise UnreadableReply(str(error)) from error
    if not isinstance(value, dict):
        raise UnreadableReply("the reply is not an object")
    return value


def texts(value: dict[str, Any]) -> Iterator[Text]:
    """Every text of a reply."""
    for key, child in value.items():
        yield from words(key, (), "assistant")
        yield from strings(child, (key,), "assistant", WORDLESS if isinstance(child, str) else REPLY_OPAQUE)


def usage(value: object) -> Usage:
    """The tokens of a reply's `usage`; None for what it does not say.

    The API counts what went through its prompt cache apart from `input_tokens`; here that is part of the input.
    """
    if not isinstance(value, dict):
        return Usage()
    read = number(value.get("cache_read_input_tokens"))
    fresh = number(value.get("input_tokens"))
    written = number(value.get("cache_creation_input_tokens"))
    details = value.get("output_tokens_details")
    return Usage(
        None if fresh is None else fresh + (read or 0) + (written or 0),
        number(value.get("output_tokens")),
        read,
        number(details.get("thinking_tokens")) if isinstance(details, dict) else None,
    )
