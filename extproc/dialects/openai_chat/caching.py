"""Which chat questions may be answered from a cache, and which answers may be kept."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from extproc.model import Response

_NOISE = frozenset(
    {
        "stream", "stream_options",  # how, not what: an entry serves either kind
        "user", "safety_identifier", "metadata", "prompt_cache_key", "prompt_cache_retention",  # who asks, for accounts
    }
)  # fmt: skip
"""Members that do not change an answer."""


def essence(body: Mapping[str, Any]) -> dict[str, Any]:
    """What of a question makes its answer."""
    return {key: value for key, value in body.items() if key not in _NOISE}


def uncacheable(body: Mapping[str, Any]) -> str:
    """Why a question must reach a provider each time, as the word for header and record; '' where it need not.

    A temperature above 0 asks for another answer each time; one that is not given is the default of people who do not
    care (design D14). What a provider keeps for later (`store`) or finds on the day (`web_search_options`) is no
    matter of the question alone.
    """
    if body.get("temperature"):
        return "temperature"
    if (body.get("n") or 1) != 1:
        return "n"
    for name in ("logprobs", "store", "web_search_options", "audio", "background", "previous_response_id"):
        if body.get(name) not in (None, False):
            return name
    modalities = body.get("modalities")
    return "audio" if isinstance(modalities, list) and "audio" in modalities else ""


def complete(reply: Response) -> bool:
    """Whether a reply has come to its natural end; little to ask, and it rules out most that `unstorable` would."""
    return bool(reply.finish_reasons) and all(reason == "stop" for reason in reply.finish_reasons)


def unstorable(reply: Mapping[str, Any]) -> str:
    """Why a whole reply must not be given to anyone else, as a word; '' where it may.

    Cut off, filtered and empty replies are no answers, and a call of a tool acts on the world of who asked.
    """
    choices = reply.get("choices")
    if not isinstance(choices, list) or not choices or reply.get("error"):
        return "no_answer"
    for choice in choices:
        message = choice.get("message") if isinstance(choice, dict) else None
        if not isinstance(message, dict):
            return "no_answer"
        if message.get("tool_calls") or message.get("function_call"):
            return "tool_calls"
        if choice.get("finish_reason") != "stop":
            return "unfinished"
        if message.get("audio"):
            return "audio"
        if not message.get("content"):
            return "no_answer"
    return ""
