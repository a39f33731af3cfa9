"""`kt events`: where a tail begins, what it leaves out, when it ends; looking back; exports."""

from __future__ import annotations

import csv
import json
import os
import signal
import stat
import subprocess
import sys
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest
from command import fails, kt
from live import eventually

from extproc.audit.events import EventLog
from extproc.audit.shipper import Shipper
from extproc.audit.spool import SpoolWriter
from extproc.cli import exit_codes


def event(number: int, **changes: object) -> dict[str, object]:
    made: dict[str, object] = {
        "id": f"evt_{number}", "request_id": f"r{number}", "at": time.time(), "decision": "allowed", "status": 200,
        "user": "ana", "team": "payments", "model": "demo", "policy": "", "reason": "", "duration_ms": 3,
    }  # fmt: skip
    return {**made, **changes}


def log(state: Path, *events: dict[str, object]) -> None:
    EventLog(state / "events").append(events, time.time())


def ages(state: Path, *seconds: float) -> None:
    """An event for each age, as the shipper would have written it."""
    now = time.time()
    for number, age in enumerate(seconds):
        EventLog(state / "events").append([event(number, at=now - age, recorded_at=now - age)], now - age)


def ids(command: str, state: Path, *flags: str) -> list[str]:
    result = kt("events", command, "--json", "--state-dir", state, *flags)
    assert result.exit_code == exit_codes.OK, result.output
    return [json.loads(line)["request_id"] for line in result.stdout.splitlines()]


def tail(state: Path, *flags: str) -> list[str]:
    return ids("tail", state, "--no-follow", *flags)


Reader = Callable[..., list[str]]
BOTH = pytest.mark.parametrize("read", [tail, lambda state, *flags: ids("list", state, *flags)], ids=["tail", "list"])


@BOTH
def test_without_limit_the_last_fifty_are_shown(tmp_path: Path, read: Reader) -> None:
    log(tmp_path, *map(event, range(60)))
    assert read(tmp_path) == [f"r{number}" for number in range(10, 60)]


@BOTH
def test_since_goes_back_that_far_and_over_days(tmp_path: Path, read: Reader) -> None:
    ages(tmp_path, 86400 * 2, 3000, 30)
    assert read(tmp_path, "--since", "1m") == ["r2"]
    assert read(tmp_path, "--since", "1h") == ["r1", "r2"]
    assert read(tmp_path, "--since", "3d") == ["r0", "r1", "r2"]
    hour = datetime.fromtimestamp(time.time() - 3600, UTC)
    for form in (f"{hour:%Y-%m-%dT%H:%M:%SZ}", f"{hour:%Y-%m-%dT%H:%M:%S.5+00:00}", f"{hour:%Y-%m-%d %H:%M:%Sz}"):
        assert read(tmp_path, "--from", form) == ["r1", "r2"]
    assert read(tmp_path, "--since", "2026-01-01") == ["r0", "r1", "r2"]


@BOTH
@pytest.mark.parametrize(
    ("moment", "words"),
    [
        ("", "neither a time like 2026-01-31T12:00:00Z nor an age like 10m"),
        ("soon", "neither a time"),
        ("10", "neither a time"),
        ("0m", "not a duration"),
        ("5w", "neither a time"),
        ("2026-02-30T00:00:00Z", "neither a time"),
        ("2026-01-31T12:00:00", "no time zone"),
        ("9999-12-31T23:59:59-12:00", "no year of ours"),
        ("1969-12-31", "no year of ours"),
        ("200000d", "longer than a century"),
    ],
)
def test_a_moment_that_is_none_is_2(tmp_path: Path, read: Reader, moment: str, words: str) -> None:
    command = "tail" if read is tail else "list"
    fails(kt("events", command, "--state-dir", tmp_path, "--since", moment), exit_codes.USAGE, "--since", words)


def test_the_newest_are_kept_and_who_asked_for_more_is_told(tmp_path: Path) -> None:
    log(tmp_path, *map(event, range(5)))
    assert tail(tmp_path, "--limit", "2") == ["r3", "r4"]
    assert tail(tmp_path, "--limit", "0") == []
    flags = ("events", "list", "--state-dir", tmp_path, "--limit", "2")
    assert kt(*flags).stderr == ""
    cut = kt(*flags, "--since", "1h")
    assert len(cut.stdout.splitlines()) == 2
    assert cut.stderr == "warning: only the newest 2; there are older ones, see --limit\n"
    assert kt(*flags[:-1], "5", "--since", "1h").stderr == ""


@BOTH
def test_every_filter_holds(tmp_path: Path, read: Reader) -> None:
    log(tmp_path, event(0), event(1, decision="blocked"), event(2, decision="blocked", team="search", cache_hit=True))
    assert read(tmp_path, "--filter", "decision=block") == ["r1", "r2"]
    assert read(tmp_path, "--filter", "decision=block", "--filter", "team=search") == ["r2"]
    assert read(tmp_path, "--filter", "cache_hit=true") == ["r2"]
    assert read(tmp_path, "--verdict", "allow") == ["r0"]
    assert read(tmp_path, "--filter", "status=200", "--filter", "user=bob") == []


