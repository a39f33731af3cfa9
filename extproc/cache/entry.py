"""One stored answer, and its bytes: a header, the reply as JSON, the events of the stream that it came in, if any."""

from __future__ import annotations

import struct
import zlib
from dataclasses import dataclass

_MAGIC = b"KTC1"
_HEAD = struct.Struct("<4sIdBBI")  # magic, CRC-32 of all that follows it, stored at, usage in the events, name, body


class DamagedEntry(ValueError):
    """Bytes that no `encode` made, or not these."""


@dataclass(frozen=True, slots=True)
class Entry:
    """A reply in its dialect's JSON form; `events` is b"" for one that did not come as a stream.

    `stored_at` is Unix time in seconds. `wanted_usage` says that the stream was asked to end with its usage.
    """

    dialect: str
    body: bytes
    events: bytes
    wanted_usage: bool
    stored_at: float

    def encode(self) -> bytes:
        """The entry as bytes that `decode` takes back."""
        name = self.dialect.encode()
        head = _HEAD.pack(_MAGIC, 0, self.stored_at, self.wanted_usage, len(name), len(self.body))
        data = b"".join((head, name, self.body, self.events))
        return data[:4] + zlib.crc32(data[8:]).to_bytes(4, "little") + data[8:]


def decode(data: bytes) -> Entry:
    """An entry from its bytes. Raises DamagedEntry."""
    if len(data) < _HEAD.size:
        raise DamagedEntry("shorter than its header")
    magic, crc, stored_at, wanted_usage, named, size = _HEAD.unpack_from(data)
    if magic != _MAGIC or zlib.crc32(memoryview(data)[8:]) != crc:
        raise DamagedEntry("not an entry, or not as it was written")
    body = _HEAD.size + named
    name = data[_HEAD.size : body].decode()
    return Entry(name, data[body : body + size], data[body + size :], bool(wanted_usage), stored_at)


def stored_at(data: bytes) -> float:
    """When an encoded entry was stored, in Unix seconds. Raises DamagedEntry."""
    if len(data) < _HEAD.size:
        raise DamagedEntry("shorter than its header")
    when: float = _HEAD.unpack_from(data)[2]
    return when
