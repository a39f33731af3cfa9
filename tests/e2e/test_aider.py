"""Aider itself through the gateway, as `kt connect aider` sets it up. Its tool call is a listing that it writes to a file."""

from __future__ import annotations

from pathlib import Path

import installed
import pytest
from desk import MODEL, SECRET, desk

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


@pytest.mark.parametrize(("client", "path"), [("aider", "/v1/chat/completions"), ("aider-anthropic", "/v1/messages")])
def test_aider_edits_a_file_and_goes_on_with_what_its_test_gave_redacted(
    tmp_path: Path, client: str, path: str
) -> None:
    flags = ("--yes-always", "--no-git", "--no-show-model-warnings", "--auto-test", "--test-cmd", TEST)
    with desk(tmp_path, client) as at:
        (at.work / ".aider.model.settings.yml").write_text(REMINDERS)
        told = at.run(*installed.aider(), *flags, "--message", EDIT, "notes.txt")
        decisions, sent = at.decisions(2), at.sent()
        notes = (at.work / "notes.txt").read_text()
    assert told.status == 0, told
    assert notes == "The customer has left.\n" and "Applied edit to notes.txt" in told.out
    assert SECRET in told.out and "[DLP_REDACTED]" in told.out
    assert decisions == ["redacted", "redacted"], told.out
    assert [where for where, _ in sent] == [path] * 2
    assert not any(SECRET.encode() in body for _, body in sent)
    assert set(at.elsewhere) <= {PRICES}
