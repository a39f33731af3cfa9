"""Anthropic's token counting: `/v1/messages/count_tokens`. The question is a message's, the answer a number."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from extproc.dialects import UnreadableReply
from extproc.dialects.anthropic_messages import (
    assemble,
    block,
    complete,
    error,
    essence,
    read_error,
    read_request,
    replay,
    stream,
    with_usage,
    write,
)  # fmt: skip
from extproc.dialects.anthropic_messages.replies import read_object, texts
from extproc.dialects.openai_chat.replies import number
from extproc.model import Response

__all__ = [
    "assemble", "block", "complete", "error", "essence", "name", "read_error", "read_request",
    "read_response", "replay", "stream", "uncacheable", "unstorable", "with_usage", "write",
]  # fmt: skip

name = "anthropic-count-tokens"


def read_response(body: bytes, *, max_depth: int = 64) -> Response:
    """A JSON reply as texts, of which there are mostly none. Raises UnreadableReply for anything but a count.

    What was counted was not used, so that no usage is told: providers do not charge for counting.
    """
    value = read_object(body, max_depth)
    if number(value.get("input_tokens")) is None:
        raise UnreadableReply("the reply has no count of input tokens")
    return Response(id="", model="", texts=tuple(texts(value)))


def uncacheable(body: Mapping[str, Any]) -> str:
    """Counting is quick and free: not worth an entry."""
    return "count_tokens"


def unstorable(reply: Mapping[str, Any]) -> str:
    """As `uncacheable`."""
    return "count_tokens"
