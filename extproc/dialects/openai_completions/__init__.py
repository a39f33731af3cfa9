"""OpenAI completions: `/v1/completions`, which editors use to complete what is being typed.

Texts are those of chat completions, and the prompt, the suffix and each choice's text. Tokens in place of a prompt are
no text: nobody here knows the model's vocabulary.
"""

from __future__ import annotations

from extproc.dialects.openai_chat import block, error, read_error, read_response, with_usage, write
from extproc.dialects.openai_completions.assembling import assemble, replay
from extproc.dialects.openai_completions.caching import complete, essence, uncacheable, unstorable
from extproc.dialects.openai_completions.reader import Stream
from extproc.dialects.openai_completions.requests import read_request

__all__ = [
    "assemble", "block", "complete", "error", "essence", "name", "read_error", "read_request",
    "read_response", "replay", "stream", "uncacheable", "unstorable", "with_usage", "write",
]  # fmt: skip

name = "openai-completions"


def stream(*, max_depth: int = 64, hides_usage: bool = False) -> Stream:
    """What reads one event stream, and with `hides_usage` keeps from the client what `with_usage` brought."""
    return Stream(max_depth=max_depth, hides_usage=hides_usage)
