"""OpenAI chat completions: `/v1/chat/completions`.

Texts are all strings but those that are known to be something else: contents, names, links, tool definitions, the
strings in tool calls' arguments, schemas, metadata, predictions, log probabilities, fields that only one provider has.
Never texts: ids, signatures, encrypted reasoning, and the coded content of images, audio and files.
"""

from __future__ import annotations

from extproc.dialects.openai_chat.assembling import assemble, replay
from extproc.dialects.openai_chat.caching import complete, essence, uncacheable, unstorable
from extproc.dialects.openai_chat.errors import block, error
from extproc.dialects.openai_chat.reader import Stream
from extproc.dialects.openai_chat.replies import read_error, read_response
from extproc.dialects.openai_chat.requests import read_request
from extproc.dialects.openai_chat.texts import write
from extproc.dialects.openai_chat.usage import with_usage

__all__ = [
    "assemble", "block", "complete", "error", "essence", "name", "read_error",
    "read_request", "read_response", "replay", "stream", "uncacheable", "unstorable", "with_usage", "write",
]  # fmt: skip

name = "openai-chat"


def stream(*, max_depth: int = 64, hides_usage: bool = False) -> Stream:
    """What reads one event stream, and with `hides_usage` keeps from the client what `with_usage` brought."""
    return Stream(max_depth=max_depth, hides_usage=hides_usage)
