"""Kinds that judge calls of tools, on real Envoy: each dialect, whole and as a stream."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from live import Gateway, Providers, serve, stop
from shapes import SHAPES, tool

POLICY = """
pack: {{name: test, version: 1.0.0}}
workflow_cache: {{enabled: false}}
providers:
  targets:
    - {{id: a, provider: openai, base_url: 'http://127.0.0.1:{port}'}}
    - {{id: b, provider: anthropic, base_url: 'http://127.0.0.1:{port}'}}
policies: {{chain: [agent-firewall, tool-validation, tool-security, tool-budget, audit-logger]}}
policy:
  agent-firewall: {{blocked_tools: [delete_*], max_actions_per_session: 5}}
  tool-validation: {{schemas: {{pay: {{type: object, properties: {{cents: {{type: integer}}}}, required: [cents]}}}}}}
  tool-security: {{}}
  tool-budget: {{budgets: {{crawl: {{max_tokens: 10}}}}}}
"""
TOOLS = ("read_file", "pay", "delete_file", "crawl")
ALL = pytest.mark.parametrize("dialect", SHAPES)
BOTH = pytest.mark.parametrize("streaming", [False, True], ids=["whole", "stream"])
CALLS = {
    "agent_firewall.tool": ("delete_file", {"path": "notes.txt"}),
    "tool_validation.arguments": ("pay", {"cents": "many"}),
    "tool_security.path_traversal": ("read_file", {"path": "../../../etc/passwd"}),
}


@pytest.fixture(scope="module")
def gateway(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    providers = Providers()
    _, port = providers.add()
    found = serve(tmp_path_factory.mktemp("tools"), POLICY.format(port=port))
    yield found
    stop(found)
    providers.close()


def post(
    gateway: Gateway, dialect: str, name: str, arguments: dict[str, Any], *before: dict[str, Any], streaming: bool
) -> httpx.Response:
    path, key, _ = SHAPES[dialect]
    said = [*before, {"role": "user", "content": f"call the tool {name} with {json.dumps(arguments)}"}]
    body = {"model": "demo", key: said, "tools": [tool(dialect, each) for each in TOOLS], "stream": streaming}
    if dialect == "messages":
        body["max_tokens"] = 50
    with gateway.client() as client:
        return client.post(f"https://localhost:{gateway.port}{path}", json=body)


def history(dialect: str, name: str, result: str) -> tuple[dict[str, Any], ...]:
    """A call that was made, and what it gave back."""
    match dialect:
        case "chat":
            call = {"id": "c1", "type": "function", "function": {"name": name, "arguments": "{}"}}
            return {"role": "assistant", "content": None, "tool_calls": [call]}, {
                "role": "tool",
                "tool_call_id": "c1",
                "content": result,
            }
        case "messages":
            call = {"type": "tool_use", "id": "c1", "name": name, "input": {}}
            given = {"type": "tool_result", "tool_use_id": "c1", "content": result}
            return (
                {"role": "user", "content": "go"},
                {"role": "assistant", "content": [call]},
                {"role": "user", "content": [given]},
            )
        case _:
            call = {"type": "function_call", "call_id": "c1", "name": name, "arguments": "{}"}
            return call, {"type": "function_call_output", "call_id": "c1", "output": result}


@ALL
@BOTH
def test_a_call_that_may_be_made_reaches_the_client(gateway: Gateway, dialect: str, streaming: bool) -> None:
    answer = post(gateway, dialect, "read_file", {"path": "src/a.py"}, streaming=streaming)
    assert answer.status_code == 200, answer.text
    assert "read_file" in answer.text
    assert gateway.event(answer)["decision"] == "allowed"


@ALL
@BOTH
@pytest.mark.parametrize("reason", CALLS)
def test_a_call_that_may_not_be_made_never_reaches_the_client(
    gateway: Gateway, dialect: str, streaming: bool, reason: str
) -> None:
    name, arguments = CALLS[reason]
    answer = post(gateway, dialect, name, arguments, streaming=streaming)
    assert answer.status_code == (200 if streaming else 409)
    assert str(next(iter(arguments.values()))) not in answer.text.replace("\\", "")
    assert gateway.event(answer)["reason"] == reason


@ALL
@BOTH
def test_what_a_tool_took_in_the_conversation_counts(gateway: Gateway, dialect: str, streaming: bool) -> None:
    for size, reason in ((30, ""), (60, "tool_budget.tokens")):
        answer = post(gateway, dialect, "crawl", {}, *history(dialect, "crawl", "x" * size), streaming=streaming)
        assert gateway.event(answer)["reason"] == reason, answer.text
