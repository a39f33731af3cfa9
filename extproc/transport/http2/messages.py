"""gRPC's messages in a stream of bytes: a flag, four bytes of length, the message. Cut at any place; work is linear."""

from __future__ import annotations

PREFIX = 5


class MessageFault(Exception):
    """What stands there is no message that we take. `status` is gRPC's."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status


UNIMPLEMENTED, RESOURCE_EXHAUSTED, INTERNAL = 12, 8, 13


def framed(message: bytes) -> bytes:
    """A message with its prefix, not compressed."""
    return b"\0" + len(message).to_bytes(4, "big") + message


class Deframer:
    """The messages of one stream."""

    __slots__ = ("_held", "_missing", "_most", "_prefix")

    def __init__(self, most: int) -> None:
        self._most = most
        self._prefix = b""
        self._held = bytearray()
        self._missing = -1  # bytes of the message that has begun; -1 where a prefix is due

    @property
    def size(self) -> int:
        """Bytes of a message that is not complete."""
        return len(self._held)

    @property
    def within(self) -> bool:
        """Whether a message has begun and not ended."""
        return self._missing >= 0 or bool(self._prefix)

    def feed(self, data: bytes, at: int, end: int) -> list[bytes]:
        """The messages that these bytes finish. Raises MessageFault before a byte of a message too large is held."""
        found: list[bytes] = []
        while at < end:
            if self._missing < 0:
                at = self._begin(data, at, end)
                if self._missing != 0:
                    continue  # the next bytes are the message's, or the prefix is not all here
            take = min(self._missing, end - at)
            if not self._held and take == self._missing:
                found.append(data[at : at + take])
                self._missing = -1
            else:
                self._held += data[at : at + take]
                self._missing -= take
                if not self._missing:
                    found.append(bytes(self._held))
                    self._held = bytearray()
                    self._missing = -1
            at += take
        return found

    def _begin(self, data: bytes, at: int, end: int) -> int:
        """Read a prefix, or what is here of it; returns where it ends."""
        take = min(PREFIX - len(self._prefix), end - at)
        prefix = self._prefix + data[at : at + take]
        if len(prefix) < PREFIX:
            self._prefix = prefix
            return at + take
        self._prefix = b""
        if prefix[0]:
            raise MessageFault(UNIMPLEMENTED, "compressed messages are not served")
        length = int.from_bytes(prefix[1:], "big")
        if length > self._most:
            raise MessageFault(RESOURCE_EXHAUSTED, f"a message of {length} bytes, of at most {self._most}")
        self._missing = length
        return at + take
