"""The shelf of compiled pattern databases in the state directory: files that may be lost, and are never trusted torn.

A gateway that starts or reloads compiles once; its workers, and its next start, read.
"""

from __future__ import annotations

import hashlib
import logging
import os
import secrets
from contextlib import suppress
from pathlib import Path

from extproc.own_secrets import make_private

log = logging.getLogger(__name__)

MOST = 64
"""Files; some megabytes each. The ones longest unread go."""

_SUM = hashlib.sha256


class PatternShelf:
    """Files named by their key: a checksum, then the database. hyperscan itself reads a damaged one without a word."""

    def __init__(self, state_dir: Path) -> None:
        self._directory = state_dir / "patterns"

    def read(self, key: str) -> bytes | None:
        """What was written, or None where nothing whole is there."""
        path = self._directory / key
        try:
            kept = path.read_bytes()
        except OSError:
            return None
        size = _SUM().digest_size
        if _SUM(kept[size:]).digest() != kept[:size]:
            return None
        with suppress(OSError):
            os.utime(path)
        return kept[size:]

    def write(self, key: str, data: bytes) -> None:
        """Keep it for all who start later. Where that cannot be, the log says so, and they compile for themselves."""
        draft = self._directory / f".{key}.{secrets.token_hex(4)}"
        try:
            make_private(self._directory.parent)  # first: mkdir gives the mode to the last directory alone
            make_private(self._directory)
            draft.touch(mode=0o600)
            draft.write_bytes(_SUM(data).digest() + data)
            draft.rename(self._directory / key)
        except OSError as error:
            log.warning("compiled patterns are not kept, so starting takes longer: %s", error)
            with suppress(OSError):
                draft.unlink()
        with suppress(OSError):  # another process may be at it
            self._prune()

    def _prune(self) -> None:
        found = sorted(self._directory.iterdir(), key=lambda path: path.stat().st_mtime, reverse=True)
        for path in found[MOST:]:
            path.unlink(missing_ok=True)
