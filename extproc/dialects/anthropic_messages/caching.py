"""Which questions to the Messages API may be answered from a cache, and which answers may be kept."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from extproc.model import Response

_COMPLETE = frozenset({"end_turn", "stop_sequence"})
"""Stop reasons of an answer that is all there."""

_NOISE = frozenset({"stream", "metadata"})
"""Members that do not change an answer: how it comes, and who asks."""

_KEPT = frozenset({"text", "thinking", "redacted_thinking"})


def essence(body: Mapping[str, Any]) -> dict[str, Any]:
    """What of a question makes its answer."""
    return {key: value for key, value in body.items() if key not in _NOISE}


def uncacheable(body: Mapping[str, Any]) -> str:
    """Why a question must reach a provider each time, as the word for header and record; '' where it need not.

    A temperature above 0 asks for another answer each time; one that is not given is the default of people who do not
    care (design D14). Tools that the provider runs find what is there on the day.
    """
    if body.get("temperature"):
        return "temperature"
    for name in ("mcp_servers", "container"):
        if body.get(name):
            return name
    tools = body.get("tools")
    typed = (tool.get("type") for tool in tools if isinstance(tool, dict)) if isinstance(tools, list) else ()
    return "server_tools" if any(kind not in (None, "custom") for kind in typed) else ""


def complete(reply: Response) -> bool:
    """Whether a reply has come to its natural end; little to ask, and it rules out most that `unstorable` would."""
    return bool(reply.finish_reasons) and _COMPLETE.issuperset(reply.finish_reasons)


def unstorable(reply: Mapping[str, Any]) -> str:
    """Why a whole reply must not be given to anyone else, as a word; '' where it may.

    Cut off, refused and empty replies are no answers, and a call of a tool acts on the world of who asked.
    """
    content = reply.get("content")
    if reply.get("type") != "message" or not isinstance(content, list):
        return "no_answer"
    kinds = [block.get("type") if isinstance(block, dict) else None for block in content]
    if "tool_use" in kinds:
        return "tool_calls"
    if reply.get("stop_reason") not in _COMPLETE:
        return "unfinished"
    if any(kind not in _KEPT for kind in kinds):
        return "tool_results"
    return "" if any(block.get("type") == "text" and block.get("text") for block in content) else "no_answer"
