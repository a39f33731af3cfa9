"""The directory is as fresh as the store, though the store is read only where it may have changed."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from extproc.identity.directory import Refusal
from extproc.identity.store import StoreError, TokenStore
from extproc.identity.watcher import READ_EVERY, SETTLED, KeyWatcher
from extproc.model import Consumer, Headers


@dataclass
class Watched:
    """A store, and a watcher of it whose clock begins long after what was written first."""

    root: Path
    now: float = 0.0
    reads: int = 0
    key: str = ""
    store: TokenStore = field(init=False)
    watcher: KeyWatcher = field(init=False)

    def __post_init__(self) -> None:
        self.store = TokenStore(self.root)
        self.watcher = KeyWatcher(self.root, lambda: self.now)
        plain = self.watcher._store.all

        def counted() -> object:
            self.reads += 1
            return plain()

        self.watcher._store.all = counted  # type: ignore[method-assign,assignment]

    def look(self, later: float = 1.0) -> int:
        """How often the store was read for it."""
        before, self.now = self.reads, self.now + later
        self.watcher.look()
        return self.reads - before

    def sees(self, key: str) -> str:
        headers: Headers = (("x-api-key", key),)
        found = self.watcher.directory.lookup(headers, self.now)
        return found.reason if isinstance(found, Refusal) else found.name if isinstance(found, Consumer) else ""


@pytest.fixture
def watched(tmp_path: Path) -> Watched:
    made = Watched(tmp_path)
    _, made.key = made.store.create("access", "ana", "payments", 0.0, None)
    made.now = (tmp_path / "keys.db").stat().st_mtime + 100
    return made


def test_a_store_that_does_not_change_is_looked_at_and_not_read(watched: Watched) -> None:
    assert [watched.look() for _ in range(5)] == [1, 0, 0, 0, 0]
    assert watched.sees(watched.key) == "ana"
    assert watched.look(later=READ_EVERY) == 1


def test_a_look_keeps_the_directory_fresh(watched: Watched) -> None:
    for _ in range(30):
        watched.look(later=5.0)
        assert watched.sees(watched.key) == "ana"
    watched.now += 11
    assert watched.sees(watched.key) == "keys_unavailable"


def test_every_change_is_seen_at_the_next_look(watched: Watched) -> None:
    watched.look()
    token, key = watched.store.create("access", "bo", "payments", 0.0, None)
    assert watched.look() == 1 and watched.sees(key) == "bo"
    watched.store.revoke(token.id, 1.0)
    assert watched.look() == 1 and watched.sees(key) == "revoked_api_key"


def test_files_that_were_written_just_now_are_read_again(watched: Watched) -> None:
    """A write within the grain of the files' times looks like none."""
    path = watched.root / "keys.db"
    os.utime(path, (watched.now, watched.now))
    assert [watched.look(SETTLED / 4) for _ in range(3)] == [1, 1, 1]
    assert [watched.look(SETTLED) for _ in range(3)] == [1, 0, 0]


def test_a_pepper_of_another_is_read(watched: Watched) -> None:
    watched.look()
    (watched.root / "secrets" / "key-pepper").write_bytes(b"p" * 32)
    assert watched.look() == 1
    assert watched.sees(watched.key) == "invalid_api_key"


def test_a_store_that_is_none_is_an_error_each_time(watched: Watched) -> None:
    watched.look()
    (watched.root / "keys.db").write_bytes(b"nonsense" * 1000)
    for _ in range(2):
        with pytest.raises(StoreError):
            watched.look()
