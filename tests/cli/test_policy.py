"""`kt policy lint --json`: the shape that editors and pipelines rely on."""

from __future__ import annotations

import json
from pathlib import Path

from command import CONFIG, config, kt

from extproc.cli import exit_codes

FAULT = {"code", "path", "message", "suggestion", "file", "line", "column"}


def test_a_valid_file_is_described(tmp_path: Path) -> None:
    path = config(tmp_path, CONFIG.replace("chain: [prompt-injection]", "chain: [prompt-injection, audit-logger]"))
    result = kt("policy", "lint", "--json", "--file", path)
    report = json.loads(result.stdout)
    assert (result.exit_code, result.stderr) == (exit_codes.OK, "")
    (warning,) = report.pop("warnings")
    assert report == {
        "valid": True,
        "file": str(path),
        "pack": {"name": "test", "version": "1.0.0"},
        "chain": ["prompt-injection", "audit-logger"],
        "policy_count": 2,
    }
    assert warning.keys() == FAULT
    assert (warning["code"], warning["path"], warning["line"]) == ("E003", "policies.chain[1]", 5)


def test_every_fault_of_an_invalid_file_is_listed_with_its_place(tmp_path: Path) -> None:
    path = config(tmp_path, CONFIG.replace("[prompt-injection]", "[prompt-injektion]") + "limitz: {}\n")
    result = kt("policy", "lint", "--json", "--file", path)
    report = json.loads(result.stdout)
    assert result.exit_code == exit_codes.USAGE
    assert report.keys() == {"valid", "file", "errors"} and report["valid"] is False
    assert all(error.keys() == FAULT and error["file"] == str(path) for error in report["errors"])
    places = [(error["code"], error["line"], error["suggestion"]) for error in report["errors"]]
    assert places == [("E001", 5, "prompt-injection"), ("E000", 7, "limits")]


def test_people_read_what_the_file_says(tmp_path: Path) -> None:
    path = config(tmp_path)
    assert kt("policy", "lint", "--file", path).stdout == f"{path}: test 1.0.0, 1 policies: prompt-injection\n"


def test_several_files_are_checked_as_one(tmp_path: Path) -> None:
    over = tmp_path / "over.yaml"
    over.write_text("pack: {version: 2.0.0}\n")
    report = json.loads(kt("policy", "lint", "--json", "--file", config(tmp_path), "--file", over).stdout)
    assert report["pack"] == {"name": "test", "version": "2.0.0"}
