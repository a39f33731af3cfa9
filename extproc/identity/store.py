"""The access keys of one state directory: a SQLite file that `kt tokens` writes and every worker reads.

Only digests are stored. The pepper is a file of its own, made at the first use, readable by the owner alone.
"""

from __future__ import annotations

import math
import os
import secrets
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from extproc.identity.keys import digest, new_key
from extproc.model import DEFAULT_ORG, ExtprocError
from extproc.own_secrets import make_private, own_secret

_SCHEMA = """
CREATE TABLE IF NOT EXISTS tokens (
  id TEXT PRIMARY KEY, type TEXT NOT NULL, name TEXT NOT NULL, team TEXT NOT NULL, digest BLOB NOT NULL UNIQUE,
  hint TEXT NOT NULL, created_at REAL NOT NULL, expires_at REAL, revoked_at REAL, org TEXT NOT NULL DEFAULT 'default'
) STRICT
"""
_ADD_ORG = "ALTER TABLE tokens ADD COLUMN org TEXT NOT NULL DEFAULT 'default'"
"""For files of version 0.1.0, which knew one organisation."""

_COLUMNS = "id, type, name, team, digest, hint, created_at, expires_at, revoked_at, org"


class StoreError(ExtprocError):
    """The operator's: the state directory cannot be read or written; the text says which file and why."""

    code = "store"


@dataclass(frozen=True, slots=True)
class Token:
    """A stored key. Times are Unix seconds; `hint` is the key's prefix and last four characters."""

    id: str
    type: str
    name: str
    team: str
    digest: bytes
    hint: str
    created_at: float
    expires_at: float | None = None
    revoked_at: float | None = None
    org: str = DEFAULT_ORG


class Mark(NamedTuple):
    """What the store's files look like from outside, and the Unix seconds at which the last of them was written."""

    files: tuple[tuple[int, int, int] | None, ...]
    written_at: float


class TokenStore:
    """Opens the database for each call: calls are rare, and a file that was replaced is noticed."""

    def __init__(self, state_dir: Path) -> None:
        self._state = state_dir
        self.path = state_dir / "keys.db"

    def create(
        self, kind: str, name: str, team: str, now: float, expires_at: float | None, org: str = DEFAULT_ORG
    ) -> tuple[Token, str]:
        """A new token and its key, which nobody can be told again."""
        key = new_key(kind, secrets.choice)
        hint = f"{key[:6]}…{key[-4:]}"
        mark = digest(key, self.pepper())
        token = Token(f"tok_{secrets.token_hex(8)}", kind, name, team, mark, hint, now, expires_at, None, org)
        values = (token.id, kind, name, team, token.digest, token.hint, now, expires_at, None, org)
        with self._open(write=True) as database:
            database.execute(f"INSERT INTO tokens ({_COLUMNS}) VALUES (?,?,?,?,?,?,?,?,?,?)", values)  # noqa: S608  # a constant
        return token, key

    def revoke(self, token_id: str, now: float) -> bool:
        """Whether there was such a token that was not revoked before."""
        with self._open(write=True) as database:
            sql = "UPDATE tokens SET revoked_at = ? WHERE id = ? AND revoked_at IS NULL"
            return database.execute(sql, (now, token_id)).rowcount == 1

    def all(self) -> list[Token]:
        """Every token, oldest first; none where nothing was ever created."""
        if not self.path.exists():
            return []
        with self._open(write=False) as database:
            known = _COLUMNS if _has_org(database) else _COLUMNS.removesuffix(", org")
            rows = database.execute(f"SELECT {known} FROM tokens ORDER BY created_at, id")  # noqa: S608  # constants
            return [Token(*row) for row in rows]

    def mark(self) -> Mark:
        """Another one after each change, but for one within the grain of the files' times. Raises StoreError."""
        paths = (self.path, self.path.with_name("keys.db-wal"), self._state / "secrets" / "key-pepper")
        try:
            found = [os.stat(path) if path.exists() else None for path in paths]
        except FileNotFoundError:  # SQLite takes its log away when nobody writes
            return Mark((), math.inf)
        except OSError as error:
            raise StoreError(f"{self.path}: {error}") from error
        files = tuple([(s.st_ino, s.st_size, s.st_mtime_ns) if s else None for s in found])
        return Mark(files, max((s.st_mtime for s in found if s), default=0.0))

    def pepper(self) -> bytes:
        """The secret of the digests. Raises StoreError."""
        try:
            return own_secret(self._state, "key-pepper")
        except OSError as error:
            raise StoreError(str(error)) from error

    @contextmanager
    def _open(self, *, write: bool) -> Iterator[sqlite3.Connection]:
        database = None
        try:
            if write:
                make_private(self._state)
                self.path.touch(mode=0o600)
            database = sqlite3.connect(self.path, timeout=5)
            if write:
                database.execute("PRAGMA journal_mode = WAL")
                database.execute(_SCHEMA)
                if not _has_org(database):
                    database.execute(_ADD_ORG)
            with database:
                yield database
        except (sqlite3.Error, OSError) as error:
            raise StoreError(f"{self.path}: {error}") from error
        finally:
            if database:
                database.close()


def _has_org(database: sqlite3.Connection) -> bool:
    return any(row[1] == "org" for row in database.execute("PRAGMA table_info(tokens)"))