@BOTH
@pytest.mark.parametrize(
    ("flags", "words"),
    [
        (["--filter", "nope=1"], "'nope' is none of cache, cache_hit, decision, "),
        (["--filter", "team"], "KEY=VALUE"),
        (["--filter", "verdict=allow", "--verdict", "block"], "twice"),
        (["--filter", "cache_hit=1"], "one of true, false"),
        (["--verdict", "blocked"], "is not one of"),
    ],
)
def test_a_filter_that_can_hold_for_nothing_is_2(tmp_path: Path, read: Reader, flags: list[str], words: str) -> None:
    command = "tail" if read is tail else "list"
    fails(kt("events", command, "--state-dir", tmp_path, *flags), exit_codes.USAGE, words)


def test_list_ends_before_until_and_knows_team_and_user(tmp_path: Path) -> None:
    ages(tmp_path, 7200, 3000, 30)
    log(tmp_path, event(9, user="bob", team="search"))
    assert ids("list", tmp_path, "--to", "10m") == ["r0", "r1"]
    assert ids("list", tmp_path, "--from", "1h", "--until", "10m") == ["r1"]
    assert ids("list", tmp_path, "--until", "10m", "--limit", "1") == ["r1"]
    assert ids("list", tmp_path, "--team", "search") == ids("list", tmp_path, "--user", "bob") == ["r9"]
    flags = ("events", "list", "--state-dir", tmp_path)
    fails(kt(*flags, "--from", "1h", "--to", "2h"), exit_codes.USAGE, "--since is not before --until")
    fails(kt(*flags, "--team", "a", "--filter", "team=b"), exit_codes.USAGE, "'team' stands twice")


def test_people_read_a_line_each(tmp_path: Path) -> None:
    log(tmp_path, event(0, at=1764025200, decision="blocked", status=409, policy="prompt-injection", reason="override"))
    line = 'BLOCK    demo user=ana tokens=- cost=- latency=3ms policy=prompt-injection reason="override"\n'
    assert kt("events", "tail", "--no-follow", "--state-dir", tmp_path).stdout == f"2025-11-24T23:00:00.000Z {line}"
    assert kt("events", "list", "--state-dir", tmp_path).stdout == f"2025-11-24T23:00:00.000Z evt_0 {line}"


def test_a_hit_is_found_and_says_what_it_saved(tmp_path: Path) -> None:
    """From what a worker writes to what its operator reads."""
    writer = SpoolWriter(tmp_path / "spool", "w")
    end = {"outcome": "allowed", "model": "gpt-4o", "usage": {"input_tokens": 1000, "output_tokens": 100}}
    told: dict[str, dict[str, object]] = {
        "miss": {"cache_hit": False, "cache": "miss", "cache_reason": "no_match"},
        "hit": {"cache_hit": True, "cache": "hit", "cache_reason": "exact"},
        "none": {},
    }
    for key, cache in told.items():
        writer.append(
            {"k": "begin", "id": key, "at": 1764025200.0, "consumer": {"name": "ana", "team": "", "key_id": "t"}}
        )
        writer.append({"k": "end", "id": key, **end, **cache})
    writer.close()
    shipper = Shipper(tmp_path)
    shipper.turn(1764025201.0)
    shipper.turn(1764025299.0)
    flags = ("events", "tail", "--no-follow", "--filter", "cache_hit=true", "--state-dir", tmp_path)
    assert kt(*flags).stdout == (
        "2025-11-24T23:00:00.000Z ALLOW    gpt-4o user=ana tokens=1100 cost=$0.000000 latency=- cache=hit\n"
    )
    (event,) = map(json.loads, kt(*flags, "--json").stdout.splitlines())
    assert (event["cost_usd"], event["estimated_avoided_cost"]) == (0.0, 0.0035)
    assert 'cache     hit "exact", avoided $0.003500\n' in kt("events", "show", "hit", "--state-dir", tmp_path).stdout
    assert tail(tmp_path, "--filter", "cache_hit=false") == ["miss", "none"]


def test_a_form_may_be_chosen(tmp_path: Path) -> None:
    log(tmp_path, event(0), event(1))
    flags = ("events", "tail", "--no-follow", "--state-dir", tmp_path)
    assert kt(*flags, "--format", "json").stdout == kt(*flags, "--json").stdout
    detailed = kt(*flags, "--format", "detailed").stdout
    assert [line for line in detailed.splitlines() if line.startswith("event ")] == [
        "event     evt_0",
        "event     evt_1",
    ]


