"""OpenAI Responses: `/v1/responses`, which Codex speaks.

Texts are all strings but those that are known to be something else: what messages say, instructions, calls and their
outputs, reasoning, tool definitions, schemas, metadata, links, names. A response repeats the request, and its stream
repeats every text up to four times; each time it is judged again.
Never texts: ids, encrypted reasoning, and the coded content of images, audio and files.
"""

from __future__ import annotations

from extproc.dialects.openai_responses.assemble import assemble
from extproc.dialects.openai_responses.caching import ANSWER_HEADERS, COMPLETE, essence, uncacheable, unstorable
from extproc.dialects.openai_responses.errors import block, error
from extproc.dialects.openai_responses.replay import replay
from extproc.dialects.openai_responses.replies import read_error, read_response
from extproc.dialects.openai_responses.requests import read_request
from extproc.dialects.openai_responses.stream import Stream
from extproc.dialects.openai_responses.texts import write

__all__ = [
    "ANSWER_HEADERS", "COMPLETE", "assemble", "block", "error", "essence", "name", "read_error", "read_request",
    "read_response", "replay", "stream", "uncacheable", "unstorable", "write",
]  # fmt: skip

name = "openai-responses"


def stream(*, max_depth: int = 64) -> Stream:
    """What reads one event stream."""
    return Stream(max_depth=max_depth)
