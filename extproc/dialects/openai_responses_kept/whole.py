"""A response that is fetched again: read as when it was made, but for two things.

Its tokens were told when it was made, except those of one that was made in the background. And one that is still being
written shows no output: half a value would pass, which no policy could know.
"""

from __future__ import annotations

from dataclasses import replace

from extproc.dialects import UnreadableReply
from extproc.dialects.json_text import parse
from extproc.dialects.openai_responses import (
    block,
    complete,
    error,
    essence,
    name,
    read_error,
    read_request,
    replay,
    stream,
    uncacheable,
    with_usage,
    write,
)
from extproc.dialects.openai_responses import read_response as read_new
from extproc.model import Response, Usage

__all__ = [
    "block", "complete", "error", "essence", "name", "read_error", "read_request", "read_response", "replay", "stream",
    "uncacheable", "with_usage", "write",
]  # fmt: skip

_UNFINISHED = ("queued", "in_progress")


def read_response(body: bytes, *, max_depth: int = 64) -> Response:
    """A kept response as texts. Raises UnreadableReply for anything else, and for one that is half written."""
    read = read_new(body, max_depth=max_depth)
    value = parse(body, max_depth=max_depth)
    if value.get("status") in _UNFINISHED and value["output"]:
        raise UnreadableReply("a response that is still being written")
    return read if value.get("background") is True else replace(read, usage=Usage())
