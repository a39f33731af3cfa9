"""Secrets of our own (design D8): 32 random bytes in a file of the state directory, made at the first use."""

from __future__ import annotations

import errno
import os
import secrets
from pathlib import Path

LENGTH = 32


def own_secret(state_dir: Path, name: str) -> bytes:
    """The secret of this name. Processes that start together agree on the first one written. Raises OSError."""
    path = state_dir / "secrets" / name
    if not path.exists():
        make_private(state_dir)  # first: mkdir gives the mode to the last directory alone
        _make(path)
    found = path.read_bytes()
    if len(found) != LENGTH:
        raise OSError(errno.EINVAL, f"is not a secret of {LENGTH} bytes", str(path))
    return found


def make_private(directory: Path) -> None:
    """Make a directory that only its owner can enter. Raises OSError."""
    directory.mkdir(parents=True, exist_ok=True, mode=0o700)


def _make(path: Path) -> None:
    make_private(path.parent)
    draft = path.with_name(f".{path.name}.{os.getpid()}.{secrets.token_hex(4)}")
    draft.touch(mode=0o600)
    try:
        with draft.open("wb") as file:
            file.write(secrets.token_bytes(LENGTH))
            file.flush()
            os.fsync(file.fileno())  # or a power failure leaves the name without its bytes, and no way to start
        os.link(draft, path)  # unlike rename, does not overwrite what another process was first to make
    except FileExistsError:
        pass
    finally:
        draft.unlink()
