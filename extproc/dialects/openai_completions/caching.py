"""Which questions may be answered from a cache, and which answers may be kept; chat completions' rules, where alike."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from extproc.dialects.openai_chat import caching

essence = caching.essence
complete = caching.complete


def uncacheable(body: Mapping[str, Any]) -> str:
    """Why a question must reach a provider each time, as the word for header and record; '' where it need not."""
    return "best_of" if (body.get("best_of") or 1) != 1 else caching.uncacheable(body)


def unstorable(reply: Mapping[str, Any]) -> str:
    """Why a whole reply must not be given to anyone else, as a word; '' where it may."""
    choices = reply.get("choices")
    if not isinstance(choices, list) or not choices or reply.get("error"):
        return "no_answer"
    for choice in choices:
        if not isinstance(choice, dict) or not choice.get("text"):
            return "no_answer"
        if choice.get("finish_reason") != "stop":
            return "unfinished"
    return ""
