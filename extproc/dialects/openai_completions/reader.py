"""Completions as an event stream: chunks like whole replies, each with the next piece of a choice's text."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from extproc.dialects.openai_chat import fragments
from extproc.dialects.openai_chat.reader import Stream as ChatStream
from extproc.dialects.texts import Form, Fragment

_ADDED_UP: Mapping[str, Form] = {"text": "growing"}


class Stream(ChatStream):
    """One stream; framed, numbered, finished and ended as a chat's is."""

    kind = "text_completion"

    def texts_of(self, choice: dict[str, Any], place: int, index: int) -> Iterator[Fragment]:
        """The texts of the choice at this place of an event."""
        return fragments.of_choice(choice, place, index, _ADDED_UP)

    def filtered(self, index: int) -> dict[str, object]:
        """The last word of a choice that a policy stopped."""
        return {"text": "", "index": index, "logprobs": None, "finish_reason": "content_filter"}
