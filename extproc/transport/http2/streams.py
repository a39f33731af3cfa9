"""One stream's state: what it may still send, what waits to be sent, and how it ends."""

from __future__ import annotations

from collections import deque

from extproc.transport.http2.messages import Deframer


class Stream:
    """Bytes of DATA frames count with their padding. `ended` is the peer's end, `trailers` are ours, once they are due.

    Received bytes go back to the peer's window but for those of messages that were handed out and not dealt with.
    """

    __slots__ = ("credit", "deframer", "ended", "held", "number", "owed", "queue", "queued", "responded", "trailers",
                 "unreturned", "window")  # fmt: skip

    def __init__(self, number: int, window: int, credit: int, most_bytes: int, length: int | None) -> None:
        self.number = number
        self.owed = length  # bytes of the body that `content-length` promises
        self.window = window  # what we may send
        self.credit = credit  # what the peer may send
        self.unreturned = 0  # received, and not given back to the window
        self.held = 0  # of messages that somebody has to deal with
        self.deframer = Deframer(most_bytes)
        self.ended = False
        self.responded = False
        self.queue: deque[memoryview] = deque()
        self.queued = 0
        self.trailers: bytes | None = None

    def received(self, size: int) -> None:
        """A DATA frame's bytes."""
        self.credit -= size
        self.unreturned += size

    def returnable(self, least: int) -> int:
        """Bytes that are due to the peer's window, 0 for fewer than `least`."""
        size = self.unreturned - self.held
        if size < least:
            return 0
        self.unreturned -= size
        self.credit += size
        return size
