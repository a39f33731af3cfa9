"""Compiled patterns in the state directory: whole or not there, private, and only so many."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from extproc.pattern_shelf import MOST, PatternShelf

KEY, DATA = "ab" * 32, b"a database" * 100


def test_what_is_written_is_read_by_another_process_start(tmp_path: Path) -> None:
    PatternShelf(tmp_path).write(KEY, DATA)
    assert PatternShelf(tmp_path).read(KEY) == DATA
    assert PatternShelf(tmp_path).read("cd" * 32) is None


def test_only_its_owner_may_read_it(tmp_path: Path) -> None:
    state = tmp_path / "state"
    PatternShelf(state).write(KEY, DATA)
    assert state.stat().st_mode & 0o777 == (state / "patterns").stat().st_mode & 0o777 == 0o700
    assert (state / "patterns" / KEY).stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize("size", [0, 10, 32, 33, 500])
def test_a_file_that_was_cut_off_is_not_there(tmp_path: Path, size: int) -> None:
    PatternShelf(tmp_path).write(KEY, DATA)
    path = tmp_path / "patterns" / KEY
    path.write_bytes(path.read_bytes()[:size])
    assert PatternShelf(tmp_path).read(KEY) is None


def test_nor_is_one_with_another_byte(tmp_path: Path) -> None:
    PatternShelf(tmp_path).write(KEY, DATA)
    path = tmp_path / "patterns" / KEY
    path.write_bytes(path.read_bytes()[:-1] + b"?")
    assert PatternShelf(tmp_path).read(KEY) is None


def test_those_longest_unread_go(tmp_path: Path) -> None:
    shelf = PatternShelf(tmp_path)
    keys = [f"{number:064x}" for number in range(MOST)]
    for age, key in enumerate(keys):
        shelf.write(key, DATA)
        os.utime(tmp_path / "patterns" / key, (1000 + age, 1000 + age))
    assert shelf.read(keys[0]) == DATA  # now the latest
    shelf.write(KEY, DATA)
    left = {path.name for path in (tmp_path / "patterns").iterdir()}
    assert left == {KEY, *keys} - {keys[1]}


def test_where_nothing_can_be_kept_the_log_says_so(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    (tmp_path / "patterns").write_text("a file in its place")
    PatternShelf(tmp_path).write(KEY, DATA)
    assert PatternShelf(tmp_path).read(KEY) is None
    assert "compiled patterns are not kept" in caplog.text
