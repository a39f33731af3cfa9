"""Anthropic messages: `/v1/messages`.

Texts are all strings but those that are known to be something else: the system prompt, contents, thinking, tools'
results, names, descriptions and schemas, the strings and long numbers of tools' inputs, links, titles, citations.
Never texts: ids, signatures, encrypted contents, redacted thinking, and the coded content of images and documents.
"""

from __future__ import annotations

from extproc.dialects.anthropic_messages.assembling import assemble, replay
from extproc.dialects.anthropic_messages.caching import complete, essence, uncacheable, unstorable
from extproc.dialects.anthropic_messages.errors import block, error
from extproc.dialects.anthropic_messages.reader import Stream
from extproc.dialects.anthropic_messages.replies import read_error, read_response
from extproc.dialects.anthropic_messages.requests import read_request
from extproc.dialects.anthropic_messages.texts import write

__all__ = [
    "assemble", "block", "complete", "error", "essence", "name", "read_error", "read_request",
    "read_response", "replay", "stream", "uncacheable", "unstorable", "with_usage", "write",
]  # fmt: skip

name = "anthropic-messages"


def stream(*, max_depth: int = 64, hides_usage: bool = False) -> Stream:
    """What reads one event stream; its tokens are there in any case, and hidden from nobody."""
    return Stream(max_depth=max_depth)


def with_usage(body: bytes) -> bytes:
    """The request as it is: every reply of this API tells its tokens."""
    return body
