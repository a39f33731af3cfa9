"""Secrets of our own: made once, readable by their owner alone."""

from __future__ import annotations

import stat
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from extproc.own_secrets import own_secret


def test_a_secret_is_made_once_and_stays(tmp_path: Path) -> None:
    first = own_secret(tmp_path / "state", "cache-key")
    assert len(first) == 32 and own_secret(tmp_path / "state", "cache-key") == first
    assert own_secret(tmp_path / "state", "other") != first


def test_nobody_else_can_reach_it(tmp_path: Path) -> None:
    own_secret(tmp_path / "state", "cache-key")
    modes = {
        path.name: stat.S_IMODE(path.stat().st_mode) for path in (tmp_path / "state", *(tmp_path / "state").rglob("*"))
    }
    assert modes == {"state": 0o700, "secrets": 0o700, "cache-key": 0o600}


def test_those_who_start_together_agree(tmp_path: Path) -> None:
    with ThreadPoolExecutor(16) as pool:
        found = set(pool.map(lambda _: own_secret(tmp_path / "state", "cache-key"), range(64)))
    assert len(found) == 1


def test_a_file_that_is_no_secret_is_named(tmp_path: Path) -> None:
    path = tmp_path / "secrets" / "cache-key"
    path.parent.mkdir()
    path.write_bytes(b"short")
    with pytest.raises(OSError, match="is not a secret of 32 bytes") as caught:
        own_secret(tmp_path, "cache-key")
    assert caught.value.filename == str(path)
