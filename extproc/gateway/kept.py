"""The configuration in force, as files of our own: what workers read.

Workers start and restart from it, so a file that is being edited, or is broken, reaches none of them.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path


def paths(directory: Path, originals: Sequence[Path]) -> tuple[Path, ...]:
    """Where the copies stand, in the order of the originals."""
    return tuple(directory / f"{index}-{path.name}" for index, path in enumerate(originals))


def read(originals: Sequence[Path]) -> dict[Path, bytes]:
    """What the originals say. Raises OSError."""
    return {path: path.read_bytes() for path in originals}


def write(directory: Path, originals: Sequence[Path], contents: Mapping[Path, bytes]) -> None:
    """Copy what the originals say, each file whole and by rename. Raises OSError."""
    directory.mkdir(parents=True, exist_ok=True, mode=0o700)
    for path, original in zip(paths(directory, originals), originals, strict=True):
        draft = path.with_name(f".{path.name}.{os.getpid()}")
        draft.touch(mode=0o600)
        draft.write_bytes(contents[original])
        draft.rename(path)
