"""Segment files of audit entries: one write(2) an entry, so what was acknowledged survives kill -9.

A frame is `KTA1`, the payload's length and CRC-32 (little-endian), the payload (JSON), and a line feed, so that a
damaged place can be skipped to the next frame. Written data sits in the kernel's page cache: a killed process loses
nothing, a killed machine may lose the last moments (`fsync=True` closes that at the price of a disk flush an entry).
"""

from __future__ import annotations

import fcntl
import os
import struct
import uuid
import zlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import orjson

from extproc.model import ExtprocError

MAGIC = b"KTA1"
SEGMENT_BYTES = 16 << 20
_HEADER = struct.Struct("<4sII")


class SpoolError(ExtprocError):
    """An entry could not be written: the exchange must not go on, for nobody would know of it."""

    code = "spool"


class SpoolWriter:
    """Appends to segments that no other process writes. `name` is the writer's, the rest of the name is random."""

    def __init__(self, directory: Path, name: str, *, segment_bytes: int = SEGMENT_BYTES, fsync: bool = False) -> None:
        self._directory = directory
        self._stem = f"{name}-{uuid.uuid4().hex[:12]}"
        self._segment_bytes = segment_bytes
        self._fsync = fsync
        self._number = 0
        self._size = 0
        self._fd = self._open()

    def append(self, entry: Mapping[str, object]) -> None:
        """Write one entry. Raises SpoolError; a torn frame is skipped by readers."""
        data = frame(entry)
        try:
            if self._size + len(data) > self._segment_bytes:
                self._turn()
            if os.write(self._fd, data) != len(data):
                raise SpoolError(f"{self._directory}: a short write; is the disk full?")
            if self._fsync:
                os.fdatasync(self._fd)
        except OSError as error:
            raise SpoolError(f"{self._directory}: {error.strerror}") from error
        self._size += len(data)

    def close(self) -> None:
        """Give the segment up; its lock goes with the file descriptor."""
        os.close(self._fd)

    def _turn(self) -> None:
        """The next segment is there before this one is given up, so that a reader never takes us for dead."""
        left = self._fd
        self._number += 1
        self._fd = self._open()
        self._size = 0
        os.close(left)

    def _open(self) -> int:
        path = self._directory / f"{self._stem}-{self._number:06d}.seg"
        try:
            self._directory.mkdir(parents=True, exist_ok=True, mode=0o700)
            draft = path.with_suffix(".new")
            fd = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_EXCL | os.O_CLOEXEC, 0o600)
            # Held while we live: a reader that gets the lock knows that nothing will follow. Locked before it has the
            # name that readers look for, or one could find it unlocked.
            fcntl.flock(fd, fcntl.LOCK_EX)
            draft.rename(path)
        except OSError as error:
            raise SpoolError(f"{path}: {error.strerror}") from error
        return fd


def successor(path: Path) -> Path:
    """The segment that a writer opens after this one."""
    stem, _, number = path.stem.rpartition("-")
    return path.with_name(f"{stem}-{int(number) + 1:06d}.seg")


def frame(entry: Mapping[str, object]) -> bytes:
    """An entry as the bytes of one frame."""
    payload = orjson.dumps(entry, default=_plain)
    return b"".join((_HEADER.pack(MAGIC, len(payload), zlib.crc32(payload)), payload, b"\n"))


def _plain(value: object) -> object:
    if isinstance(value, Mapping):
        return dict(value)
    raise TypeError(f"{type(value).__name__} cannot be recorded")


@dataclass(frozen=True, slots=True)
class Damaged:
    """Bytes that are no frame; the reader goes on at the next one."""

    offset: int
    size: int


def read_frames(data: bytes, *, final: bool) -> Iterator[tuple[int, dict[str, object] | Damaged]]:
    """The entries in a segment's bytes, each with the offset at which it ends.

    An incomplete frame at the end is left for the next reading, unless `final`: nothing will follow it.
    """
    at = 0
    while at < len(data):
        end, entry = _frame_at(data, at)
        if entry is not None:
            yield end, entry
            at = end
            continue
        following = data.find(MAGIC, at + 1)
        if following < 0 and not final:
            return
        following = len(data) if following < 0 else following
        yield following, Damaged(at, following - at)
        at = following


def _frame_at(data: bytes, at: int) -> tuple[int, dict[str, object] | None]:
    if len(data) - at < _HEADER.size:
        return at, None
    magic, size, crc = _HEADER.unpack_from(data, at)
    start = at + _HEADER.size
    payload = data[start : start + size]
    if magic != MAGIC or len(payload) < size or zlib.crc32(payload) != crc:
        return at, None
    try:
        entry = orjson.loads(payload)
    except orjson.JSONDecodeError:
        return at, None
    return start + size + 1, entry
