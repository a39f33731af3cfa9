"""`kt tokens`: the shapes that scripts rely on."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from command import fails, kt

from extproc.cli import exit_codes
from extproc.identity.store import TokenStore

PUBLIC = {"id", "type", "name", "team", "org", "hint", "status", "created_at", "expires_at", "revoked_at"}


def create(state: Path, *flags: str) -> dict[str, str]:
    made: dict[str, str] = json.loads(kt("tokens", "create", "--json", "--state-dir", state, *flags).stdout)
    return made


def listed(state: Path) -> list[dict[str, str]]:
    rows: list[dict[str, str]] = json.loads(kt("tokens", "list", "--json", "--state-dir", state).stdout)
    return rows


def test_a_created_key_is_shown_once(tmp_path: Path) -> None:
    made = create(tmp_path, "--name", "laptop", "--team", "payments", "--expires-in", "90d")
    assert made.keys() == PUBLIC | {"key"}
    assert made["key"].startswith("kt_ak_") and made["hint"] == f"kt_ak_…{made['key'][-4:]}"
    (row,) = listed(tmp_path)
    assert row == {name: value for name, value in made.items() if name != "key"}
    assert made["key"] not in kt("tokens", "list", "--state-dir", tmp_path).output


def test_a_key_alone_is_the_first_line_of_the_output(tmp_path: Path) -> None:
    result = kt("tokens", "create", "--name", "laptop", "--state-dir", tmp_path)
    assert result.stdout.splitlines()[0].startswith("kt_ak_")
    assert "not shown again" in result.stderr


def test_a_gateway_key_says_so(tmp_path: Path) -> None:
    made = create(tmp_path, "--name", "gw", "--type", "gateway")
    assert made["key"].startswith("kt_gk_") and made["type"] == "gateway"


def test_each_token_has_its_status(tmp_path: Path) -> None:
    TokenStore(tmp_path).create("access", "old", "", 1_000_000.0, 2_000_000.0)
    create(tmp_path, "--name", "valid")
    gone = create(tmp_path, "--name", "gone")
    assert kt("tokens", "revoke", gone["id"], "--state-dir", tmp_path).stdout == f"revoked {gone['id']}\n"
    rows = {row["name"]: row for row in listed(tmp_path)}
    assert {name: row["status"] for name, row in rows.items()} == {
        "old": "expired",
        "valid": "valid",
        "gone": "revoked",
    }
    assert rows["old"]["expires_at"] == "1970-01-24T03:33:20+00:00"
    assert rows["gone"]["revoked_at"] and rows["valid"]["revoked_at"] is None
    words = [line.split()[1] for line in kt("tokens", "list", "--state-dir", tmp_path).stdout.splitlines()]
    assert words == ["expired", "valid", "revoked"]


@pytest.mark.parametrize("flag", ["--name", "--team", "--org"])
@pytest.mark.parametrize("value", [" acme", "acme ", "ac\nme", "ac\u200bme", "ac\u202eme", "\udcff", "x" * 129])
def test_a_name_that_could_pass_for_another_is_refused(tmp_path: Path, flag: str, value: str) -> None:
    result = kt("tokens", "create", "--name", "x", flag, value, "--state-dir", tmp_path)
    fails(result, exit_codes.USAGE, flag)
    assert listed(tmp_path) == []


@pytest.mark.parametrize("flag", ["--name", "--org"])
def test_an_empty_name_is_refused(tmp_path: Path, flag: str) -> None:
    fails(kt("tokens", "create", "--name", "x", flag, "", "--state-dir", tmp_path), exit_codes.USAGE, "it is empty")


def test_one_organisation_is_one_however_its_letters_are_composed(tmp_path: Path) -> None:
    made = [create(tmp_path, "--name", "x", "--org", org) for org in ("caf\u00e9 (FR)", "cafe\u0301 (FR)")]
    assert [each["org"] for each in made] == ["caf\u00e9 (FR)"] * 2


def test_without_a_state_directory_there_are_no_tokens(tmp_path: Path) -> None:
    assert listed(tmp_path / "absent") == []
    assert not (tmp_path / "absent").exists()


def test_what_is_not_there_or_revoked_already_cannot_be_revoked(tmp_path: Path) -> None:
    key = create(tmp_path, "--name", "x")["id"]
    assert kt("tokens", "revoke", key, "--state-dir", tmp_path).exit_code == exit_codes.OK
    for each in (key, "tok_absent"):
        fails(kt("tokens", "revoke", each, "--state-dir", tmp_path), exit_codes.FAILED, each)


def test_a_store_that_is_none_is_3(tmp_path: Path) -> None:
    (tmp_path / "keys.db").write_text("no database, but long enough that SQLite reads it as one" * 10)
    for words in (("list",), ("create", "--name", "x"), ("revoke", "tok_x")):
        fails(kt("tokens", *words, "--state-dir", tmp_path), exit_codes.MISSING, str(tmp_path / "keys.db"))


@pytest.mark.parametrize("text", ["90", "d", "0d", "-1d", "1.5h", "1w", "٩d", "99999d", "9" * 5000 + "d"])
def test_a_lifetime_that_is_none_is_2(tmp_path: Path, text: str) -> None:
    result = kt("tokens", "create", "--name", "x", "--expires-in", text, "--state-dir", tmp_path)
    fails(result, exit_codes.USAGE, "--expires-in")
