"""Databases of many patterns for hyperscan: compiled once, kept on a shelf, and read from there by every process.

Compiling takes seconds for the rules of a detector, reading a millisecond. Without a shelf each process compiles what
it needs; where hyperscan is absent there is nothing to compile.
"""

from __future__ import annotations

import hashlib
import sys
from collections.abc import Sequence
from typing import Any, Protocol

hyperscan: Any
try:
    import hyperscan
except ImportError:  # no wheel for this machine: RE2 alone
    hyperscan = None

Entry = tuple[int, bytes, int]
"""What hyperscan calls a pattern by, the pattern, and its flags."""


class Shelf(Protocol):
    """Where compiled databases stand; it may forget any, and what it gives is what it was given."""

    def read(self, key: str) -> bytes | None:
        """What is kept under a key, or None."""

    def write(self, key: str, data: bytes) -> None:
        """Keep this under a key, if that is possible."""


class _None:
    def read(self, key: str) -> bytes | None:
        return None

    def write(self, key: str, data: bytes) -> None:
        pass


_shelf: Shelf = _None()


def keep_on(shelf: Shelf) -> None:
    """Keep this process's databases on a shelf from now on: each entry of a process says which, before it loads."""
    global _shelf  # noqa: PLW0603  # what a process compiles is compiled for all of it, as with `lru_cache`
    _shelf = shelf


def database(entries: Sequence[Entry]) -> Any:
    """A database ready to scan, or None where hyperscan cannot compile one of the patterns."""
    key = _key(entries)
    kept = _shelf.read(key)
    found = _read(kept) if kept is not None else None
    if found is None:
        found = _compiled(entries)
        if found is not None:
            _shelf.write(key, hyperscan.dumpb(found))
    return found


def _key(entries: Sequence[Entry]) -> str:
    """The digest of all that goes into a database. For which processor it is made, hyperscan checks as it reads."""
    said = repr((hyperscan.__version__, sys.byteorder, tuple(entries)))
    return hashlib.sha256(said.encode()).hexdigest()


def _read(kept: bytes) -> Any:
    try:
        found = hyperscan.loadb(kept, hyperscan.HS_MODE_BLOCK)
        found.scratch = hyperscan.Scratch(found)
    except hyperscan.error:  # of another processor or version
        return None
    return found


def _compiled(entries: Sequence[Entry]) -> Any:
    found = hyperscan.Database()
    ids, expressions, flags = zip(*entries, strict=True)
    try:
        found.compile(expressions=list(expressions), ids=list(ids), elements=len(ids), flags=list(flags))
    except hyperscan.error:
        return None
    return found
