"""Reads a request."""

from __future__ import annotations

from extproc.dialects.openai_chat import members
from extproc.dialects.openai_completions.prompts import has_tokens, texts
from extproc.model import Request

_SPOKEN = frozenset({"prompt", "suffix"})


def read_request(body: bytes, *, max_depth: int = 64) -> Request:
    """A request body as texts. Raises ClientError: 400 for what is no JSON, 422 for what asks for no completion."""
    value = members.parsed(body, max_depth=max_depth)
    model, stream = members.model(value), members.streams(value)
    prompt, suffix = value.get("prompt"), value.get("suffix")
    if not isinstance(suffix, str | None):
        raise members.wrong("suffix", "a string", suffix)
    unread = "prompt" if prompt is not None and has_tokens(prompt, "prompt") else ""
    wants_usage = members.wants_usage(value)
    return Request(model, stream, tuple(texts(value, _SPOKEN)), wants_usage=wants_usage, unread=unread)
