"""`kt events tail`: where it begins, what it leaves out, when it ends."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from command import fails, kt
from live import eventually

from extproc.audit.events import FILTERS, EventLog
from extproc.cli import exit_codes


def event(number: int, **changes: object) -> dict[str, object]:
    made: dict[str, object] = {
        "request_id": f"r{number}", "at": time.time(), "decision": "allowed", "status": 200, "user": "ana",
        "team": "payments", "model": "demo", "policy": "", "reason": "", "duration_ms": 3,
    }  # fmt: skip
    return {**made, **changes}


def log(state: Path, *events: dict[str, object]) -> None:
    EventLog(state / "events").append(events, time.time())


def tail(state: Path, *flags: str) -> list[str]:
    result = kt("events", "tail", "--no-follow", "--json", "--state-dir", state, *flags)
    assert result.exit_code == exit_codes.OK, result.output
    return [json.loads(line)["request_id"] for line in result.stdout.splitlines()]


def test_without_since_the_last_ten_are_shown(tmp_path: Path) -> None:
    log(tmp_path, *map(event, range(12)))
    assert tail(tmp_path) == [f"r{number}" for number in range(2, 12)]


def test_since_goes_back_that_far_and_over_days(tmp_path: Path) -> None:
    now = time.time()
    for number, age in enumerate((86400 * 2, 3000, 30)):
        EventLog(tmp_path / "events").append([event(number, at=now - age)], now - age)
    assert tail(tmp_path, "--since", "1m") == ["r2"]
    assert tail(tmp_path, "--since", "1h") == ["r1", "r2"]
    assert tail(tmp_path, "--since", "3d") == ["r0", "r1", "r2"]


def test_limit_ends_it_even_while_following(tmp_path: Path) -> None:
    log(tmp_path, *map(event, range(5)))
    assert tail(tmp_path, "--limit", "2") == ["r0", "r1"]
    result = kt("events", "tail", "--json", "--limit", "5", "--state-dir", tmp_path)
    assert len(result.stdout.splitlines()) == 5


def test_every_filter_holds(tmp_path: Path) -> None:
    log(tmp_path, event(0), event(1, decision="blocked"), event(2, decision="blocked", team="search"))
    assert tail(tmp_path, "--filter", "decision=blocked") == ["r1", "r2"]
    assert tail(tmp_path, "--filter", "decision=blocked", "--filter", "team=search") == ["r2"]
    assert tail(tmp_path, "--filter", "status=200", "--filter", "user=bob") == []


@pytest.mark.parametrize("name", FILTERS)
def test_each_filter_finds_its_value_and_no_other(tmp_path: Path, name: str) -> None:
    log(tmp_path, event(0, **{name: "this"}), event(1, **{name: "other"}))
    assert tail(tmp_path, "--filter", f"{name}=this") == ["r0"]


@pytest.mark.parametrize(
    ("filters", "words"),
    [(["nope=1"], "'nope' is none of decision, "), (["team"], "KEY=VALUE"), (["team=a", "team=b"], "twice")],
)
def test_a_filter_that_can_hold_for_nothing_is_2(tmp_path: Path, filters: list[str], words: str) -> None:
    flags = [part for each in filters for part in ("--filter", each)]
    fails(kt("events", "tail", "--no-follow", "--state-dir", tmp_path, *flags), exit_codes.USAGE, "--filter", words)


def test_people_read_a_line_each(tmp_path: Path) -> None:
    log(tmp_path, event(0, decision="blocked", status=409, policy="prompt-injection", reason="override"))
    line = kt("events", "tail", "--no-follow", "--state-dir", tmp_path).stdout
    assert line.endswith('blocked   409 ana demo 3ms policy=prompt-injection reason="override"\n')


def test_without_events_nothing_is_printed(tmp_path: Path) -> None:
    assert tail(tmp_path / "absent") == []


def test_new_events_are_followed_until_ctrl_c(tmp_path: Path) -> None:
    log(tmp_path, event(0))
    command = [sys.executable, "-m", "extproc", "events", "tail", "--json", "--state-dir", str(tmp_path)]
    out = tmp_path / "out"
    with out.open("w") as file, subprocess.Popen(command, stdout=file, stderr=subprocess.PIPE, text=True) as process:
        eventually(lambda: "r0" in out.read_text(), "the old event")
        log(tmp_path, event(1))
        eventually(lambda: "r1" in out.read_text(), "the new event")
        process.send_signal(signal.SIGINT)
        assert process.wait(20) == exit_codes.INTERRUPTED
        assert process.stderr and process.stderr.read() == ""
