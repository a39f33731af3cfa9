"""Claude Code itself through the gateway, as `kt connect claude-code` sets it up."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import installed
import pytest
from desk import BLOCKED, SECRET, Desk, desk

pytestmark = pytest.mark.full

READ = 'call the tool Bash with {"command": "cat notes.txt", "description": "Reads the notes."}'


def ask(desk: Desk, prompt: str = READ) -> list[dict[str, Any]]:
    """What Claude Code tells of one turn; the last row has the result."""
    return desk.run(*installed.claude_code(), "-p", "--output-format", "stream-json", "--verbose", prompt).rows()


def test_claude_code_runs_a_command_and_goes_on_with_what_it_gave_redacted(tmp_path: Path) -> None:
    with desk(tmp_path, "claude-code") as at:
        told = ask(at)
        decisions, sent = at.decisions(2), at.sent()
    (ran,) = [each["message"]["content"][0] for each in told if each["type"] == "user"]
    assert (ran["type"], ran["content"]) == ("tool_result", f"The customer is {SECRET}.")
    assert told[-1]["result"] == "You said: the tool's The customer is [DLP_REDACTED]." and not told[-1]["is_error"]
    assert decisions == ["allowed", "redacted"]
    assert [path for path, _ in sent] == ["/v1/messages?beta=true"] * 2
    assert not any(SECRET.encode() in body for _, body in sent)
    assert at.elsewhere == []


def test_claude_code_runs_a_command_as_a_policy_has_redacted_it(tmp_path: Path) -> None:
    command = f'{{"command": "echo {SECRET} is here", "description": "Says it."}}'
    with desk(tmp_path, "claude-code", stage="pre-response") as at:
        told = ask(at, f"call the tool Bash with {command}")
    (ran,) = [each["message"]["content"][0] for each in told if each["type"] == "user"]
    assert ran["content"] == "[DLP_REDACTED] is here" and not told[-1]["is_error"]


def test_claude_code_shows_why_a_request_was_blocked_and_does_not_ask_again(tmp_path: Path) -> None:
    with desk(tmp_path, "claude-code", "block") as at:
        told = ask(at)
        decisions, sent = at.decisions(2), at.sent()
    assert told[-1]["result"] == f"API Error: 409 {BLOCKED}" and told[-1]["is_error"]
    assert decisions == ["allowed", "blocked"]
    assert len(sent) == 1


def test_claude_code_takes_a_blocked_reply_for_a_refusal_and_asks_once_more(tmp_path: Path) -> None:
    with desk(tmp_path, "claude-code", "block", "pre-response") as at:
        told = ask(at)
        decisions = at.decisions(3)
    (noted,) = [each for each in told if each.get("subtype") == "model_refusal_no_fallback"]
    assert noted["api_refusal_explanation"] == "The reply was stopped by a policy of this gateway."
    assert told[-1]["stop_reason"] == "refusal" and told[-1]["is_error"]
    assert decisions == ["allowed", "blocked", "blocked"]


def test_claude_code_runs_no_call_that_a_block_has_cut_off(tmp_path: Path) -> None:
    command = f'{{"command": "echo {SECRET} is here", "description": "Says it."}}'
    with desk(tmp_path, "claude-code", "block", "pre-response") as at:
        told = ask(at, f"call the tool Bash with {command}")
        decisions = at.decisions(2)
    assert "tool_result" not in [each["message"]["content"][0]["type"] for each in told if each["type"] == "user"]
    assert told[-1]["stop_reason"] == "refusal" and told[-1]["is_error"]
    assert decisions == ["blocked", "blocked"]
