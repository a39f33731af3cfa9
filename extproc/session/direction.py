"""One direction of an exchange: its place in the order of messages, and its body so far."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

from extproc.dialects.coding import Decoder
from extproc.model import Body, BodyMode, Head, PeerError


class State:
    """Where a direction stands."""

    START: Final = 0
    BODY: Final = 1
    DONE: Final = 2


@dataclass(slots=True)
class Direction:
    """`decoder` undoes the body's content-encoding, where it has one."""

    mode: BodyMode = BodyMode.BUFFERED
    state: int = State.START
    decoder: Decoder | None = None
    size: int = 0
    _pieces: list[bytes] = field(default_factory=list)

    @property
    def replies_held(self) -> bool:
        """Whether messages wait for their replies: full duplex holds them back until the body was judged."""
        return self.mode is BodyMode.FULL_DUPLEX and self.state == State.BODY

    def advance(self, event: Head) -> None:
        """Headers have come. Raises PeerError where they may not."""
        if self.state != State.START:
            raise PeerError(f"{event.phase.value} came twice")
        self.state = State.DONE if event.end else State.BODY

    def repeats(self) -> bool:
        """Whether a piece of body is one that Envoy says again: in full duplex it may repeat the last (envoy#46237)."""
        return self.state == State.DONE and self.mode is BodyMode.FULL_DUPLEX

    def follow(self, event: Body) -> bool:
        """A piece of body has come; whether it is the last. Raises PeerError where it may not come."""
        if self.state == State.START:
            raise PeerError(f"{event.phase.value} came without headers; set the header mode to SEND")
        if self.state == State.DONE:
            raise PeerError(f"{event.phase.value} came after the end")
        last = event.end or self.mode is BodyMode.BUFFERED
        if last:
            self.state = State.DONE
        return last

    def add(self, data: bytes) -> None:
        """Keep a piece."""
        self._pieces.append(data)
        self.size += len(data)

    def body(self) -> bytes:
        """All that was kept, decoded. Raises CodingError."""
        data = self._pieces[0] if len(self._pieces) == 1 else b"".join(self._pieces)
        return data if self.decoder is None else self.decoder.feed(data) + self.decoder.close()
