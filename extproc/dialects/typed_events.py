"""Events that say what they are, as those of OpenAI's Responses and of Anthropic's messages do."""

from __future__ import annotations

from typing import Any

from extproc.dialects import UnreadableReply
from extproc.dialects.json_text import parse
from extproc.model import ClientError


def typed(data: bytes, *, max_depth: int) -> dict[str, Any]:
    """An event's data: an object whose `type` is a string. Raises UnreadableReply."""
    try:
        value = parse(data, max_depth=max_depth)
    except ClientError as fault:
        raise UnreadableReply(f"an event of the stream: {fault}") from fault
    if not isinstance(value, dict) or not isinstance(value.get("type"), str):
        raise UnreadableReply("an event of the stream is no object with a type")
    return value
