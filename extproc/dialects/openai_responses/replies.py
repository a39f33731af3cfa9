"""Reads a whole reply."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from extproc.dialects import UnreadableReply
from extproc.dialects.json_text import parse
from extproc.dialects.openai_chat.replies import number, read_error, string
from extproc.dialects.openai_responses.texts import KINDS, OPAQUE, WORDLESS, Said, as_texts, said, word
from extproc.model import ClientError, Response, Usage

__all__ = ["finish", "of_response", "read_error", "read_response", "usage"]

_ECHOED = frozenset({"tools", "text", "metadata", "tool_choice", "reasoning", "error", "incomplete_details"})
"""Members in which people choose the keys."""


def read_response(body: bytes, *, max_depth: int = 64) -> Response:
    """A JSON reply as texts. Raises UnreadableReply for anything but a response object."""
    try:
        value = parse(body, max_depth=max_depth)
    except ClientError as error:
        raise UnreadableReply(str(error)) from error
    output = value.get("output") if isinstance(value, dict) else None
    if not isinstance(output, list) or not all(isinstance(item, dict) for item in output):
        raise UnreadableReply("the reply has no list of output items")
    return Response(
        id=string(value.get("id")),
        model=string(value.get("model")),
        texts=tuple(as_texts(of_response(value, ()), "assistant")),
        finish_reasons=(finish(value),),
        usage=usage(value.get("usage")),
        items=tuple(name for item in output if (name := string(item.get("id")))),
    )


def of_response(value: Mapping[str, Any], path: tuple[str, ...]) -> Iterator[Said]:
    """What a response object says: its output, and what it repeats of the request."""
    for key, child in value.items():
        yield from word(key, path)
        keys = WORDLESS if isinstance(child, str) else KINDS if key in _ECHOED else OPAQUE
        yield from said(child, (*path, key), keys, name=key)


def finish(value: Mapping[str, Any]) -> str:
    """How a response ended, in the words that chat has for it where it has one."""
    status = string(value.get("status"))
    if status != "completed":
        details = value.get("incomplete_details")
        reason = string(details.get("reason")) if isinstance(details, dict) else ""
        return reason or status or "unknown"
    called = (item.get("type") for item in value.get("output") or () if isinstance(item, dict))
    return "tool_calls" if any(str(kind).endswith("_call") for kind in called) else "stop"


def usage(value: object) -> Usage:
    """The tokens of a reply's `usage`; None for what it does not say."""
    if not isinstance(value, dict):
        return Usage()
    return Usage(
        _count(value, "input_tokens"),
        _count(value, "output_tokens"),
        _count(value.get("input_tokens_details"), "cached_tokens"),
        _count(value.get("output_tokens_details"), "reasoning_tokens"),
    )


def _count(value: object, key: str) -> int | None:
    return number(value.get(key)) if isinstance(value, dict) else None
