"""Aider itself through the gateway, as `kt connect aider` sets it up. Its tool call is a listing that it writes to a file."""

from __future__ import annotations

from pathlib import Path

import installed
import pytest
from desk import BLOCKED, MODEL, SECRET, desk

pytestmark = pytest.mark.full

EDIT = "Please.\n\nnotes.txt\n```\nThe customer has left.\n```\n"
TEST = f"cat notes.txt; printf {SECRET[:5]}; echo {SECRET[5:]}; false"
"""Aider sends what a failing test wrote."""

REMINDERS = "".join(
    f"- {{name: {api}/{MODEL}, edit_format: whole, reminder: sys}}\n" for api in ("openai", "anthropic")
)
"""Where Aider tells a model once more how to write: not in the user's message, which the demo provider echoes."""

PRICES = "raw.githubusercontent.com:443"
"""No setting of Aider's turns this off."""


FLAGS = ("--yes-always", "--no-git", "--no-show-model-warnings", "--auto-test", "--test-cmd", TEST)


@pytest.mark.parametrize(("client", "path"), [("aider", "/v1/chat/completions"), ("aider-anthropic", "/v1/messages")])
def test_aider_edits_a_file_and_goes_on_with_what_its_test_gave_redacted(
    tmp_path: Path, client: str, path: str
) -> None:
    with desk(tmp_path, client) as at:
        (at.work / ".aider.model.settings.yml").write_text(REMINDERS)
        told = at.run(*installed.aider(), *FLAGS, "--message", EDIT, "notes.txt")
        decisions, sent = at.decisions(2), at.sent()
        notes = (at.work / "notes.txt").read_text()
    assert told.status == 0, told
    assert notes == "The customer has left.\n" and "Applied edit to notes.txt" in told.out
    assert SECRET in told.out and "[DLP_REDACTED]" in told.out
    assert decisions == ["redacted", "redacted"], told.out
    assert [where for where, _ in sent] == [path] * 2
    assert not any(SECRET.encode() in body for _, body in sent)
    assert set(at.elsewhere) <= {PRICES}


def test_aider_shows_why_and_does_not_ask_again_where_a_block_is_a_400(tmp_path: Path) -> None:
    with desk(tmp_path, "aider", "block", status=400) as at:
        (at.work / "notes.txt").write_text("The customer is here.\n")
        (at.work / ".aider.model.settings.yml").write_text(REMINDERS)
        told = at.run(*installed.aider(), *FLAGS, "--message", EDIT, "notes.txt")
        decisions = at.decisions(2)
    assert " ".join(told.out.split()).count(BLOCKED) == 1
    assert decisions == ["allowed", "blocked"]


@pytest.mark.parametrize("client", ["aider", "aider-anthropic"])
def test_what_aider_asks_again_is_a_hit(tmp_path: Path, client: str) -> None:
    with desk(tmp_path, client, cache=True) as at:
        (at.work / ".aider.model.settings.yml").write_text(REMINDERS)
        command = (*installed.aider(), *FLAGS[:3], "--message", "How are you?")
        told = [at.run(*command) for _ in range(2)]
        at.decisions(2)
    assert ["You said: How are you?" in each.out for each in told] == [True, True]
    assert [row["cache"] for row in at.gateway.rows()] == ["miss", "hit"]
    assert len(at.sent()) == 1
