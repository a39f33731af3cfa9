"""The `cors` section."""

from __future__ import annotations

from pathlib import Path

import pytest

from extproc.config.cors import Cors
from extproc.config.load import load
from extproc.model import ConfigError

HEAD = "pack: {name: a, version: 1.0.0}\nproviders: {targets: [{id: a, provider: openai}]}\npolicies: {chain: []}\n"


def loaded(tmp_path: Path, section: str) -> Cors | None:
    path = tmp_path / "policy-config.yaml"
    path.write_text(HEAD + section)
    return load((path,), environ={}).config.cors


def test_nobody_is_given_leave_where_nothing_is_said(tmp_path: Path) -> None:
    assert loaded(tmp_path, "") is None


def test_what_is_left_out_has_a_default_that_suits_sdks(tmp_path: Path) -> None:
    found = loaded(
        tmp_path, "cors: {allow_origins: ['https://a.example', 'app://obsidian.md', 'http://localhost:3000']}"
    )
    assert found is not None and found.allow_methods == ("GET", "POST", "OPTIONS") and not found.credentials
    assert found.max_age == 86_400 and "authorization" in found.allow_headers


@pytest.mark.parametrize(
    ("section", "says"),
    [
        ("{}", "cors.allow_origins: missing"),
        ("{allow_origins: []}", "at least one origin"),
        ("{allow_origins: ['null']}", "'null': expected scheme://host"),
        ("{allow_origins: ['https://a.example/']}", "without a path"),
        ("{allow_origins: ['https://me@a.example']}", "expected scheme://host"),
        ("{allow_origins: ['https://*.example']}", "cannot be left open"),
        ("{allow_origins: ['https://[a']}", "allow_origins"),
        ("{allow_origins: ['*'], credentials: true}", "credentials: every page"),
        ("{allow_origins: ['*'], allow_headers: ['a b']}", "allow_headers: 'a b' is no name"),
        ("{allow_origins: ['*'], max_age: 86401}", "expected 0 to 86400"),
        ("{allow_origin: ['*']}", "did you mean 'allow_origins'"),
    ],
)
def test_what_no_browser_takes_or_nobody_should_want_is_a_fault(tmp_path: Path, section: str, says: str) -> None:
    with pytest.raises(ConfigError) as caught:
        loaded(tmp_path, f"cors: {section}")
    assert says in str(caught.value)
