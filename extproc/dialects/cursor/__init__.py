"""Cursor: `/cursor/v1/chat/completions`, where the body of a Responses request is answered with chat completions.

Some models' requests come in the shape of OpenAI's Responses, some as chats, some with parts and tools of Anthropic's
among them; whatever comes, Cursor reads chat chunks alone. So a body is translated to a chat before anything else
looks at it, and from there on it is one: policies, cache and provider see what was translated.

What chat completions have no word for is refused by name, or dropped where it only says how Cursor would like to be
told about reasoning. A chat that is one already passes byte for byte.
"""

from __future__ import annotations

import json
from typing import Any

import orjson

from extproc.dialects.cursor.items import messages
from extproc.dialects.cursor.members import chat_members
from extproc.dialects.openai_chat.members import parsed

__all__ = ["as_chat"]


def as_chat(body: bytes, *, max_depth: int = 64) -> bytes:
    """The body as a chat completions request. Raises ClientError: 400 for bad JSON and for what cannot be translated,
    422 for no object.
    """
    value = parsed(body, max_depth=max_depth)
    translated = _chat(value)
    return body if translated == value else _written(translated)


def _chat(value: dict[str, Any]) -> dict[str, Any]:
    """Where both are there, `messages` is the whole conversation and `input` may lack what tools gave."""
    is_chat = bool(value.get("messages"))
    said = messages(value, is_chat=is_chat)
    return {**chat_members(value, is_chat=is_chat), "messages": said}


def _written(value: dict[str, Any]) -> bytes:
    try:
        return orjson.dumps(value)
    except orjson.JSONEncodeError:  # a number of more than 64 bits, or half a surrogate pair
        return json.dumps(value).encode()
