"""The members of a body beside the conversation."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from extproc.dialects.cursor.refusal import only, refused, wrong
from extproc.dialects.cursor.tools import choice, tools

Json = dict[str, Any]

_SAME = frozenset(
    {
        "model", "stream", "stream_options", "temperature", "top_p", "top_logprobs", "parallel_tool_calls", "user",
        "metadata", "store", "service_tier", "safety_identifier", "prompt_cache_key", "prompt_cache_retention",
        "prompt_cache_options", "moderation",
        "max_tokens", "max_completion_tokens", "reasoning_effort", "response_format", "verbosity", "stop", "seed", "n",
        "presence_penalty", "frequency_penalty", "logit_bias", "logprobs", "modalities", "prediction",
    }
)  # fmt: skip
"""Members that both APIs have, or that only chats have and Cursor puts beside an `input`."""

_CONVERSATION = frozenset({"messages", "input", "instructions", "system"})
_KEPT = frozenset({"previous_response_id", "conversation", "prompt", "context_management", "max_tool_calls"})
_OF_TOOLS = frozenset({"tools", "tool_choice", "parallel_tool_calls"})


def chat_members(value: Json, *, is_chat: bool) -> Json:
    """A chat's members. In a chat, what nobody knows passes, as it does everywhere; beside an `input` it is refused.

    Of Responses, null says nothing, nor does an empty list of tools, which OpenAI takes from no chat.
    """
    found: Json = {}
    unsaid = frozenset() if is_chat or value.get("tools") else _OF_TOOLS
    for key, child in value.items():
        if key in _CONVERSATION | unsaid or (child is None and not is_chat):
            continue
        if key in _TRANSLATED and child is not None:
            found.update(_TRANSLATED[key](child))
        elif key in _SAME or is_chat:
            found[key] = child
        elif key in _KEPT:
            raise refused(key, "it refers to what Responses keep or do by themselves")
        else:
            raise refused(key)
    return found


def _most(value: object) -> Json:
    return {"max_completion_tokens": value}


def _reasoning(value: object) -> Json:
    """How much, not how it is summed up: chats tell nothing of reasoning."""
    if not isinstance(value, dict):
        raise wrong("reasoning", "an object", value)
    only("reasoning", value, frozenset({"effort", "summary", "generate_summary"}))
    return {"reasoning_effort": value["effort"]} if value.get("effort") is not None else {}


def _text(value: object) -> Json:
    if not isinstance(value, dict):
        raise wrong("text", "an object", value)
    only("text", value, frozenset({"format", "verbosity"}))
    verbosity = {"verbosity": value["verbosity"]} if value.get("verbosity") is not None else {}
    return {**_format(value.get("format")), **verbosity}


def _format(value: object) -> Json:
    if value is None:
        return {}
    kind = value.get("type") if isinstance(value, dict) else None
    if not isinstance(value, dict) or kind not in ("text", "json_object", "json_schema"):
        raise refused("text.format", "its type is none of text, json_object and json_schema")
    if kind == "text":
        return {}
    if kind == "json_object":
        return {"response_format": {"type": kind}}
    only("text.format", value, frozenset({"type", "name", "description", "schema", "strict"}))
    schema = {key: child for key, child in value.items() if key != "type"}
    return {"response_format": {"type": kind, "json_schema": schema}}


def _include(value: object) -> Json:
    """Encrypted reasoning has no place in a chat, and Cursor asks for it each time."""
    if not isinstance(value, list):
        raise wrong("include", "a list", value)
    found: Json = {}
    for index, each in enumerate(value):
        if each == "message.output_text.logprobs":
            found["logprobs"] = True
        elif each != "reasoning.encrypted_content":
            raise refused(f"include[{index}]", "chat completions tell no such thing")
    return found


def _background(value: object) -> Json:
    if value:
        raise refused("background", "a chat completion is answered while its client waits")
    return {}


def _truncation(_: object) -> Json:
    """Who asks for `auto` gets the provider's error where a conversation is too long, as every chat does."""
    return {}


_TRANSLATED: dict[str, Callable[[Any], Json]] = {
    "max_output_tokens": _most,
    "reasoning": _reasoning,
    "text": _text,
    "include": _include,
    "background": _background,
    "truncation": _truncation,
    "tools": lambda value: {"tools": tools(value)},
    "tool_choice": lambda value: {"tool_choice": choice(value)},
}
