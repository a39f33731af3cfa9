"""OpenAI Responses: `/v1/responses`, which Codex speaks.

Texts are all strings but those that are known to be something else: what messages say, instructions, calls and their
outputs, reasoning, tool definitions, schemas, metadata, links, names. A response repeats the request, and its stream
repeats every text up to four times; each time it is judged again.
Never texts: ids, encrypted reasoning, and the coded content of images, audio and files.
"""

from __future__ import annotations

from extproc.dialects.openai_chat import complete
from extproc.dialects.openai_responses.assembling import assemble
from extproc.dialects.openai_responses.caching import essence, uncacheable, unstorable
from extproc.dialects.openai_responses.errors import block, error
from extproc.dialects.openai_responses.reader import Stream
from extproc.dialects.openai_responses.replaying import replay
from extproc.dialects.openai_responses.replies import read_error, read_response
from extproc.dialects.openai_responses.requests import read_request
from extproc.dialects.openai_responses.texts import write

__all__ = [
    "assemble", "block", "complete", "error", "essence", "name", "read_error", "read_request",
    "read_response", "replay", "stream", "uncacheable", "unstorable", "with_usage", "write",
]  # fmt: skip

name = "openai-responses"


def stream(*, max_depth: int = 64, hides_usage: bool = False) -> Stream:
    """What reads one event stream; its tokens are there in any case, and hidden from nobody."""
    return Stream(max_depth=max_depth)


def with_usage(body: bytes) -> bytes:
    """The request as it is: every response tells its tokens."""
    return body
