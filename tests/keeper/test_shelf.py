"""The shelf: what was put is found, after a restart too; bounds hold; a bad file costs no more than what was in it."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest

from extproc.keeper.shelf import TIDY_EVERY, Bounds, Shelf

K, V = b"k" * 32, b"value"


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "cache.db"


@pytest.fixture
def shelf(path: Path) -> Iterator[Shelf]:
    made = Shelf(path, Bounds())
    yield made
    made.close()


def key(number: int) -> bytes:
    return number.to_bytes(32, "big")


def rows(path: Path) -> list[bytes]:
    with sqlite3.connect(path) as database:
        return [row[0] for row in database.execute("SELECT key FROM entries ORDER BY used")]


def test_what_was_put_is_found_until_it_expires(shelf: Shelf) -> None:
    shelf.put(K, V, expires=100, now=0)
    assert shelf.get(K, now=99.9) == V
    assert shelf.get(K, now=100) is None


def test_a_newer_entry_takes_the_place_of_an_older_one(shelf: Shelf) -> None:
    shelf.put(K, V, expires=100, now=0)
    shelf.put(K, b"newer", expires=200, now=1)
    assert shelf.get(K, now=150) == b"newer"


def test_a_restart_finds_what_was_there(path: Path) -> None:
    first = Shelf(path, Bounds())
    first.put(K, V, expires=1e11, now=0)
    first.close()
    second = Shelf(path, Bounds())
    assert second.get(K, now=1) == V
    second.close()


def test_memory_holds_no_more_than_its_bound_and_the_disk_has_the_rest(path: Path) -> None:
    shelf = Shelf(path, Bounds(memory_bytes=1000))
    for number in range(100):
        shelf.put(key(number), bytes(100), expires=1e11, now=number)
        assert shelf._memory.size <= 1000
    shelf.close()
    again = Shelf(path, Bounds(memory_bytes=1000))
    assert all(again.get(key(number), now=1) == bytes(100) for number in range(100))
    again.close()


def test_the_disk_keeps_what_was_used_last(path: Path) -> None:
    shelf = Shelf(path, Bounds(entries=10))
    for number in range(TIDY_EVERY):
        shelf.put(key(number), V, expires=1e11, now=number)
        shelf.get(key(0), now=number + 0.5)
    shelf.close()
    again = Shelf(path, Bounds(entries=10))  # a start tidies too
    again.put(key(999), V, expires=1e11, now=999)
    again.close()
    left = rows(path)
    assert len(left) <= 11 and key(0) in left and key(TIDY_EVERY - 1) in left and key(1) not in left


def test_the_disk_holds_no_more_bytes_than_its_bound(path: Path) -> None:
    for round_ in range(2):
        shelf = Shelf(path, Bounds(disk_bytes=5000))
        for number in range(TIDY_EVERY):
            shelf.put(key(100 * round_ + number), bytes(1000), expires=1e11, now=number)
        shelf.close()
    last = Shelf(path, Bounds(disk_bytes=5000))
    last.put(K, V, expires=1e11, now=1e6)
    last.close()
    assert len(rows(path)) <= 6


def test_expired_entries_leave_the_disk(path: Path) -> None:
    shelf = Shelf(path, Bounds())
    shelf.put(K, V, expires=5, now=0)
    shelf.close()
    again = Shelf(path, Bounds())
    again.put(key(1), V, expires=1e11, now=10)
    again.close()
    assert rows(path) == [key(1)]


def test_a_file_that_is_no_database_is_put_aside(path: Path, caplog: pytest.LogCaptureFixture) -> None:
    path.write_bytes(b"not a database at all, but long enough to be looked at" * 100)
    shelf = Shelf(path, Bounds())
    shelf.put(K, V, expires=1e11, now=0)
    shelf.close()
    assert rows(path) == [K]
    assert path.with_suffix(".damaged").exists()
    assert str(path) in caplog.text


def test_without_a_disk_the_memory_serves(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    shelf = Shelf(tmp_path / "no" / "directory" / "cache.db", Bounds())
    shelf.put(K, V, expires=100, now=0)
    assert shelf.get(K, now=1) == V
    assert shelf.get(key(1), now=1) is None
    shelf.close()
    assert "in memory alone" in caplog.text
