"""What bytes from a peer mean."""

from __future__ import annotations

from dataclasses import dataclass

from extproc.transport.http2.hpack import HeaderList
from extproc.transport.http2.messages import PREFIX


@dataclass(slots=True)
class Opened:
    """A request's headers, complete and well-formed (RFC 9113, 8.3)."""

    stream: int
    headers: HeaderList


@dataclass(slots=True)
class Message:
    """One gRPC message."""

    stream: int
    data: bytes

    @property
    def size(self) -> int:
        """Its bytes, the prefix too: even an empty one counts."""
        return PREFIX + len(self.data)


@dataclass(slots=True)
class HalfClosed:
    """The peer says nothing more on this stream."""

    stream: int


@dataclass(slots=True)
class Aborted:
    """The stream is over: the peer reset it, or we did for a fault of the peer's. `code` is HTTP/2's."""

    stream: int
    code: int


@dataclass(slots=True)
class Lost:
    """The connection ends for a fault of the peer's, as what is to be written says. No further event comes."""

    code: int
    reason: str


Event = Opened | Message | HalfClosed | Aborted | Lost
