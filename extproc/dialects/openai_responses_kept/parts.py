"""Input items, or the word that a response was deleted: every string is a text unless it is known otherwise."""

from __future__ import annotations

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
from extproc.dialects.openai_responses.texts import WORDLESS, as_texts, said
from extproc.model import ClientError, Response

__all__ = [
    "block", "complete", "error", "essence", "name", "read_error", "read_request", "read_response", "replay", "stream",
    "uncacheable", "with_usage", "write",
]  # fmt: skip

_IDS = frozenset({"first_id", "last_id"})


def read_response(body: bytes, *, max_depth: int = 64) -> Response:
    """An object as texts. Raises UnreadableReply for anything else."""
    try:
        value = parse(body, max_depth=max_depth)
    except ClientError as problem:
        raise UnreadableReply(str(problem)) from problem
    if not isinstance(value, dict):
        raise UnreadableReply("the reply is no object")
    return Response(id="", model="", texts=tuple(as_texts(said(value, (), WORDLESS | _IDS), "user")))
