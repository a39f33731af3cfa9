"""`kt doctor`: what is asked about, how it is told, and the exit code."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest
from command import CONFIG, config, fails, kt, python_without, run_bare
from live import free_port

from extproc.cli import exit_codes
from extproc.gateway.supervisor import lock_state

ALWAYS = [
    "python",
    "envoy",
    "hyperscan",
    "open files",
    "state directory",
    "disk",
    "space",
    "in use",
    "port",
    "self-test",
]


@pytest.fixture(autouse=True)
def no_collector(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("OTEL_EXPORTER_OTLP_ENDPOINT", raising=False)


def doctor(root: Path, *flags: str | Path) -> tuple[int, dict[str, dict[str, str]]]:
    """The exit code, and the checks by name."""
    state = root / "state"
    result = kt("doctor", "--json", "--listen", f"127.0.0.1:{free_port()}", "--state-dir", state, *flags)
    report = json.loads(result.stdout)
    assert report.keys() == {"ok", "checks"} and report["ok"] is (result.exit_code == exit_codes.OK)
    assert all(check.keys() == {"name", "status", "message", "next"} for check in report["checks"])
    assert not (state / "run").exists()  # it changes nothing
    return result.exit_code, {check["name"]: check for check in report["checks"]}


def test_on_this_machine_nothing_fails(tmp_path: Path) -> None:
    code, checks = doctor(tmp_path)
    assert (code, list(checks)) == (exit_codes.OK, ALWAYS)


def test_each_check_is_a_line_that_ends_in_the_next_step(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        at = f"127.0.0.1:{taken.getsockname()[1]}"
        result = kt("doctor", "--listen", at, "--state-dir", tmp_path)
    assert result.exit_code == exit_codes.FAILED
    assert len(result.stdout.splitlines()) == len(ALWAYS) and result.stderr == ""
    assert (
        f"fail  port: cannot listen on {at}: Address already in use; next: choose another --listen\n" in result.stdout
    )


def test_the_configuration_is_asked_about_when_it_is_given(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DOCTOR_TEST_KEY", "sk-secret")
    path = config(tmp_path, CONFIG.replace("{id: a,", "{id: a, secret_key_ref: {env: DOCTOR_TEST_KEY},"))
    code, checks = doctor(tmp_path, "--policy-config", path)
    assert code == exit_codes.OK and "sk-secret" not in str(checks)
    assert [name for name in checks if name not in ALWAYS] == [
        "policy-config",
        "credential of a",
        "envoy's configuration",
    ]
    monkeypatch.delenv("DOCTOR_TEST_KEY")
    code, checks = doctor(tmp_path, "--policy-config", path)
    assert code == exit_codes.FAILED and checks["credential of a"]["next"] == "set DOCTOR_TEST_KEY"


def test_a_configuration_that_does_not_load_fails_and_the_rest_is_still_told(tmp_path: Path) -> None:
    code, checks = doctor(tmp_path, "--policy-config", tmp_path / "absent.yaml")
    assert (code, checks["policy-config"]["status"], checks["self-test"]["status"]) == (1, "fail", "ok")


def test_a_bad_certificate_fails_alone(tmp_path: Path) -> None:
    tls = ("--tls-cert", tmp_path / "absent.pem", "--tls-key", tmp_path / "absent.pem")
    code, checks = doctor(tmp_path, "--policy-config", config(tmp_path), *tls)
    assert code == exit_codes.FAILED
    assert [name for name, check in checks.items() if check["status"] == "fail"] == ["certificate"]


def test_a_state_directory_in_use_is_no_fault(tmp_path: Path) -> None:
    lock = lock_state(tmp_path / "state")
    code, checks = doctor(tmp_path)
    os.close(lock)
    assert code == exit_codes.OK and "runs on" in checks["in use"]["message"]


def test_a_missing_envoy_fails_and_nothing_asks_it(tmp_path: Path) -> None:
    bare = python_without(tmp_path / "python")
    done = run_bare(bare, "doctor", "--json", "--state-dir", tmp_path, "--policy-config", config(tmp_path))
    checks = {check["name"]: check["status"] for check in json.loads(done.stdout)["checks"]}
    assert (done.returncode, done.stderr, checks["envoy"]) == (exit_codes.FAILED, "", "fail")
    assert "envoy's configuration" not in checks


def test_few_open_files_are_a_warning(tmp_path: Path) -> None:
    line = f"ulimit -n 512; exec {sys.executable} -m extproc doctor --state-dir {tmp_path} --listen 127.0.0.1:{free_port()}"
    done = subprocess.run(["sh", "-c", line], capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == exit_codes.OK
    assert "warn  open files: 512, so about 256 streams at once; next: raise it" in done.stdout


@pytest.mark.parametrize(
    ("variables", "status", "code", "words"),
    [
        ({"ENDPOINT": "http://127.0.0.1:99999"}, "fail", 1, "OTEL_EXPORTER_OTLP_ENDPOINT: expected"),
        ({"ENDPOINT": "http://127.0.0.1:9", "TIMEOUT": "soon"}, "fail", 1, "OTEL_EXPORTER_OTLP_TIMEOUT: expected"),
        ({"ENDPOINT": "http://127.0.0.1:9"}, "warn", 0, "cannot connect to 127.0.0.1:9"),
    ],
)
def test_the_collector_is_asked_about_when_there_is_to_be_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, variables: dict[str, str], status: str, code: int, words: str
) -> None:
    for name, value in variables.items():
        monkeypatch.setenv(f"OTEL_EXPORTER_OTLP_{name}", value)
    found, checks = doctor(tmp_path)
    assert (found, checks["collector"]["status"]) == (code, status) and words in checks["collector"]["message"]


def test_bad_usage_is_2(tmp_path: Path) -> None:
    fails(kt("doctor", "--listen", "::1:1"), exit_codes.USAGE, "in brackets")
    fails(kt("doctor", "--tls-cert", tmp_path / "x"), exit_codes.USAGE, "go together")
