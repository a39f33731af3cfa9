"""Which tool the demo provider calls, over whatever API.

`call a tool` calls the first one with the whole message, `call a tool: WORDS` with the words, for each argument that it
requires. `call the tool NAME with JSON` calls that one with exactly these arguments; real clients have many tools, and
refuse arguments that do not fit. What a tool gave back calls none, so that a conversation ends.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

_ANY = "call a tool"
_NAMED = "call the tool "


@dataclass(frozen=True, slots=True)
class Said:
    """What was said last, and whether a tool said it."""

    text: str
    by_tool: bool = False


@dataclass(frozen=True, slots=True)
class Tool:
    """A tool that a request offers; `schema` is its arguments'."""

    name: str
    schema: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Call:
    """`words` are the arguments of a tool that takes a text instead."""

    name: str
    arguments: dict[str, Any]
    words: str


def given_back(content: object) -> Said:
    """What a tool said, in a text or in parts."""
    return Said(f"the tool's {text_of(content)}", by_tool=True)


def text_of(content: object) -> str:
    """A text, or those of a list of parts."""
    return " ".join(part.get("text", "") for part in content) if isinstance(content, list) else str(content or "")


def call(said: Said, tools: Sequence[Tool]) -> Call | None:
    """What is to be called; None where nothing is asked for, or nothing like it is offered."""
    if said.by_tool or not tools:
        return None
    if _NAMED in said.text:
        return _named(said.text.partition(_NAMED)[2], tools)
    return _called(tools[0], said.text.partition(f"{_ANY}: ")[2] or said.text) if _ANY in said.text else None


def _named(text: str, tools: Sequence[Tool]) -> Call | None:
    name, _, words = text.partition(" with ")
    tool = {each.name: each for each in tools}.get(name)
    if tool is None:
        return None
    try:
        arguments, _ = json.JSONDecoder().raw_decode(words)  # whatever follows is conversation
    except ValueError:
        return _called(tool, words)
    return Call(name, arguments, words) if isinstance(arguments, dict) else _called(tool, words)


def _called(tool: Tool, words: str) -> Call:
    return Call(tool.name, dict.fromkeys(tool.schema.get("required") or ["query"], words), words)
