"""Which tools the demo provider finds in a Responses request."""

from __future__ import annotations

from typing import Any

import pytest

from extproc.gateway.demo_responses import response

FUNCTION: dict[str, Any] = {"type": "function", "name": "look", "parameters": {"required": ["where"]}}
CUSTOM = {"type": "custom", "name": "exec"}
SPACE = {"type": "namespace", "name": "functions", "tools": [CUSTOM, FUNCTION]}


def called(text: str, *items: dict[str, Any], **more: object) -> dict[str, Any]:
    (item,) = response({"input": [*items, {"role": "user", "content": text}], **more}, "You said: ")["output"]
    return {name: value for name, value in item.items() if name not in ("id", "call_id", "status")}


@pytest.mark.parametrize("added", [False, True])
def test_a_tool_of_a_namespace_is_called_with_its_namespace_wherever_it_is_offered(added: bool) -> None:
    items = [{"type": "additional_tools", "tools": [SPACE]}] if added else []
    tools: list[object] = [] if added else [{"type": "web_search"}, SPACE]
    assert called("call the tool exec with run()", *items, tools=tools) == {
        "type": "custom_tool_call",
        "name": "exec",
        "namespace": "functions",
        "input": "run()",
    }
    assert called('call the tool look with {"where": "here"}', *items, tools=tools) == {
        "type": "function_call",
        "name": "look",
        "namespace": "functions",
        "arguments": '{"where":"here"}',
    }


def test_a_tool_of_no_namespace_is_called_without_one() -> None:
    assert called("call a tool: up", tools=[{"type": "web_search"}, FUNCTION]) == {
        "type": "function_call",
        "name": "look",
        "arguments": '{"where":"up"}',
    }
