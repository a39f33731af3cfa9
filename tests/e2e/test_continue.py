"""Continue's CLI through the gateway, as `kt connect continue` sets it up: the same core as in the extensions."""

from __future__ import annotations

from pathlib import Path
from urllib.parse import quote

import installed
import pytest
from desk import BLOCKED, SECRET, Desk, Ran, desk

pytestmark = pytest.mark.full

READ = 'call the tool Bash with {"command": "cat notes.txt"}'

STAYS_HERE = "--import=data:text/javascript," + quote("""
import dns from "node:dns";
const look = dns.lookup;
dns.lookup = (name, ...rest) =>
  name === "localhost" ? look(name, ...rest) : rest.at(-1)(new Error(`no way out to ${name}`));
""")
"""Continue asks its vendor for a newer version whatever the settings say, and heeds no proxy."""


def ask(at: Desk) -> Ran:
    """One turn; what is written is the answer alone."""
    node, script = installed.continue_cli()
    return at.run(node, STAYS_HERE, script, "-p", "--config", str(at.home / ".continue" / "config.yaml"), READ)


def test_continue_runs_a_command_and_goes_on_with_what_it_gave_redacted(tmp_path: Path) -> None:
    with desk(tmp_path, "continue") as at:
        told = ask(at)
        decisions, sent = at.decisions(2), at.sent()
    assert told.status == 0 and told.out.strip() == "You said: the tool's The customer is [DLP_REDACTED]."
    assert decisions == ["allowed", "redacted"]
    assert [path for path, _ in sent] == ["/v1/chat/completions"] * 2
    assert not any(SECRET.encode() in body for _, body in sent)
    assert at.elsewhere == []


def test_continue_shows_why_a_request_was_blocked(tmp_path: Path) -> None:
    with desk(tmp_path, "continue", "block") as at:
        told = ask(at)
        decisions = at.decisions(2)
    assert told.status and BLOCKED in told.out + told.err
    assert decisions == ["allowed", "blocked"]
