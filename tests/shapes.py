"""One question in the shape of each API that knows tools."""

from __future__ import annotations

from typing import Any

SHAPES = {
    "chat": ("/v1/chat/completions", "messages", "text"),
    "messages": ("/v1/messages", "messages", "text"),
    "responses": ("/v1/responses", "input", "input_text"),
}
"""By dialect: the path, the member that holds what is said, the type of a part of text."""


def tool(dialect: str, name: str, **properties: object) -> dict[str, Any]:
    """A declared tool that takes these arguments."""
    schema = {"type": "object", "properties": properties}
    match dialect:
        case "chat":
            return {"type": "function", "function": {"name": name, "parameters": schema}}
        case "messages":
            return {"name": name, "input_schema": schema}
        case _:
            return {"type": "function", "name": name, "parameters": schema}
