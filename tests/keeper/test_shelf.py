"""The shelf: what was put is found, after a restart too; bounds hold; a bad file costs no more than what was in it."""

from __future__ import annotations

import resource
import sqlite3
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from live import eventually

from extproc.keeper import shelf as shelf_module
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


def damage(path: Path) -> None:
    """Overwrite what is there, where it is: whoever has the file open sees it."""
    with path.open("r+b") as file:
        file.write(b"\xff" * path.stat().st_size)


def test_a_file_that_is_damaged_while_it_is_open_is_put_aside_with_its_journal(
    path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    first = Shelf(path, Bounds())
    first.put(K, V, expires=1e11, now=0)
    first.close()
    shelf = Shelf(path, Bounds(memory_bytes=1))
    damage(path)
    assert shelf.get(key(1), now=1) is None
    shelf.put(key(2), V, expires=1e11, now=2)
    eventually(lambda: shelf._renewed, "another file")
    assert "the cache begins again" in caplog.text
    shelf.put(key(3), V, expires=1e11, now=3)
    eventually(lambda: key(3) in rows(path), "an entry in it")
    shelf.put(key(4), V, expires=1e11, now=4)
    assert shelf.get(key(3), now=5) == V  # read from it, for memory holds one
    shelf.close()
    assert path.with_suffix(".damaged").exists()
    again = Shelf(path, Bounds())
    assert again.get(key(4), now=6) == V
    again.close()


def test_a_row_that_is_anothers_is_none(path: Path) -> None:
    first = Shelf(path, Bounds())
    first.put(K, V, expires=1e11, now=0)
    first.close()
    with sqlite3.connect(path) as database:
        database.execute("UPDATE entries SET key = ?", (key(1),))
    database.close()
    shelf = Shelf(path, Bounds())
    assert shelf.get(key(1), now=1) is None
    shelf.close()


def test_a_locked_file_stops_nobody_and_holds_no_memory_without_end(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shelf_module, "BACKLOG_BYTES", 10_000)
    shelf = Shelf(path, Bounds())
    shelf.put(K, V, expires=1e11, now=0)
    eventually(lambda: rows(path) == [K], "an entry on disk")
    other = sqlite3.connect(path, isolation_level=None)
    other.execute("BEGIN EXCLUSIVE")
    began = time.monotonic()
    for number in range(100):
        shelf.put(key(number), bytes(1000), expires=1e11, now=number)
        assert shelf.get(key(number), now=number) == bytes(1000)
        assert shelf.get(key(1000 + number), now=number) is None
    assert time.monotonic() - began < 2
    assert shelf._given - shelf._taken <= 10_000
    other.execute("COMMIT")
    other.close()
    eventually(lambda: shelf._given == shelf._taken, "what waited")
    shelf.put(key(2000), V, expires=1e11, now=200)
    shelf.close()
    assert key(2000) in rows(path)


def test_a_full_disk_is_said_once_and_costs_only_what_is_new(
    path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    shelf = Shelf(path, Bounds())
    shelf.put(K, V, expires=1e11, now=0)
    eventually(lambda: rows(path) == [K], "an entry on disk")
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, hard))  # as a disk that is full, for this process
    try:
        for number in range(3):
            shelf.put(key(number), bytes(200_000), expires=1e11, now=number)
            eventually(lambda: shelf._given == shelf._taken, "the writer's word")
            assert shelf.get(key(number), now=number) == bytes(200_000)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert caplog.text.count("what is new in the cache is in memory alone") == 1
    shelf.put(key(9), V, expires=1e11, now=9)
    shelf.close()
    assert set(rows(path)) == {K, key(9)}


@pytest.mark.parametrize("name", ["cache.db", "cache.db-wal"])
def test_nobody_else_may_read_what_is_stored(shelf: Shelf, path: Path, name: str) -> None:
    shelf.put(K, V, expires=1e11, now=0)
    eventually(lambda: rows(path) == [K], "an entry on disk")
    assert path.with_name(name).stat().st_mode & 0o777 == 0o600


def test_without_a_disk_the_memory_serves(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    shelf = Shelf(tmp_path / "no" / "directory" / "cache.db", Bounds())
    shelf.put(K, V, expires=100, now=0)
    assert shelf.get(K, now=1) == V
    assert shelf.get(key(1), now=1) is None
    shelf.close()
    assert "in memory alone" in caplog.text
