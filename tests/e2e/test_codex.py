"""Codex itself through the gateway, as `kt connect codex` sets it up."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import installed
import pytest
from desk import BLOCKED, SECRET, Desk, desk

pytestmark = pytest.mark.full

READ = "call a tool: cat notes.txt"
SCRIPT = 'call the tool exec with text(await tools.exec_command({cmd: "cat notes.txt"}))'
"""How newer models are to run a command: with a program, for a custom tool in a namespace that the input adds."""


def ask(desk: Desk, prompt: str = READ) -> list[dict[str, Any]]:
    """What Codex tells of one turn."""
    return desk.run(*installed.codex(), "exec", "--skip-git-repo-check", "--json", prompt).rows()


def items(told: list[dict[str, Any]], kind: str) -> list[dict[str, Any]]:
    done = [each["item"] for each in told if each["type"] == "item.completed"]
    return [each for each in done if each["type"] == kind]


@pytest.mark.parametrize(("model", "prompt"), [("demo", READ), ("gpt-6-sol", SCRIPT)])
def test_codex_runs_a_command_and_goes_on_with_what_it_gave_redacted(tmp_path: Path, model: str, prompt: str) -> None:
    with desk(tmp_path, "codex", model=model) as at:
        told = ask(at, prompt)
        decisions, sent = at.decisions(2), at.sent()
    (ran,) = items(told, "command_execution")
    assert ran["aggregated_output"] == f"The customer is {SECRET}.\n"
    (said,) = items(told, "agent_message")
    assert "The customer is [DLP_REDACTED]." in said["text"] and told[-1]["type"] == "turn.completed"
    assert decisions == ["allowed", "redacted"]
    assert [path for path, _ in sent] == ["/v1/responses"] * 2
    assert not any(SECRET.encode() in body for _, body in sent)
    assert at.elsewhere == []


def test_codex_runs_a_command_as_a_policy_has_redacted_it(tmp_path: Path) -> None:
    with desk(tmp_path, "codex", stage="pre-response") as at:
        told = ask(at, f"call a tool: echo {SECRET} is here")
    (ran,) = items(told, "command_execution")
    assert ran["aggregated_output"] == "[DLP_REDACTED] is here\n" and told[-1]["type"] == "turn.completed"


def test_codex_shows_that_a_reply_was_blocked_and_does_not_ask_again(tmp_path: Path) -> None:
    with desk(tmp_path, "codex", "block", "pre-response") as at:
        told = ask(at)
        decisions = at.decisions(2)
    failed = {"message": "The reply was stopped by a policy of this gateway."}
    assert told[-1] == {"type": "turn.failed", "error": failed}
    assert decisions == ["allowed", "blocked"]


def test_codex_shows_why_a_request_was_blocked_after_asking_a_few_times_more(tmp_path: Path) -> None:
    with desk(tmp_path, "codex", "block") as at:
        told = ask(at)
        decisions, sent = at.decisions(7), at.sent()
    assert told[-1]["type"] == "turn.failed" and BLOCKED in told[-1]["error"]["message"]
    assert decisions == ["allowed", *["blocked"] * 6]
    assert len(sent) == 1


def test_codex_does_not_ask_again_where_a_block_is_a_400(tmp_path: Path) -> None:
    with desk(tmp_path, "codex", "block", status=400) as at:
        told = ask(at)
        decisions = at.decisions(2)
    assert told[-1]["type"] == "turn.failed" and BLOCKED in told[-1]["error"]["message"]
    assert decisions == ["allowed", "blocked"]
