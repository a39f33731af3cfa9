"""Which Responses questions may be answered from a cache, and which answers may be kept."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

_NOISE = frozenset({"stream", "stream_options", "prompt_cache_key", "prompt_cache_retention"})
"""Members that do not change an answer. `user`, `metadata` and `safety_identifier` do: a response repeats them."""

_OWN_TOOLS = frozenset({"function", "custom", "namespace"})
"""Tools that the client runs; what others find is of the day."""

_SAID = frozenset({"message", "reasoning"})


def essence(body: Mapping[str, Any]) -> dict[str, Any]:
    """What of a question makes its answer."""
    return {key: value for key, value in body.items() if key not in _NOISE}


def uncacheable(body: Mapping[str, Any]) -> str:
    """Why a question must reach a provider each time, as the word for header and record; '' where it need not.

    `store` is true where it is not given: the provider keeps the answer, and who asked may go on from its id. The
    answer from a cache has somebody else's id. Codex sends false.
    """
    if body.get("store") is not False:
        return "store"
    if body.get("temperature"):
        return "temperature"
    for name in ("background", "previous_response_id", "conversation", "prompt", "top_logprobs"):
        if body.get(name) not in (None, False, 0):
            return name
    if any(_kind(tool) not in _OWN_TOOLS for tool in _listed(body, "tools")):
        return "tools"
    referring = any(_refers(item) for item in _listed(body, "input"))
    return "item_reference" if referring else ""


def unstorable(reply: Mapping[str, Any]) -> str:
    """Why a whole reply must not be given to anyone else, as a word; '' where it may.

    Cut off, filtered and empty replies are no answers, and a call of a tool acts on the world of who asked.
    """
    output = reply.get("output")
    if not isinstance(output, list) or reply.get("error"):
        return "no_answer"
    if any(_kind(item) not in _SAID for item in output):
        return "tool_calls"
    if reply.get("status") != "completed":
        return "unfinished"
    parts = [part for item in output if _kind(item) == "message" for part in _listed(item, "content")]
    said = any(_kind(part) == "output_text" and part.get("text") for part in parts)
    return "" if said else "no_answer"


def _refers(item: object) -> bool:
    """Whether an item stands for one that the provider has kept."""
    return isinstance(item, dict) and (_kind(item) == "item_reference" or item.keys() <= {"id", "type"})


def _listed(value: Mapping[str, Any], key: str) -> list[Any]:
    found = value.get(key)
    return found if isinstance(found, list) else []


def _kind(value: object) -> object:
    """The type of an item, part or tool; None where it has none that can be compared."""
    kind = value.get("type") if isinstance(value, dict) else None
    return kind if isinstance(kind, str) else None