@pytest.mark.parametrize(
    "command", [("tail", "--no-follow"), ("list",), ("show", "evt_0"), ("export", "--format", "csv"), ("export",)]
)
@pytest.mark.parametrize("flags", [(), ("--json",)])
def test_no_client_writes_to_the_terminal(tmp_path: Path, command: tuple[str, ...], flags: tuple[str, ...]) -> None:
    log(tmp_path, event(0, model="\x1b]0;owned\x07\x9b2J\u202e", source="a\r\nb\x7f"))
    words = command if command[0] == "export" else (*command, *flags)
    shown = kt("events", *words, "--state-dir", tmp_path).stdout
    assert "owned" in shown
    assert all(line.isprintable() for line in shown.replace("\r\n", "\n").split("\n"))


def test_show_finds_an_event_by_either_id(tmp_path: Path) -> None:
    ages(tmp_path, 86400 * 3, 30)
    flags = ("--state-dir", tmp_path)
    assert kt("events", "show", "evt_0", *flags).stdout.splitlines()[:2] == ["event     evt_0", "request   r0"]
    assert kt("events", "show", "r1", *flags).stdout.splitlines()[0] == "event     evt_1"
    assert json.loads(kt("events", "show", "r1", "--json", *flags).stdout)["id"] == "evt_1"


def test_an_unknown_event_is_1_and_says_what_next(tmp_path: Path) -> None:
    log(tmp_path, event(0))
    for key in ("evt_9", "\x1b[2J", "\udcff"):
        result = kt("events", "show", key, "--state-dir", tmp_path)
        fails(result, exit_codes.FAILED, "there is no event", "kt events list")
        assert result.stderr.strip().isprintable()


def test_an_export_is_an_array_of_all_that_began_in_between(tmp_path: Path) -> None:
    ages(tmp_path, 7200, 3000, *([20] * 200))
    flags = ("events", "export", "--state-dir", tmp_path)
    assert [row["request_id"] for row in json.loads(kt(*flags).stdout)] == [f"r{number}" for number in range(202)]
    assert [row["id"] for row in json.loads(kt(*flags, "--since", "1h", "--until", "10m").stdout)] == ["evt_1"]
    assert json.loads(kt(*flags, "--filter", "user=bob").stdout) == []


def test_an_export_to_a_file_is_there_only_whole_and_for_its_owner(tmp_path: Path) -> None:
    log(tmp_path, event(0, user='Ana, "the" =A1'), event(1))
    out = tmp_path / "events.csv"
    result = kt("events", "export", "--format", "csv", "--output", out, "--state-dir", tmp_path)
    assert (result.exit_code, result.stdout) == (exit_codes.OK, "")
    assert stat.S_IMODE(out.stat().st_mode) == 0o600
    with out.open(newline="") as file:
        assert [row["user"] for row in csv.DictReader(file)] == ['Ana, "the" =A1', "ana"]
    assert out.read_bytes().count(b"\r\n") == 3
    missing = kt("events", "export", "--output", tmp_path / "no" / "x", "--state-dir", tmp_path)
    fails(missing, exit_codes.MISSING, "No such file or directory")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["events", "events.csv"]


def test_without_events_nothing_is_printed_but_a_warning(tmp_path: Path) -> None:
    for words in (("tail", "--no-follow"), ("list",), ("export",)):
        result = kt("events", *words, "--state-dir", tmp_path / "absent")
        assert result.stderr == f"warning: {tmp_path / 'absent'} holds no events yet\n"
    assert tail(tmp_path / "absent") == ids("list", tmp_path / "absent") == []
    assert kt("events", "export", "--state-dir", tmp_path / "absent").stdout == "[]\n"


def start(state: Path, *flags: str, **streams: object) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "extproc", "events", "tail", "--json", "--state-dir", str(state), *flags]
    return subprocess.Popen(command, stderr=subprocess.PIPE, text=True, **streams)  # type: ignore[call-overload]  # `streams` says where its output goes


def test_new_events_are_followed_over_new_files_until_ctrl_c(tmp_path: Path) -> None:
    log(tmp_path, event(0))
    out = tmp_path / "out"
    with out.open("w") as file, start(tmp_path, "--limit", "1", stdout=file) as process:
        eventually(lambda: "r0" in out.read_text(), "the old event")
        log(tmp_path, event(1), event(2))
        EventLog(tmp_path / "events").append([event(3)], time.time() + 86400)
        eventually(lambda: "r3" in out.read_text(), "the new events")
        process.send_signal(signal.SIGINT)
        assert process.wait(20) == exit_codes.INTERRUPTED
        assert process.stderr and process.stderr.read() == ""
    assert [json.loads(line)["request_id"] for line in out.read_text().splitlines()] == ["r0", "r1", "r2", "r3"]


@pytest.mark.parametrize("busy", [True, False], ids=["while it prints", "while nothing happens"])
def test_a_closed_pipe_ends_it_quietly(tmp_path: Path, busy: bool) -> None:
    log(tmp_path, event(0))
    reader, writer = os.pipe()
    with start(tmp_path, stdout=writer) as process:
        os.close(writer)
        assert b"r0" in os.read(reader, 10_000)
        os.close(reader)
        if busy:
            log(tmp_path, event(1))
        assert process.wait(20) == exit_codes.FAILED
        assert process.stderr and process.stderr.read() == ""
