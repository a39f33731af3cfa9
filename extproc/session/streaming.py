"""An event stream on its way to the client: pieces go through the guard, in whatever mode bodies come."""

from __future__ import annotations

from collections.abc import Generator

from extproc.chain import Refused
from extproc.dialects.coding import CodingError, Decoder
from extproc.guard.stop import Failed
from extproc.guard.stream import StreamGuard
from extproc.model import BodyMode, Chunk, Need, Phase, Proceed, Reply


class Streaming:
    """`over` says that we have ended the stream: what the provider still sends goes nowhere.

    `turned` says that the mode was changed by the reply to the headers. Of trailers that came before that reply Envoy
    tells us only once the first piece is answered, so this one is answered even where all of it is held (seen at 1.40).
    """

    def __init__(self, guard: StreamGuard, mode: BodyMode, decoder: Decoder | None, *, turned: bool = False) -> None:
        self._guard = guard
        self._duplex = mode is BodyMode.FULL_DUPLEX
        self._decoder = decoder
        self._unanswered = turned
        self.over = False

    @property
    def stopped(self) -> Refused | Failed | None:
        """Why the stream was stopped, if it was."""
        return self._guard.stopped

    @property
    def complete(self) -> bool:
        """Whether the provider has said that this was all."""
        return self._guard.complete

    @property
    def wake_after(self) -> float:
        """Seconds after which to flush if nothing comes; 0 for never. Only full duplex lets us speak unasked."""
        return 0.0 if self.over or not self._duplex else self._guard.wake_after

    def take(self, data: bytes, *, last: bool) -> Generator[Need, object, bytes]:
        """What may go on after a piece. Look at `stopped` afterwards."""
        if self.over:
            return b""
        try:
            plain = self._plain(data, last=last)
        except CodingError:
            return self._guard.stop(Failed("The reply's encoding cannot be undone.", "reply_encoded"))
        out = self._guard.feed(plain)
        if last and not self._guard.stopped:
            out += yield from self._guard.finish()
        return out

    def flush(self) -> bytes:
        """What may go on although nothing came."""
        return b"" if self.over else self._guard.flush()

    def conclude(self) -> None:
        """Put into the exchange what the stream said and what was decided about it."""
        self._guard.conclude()

    def replies(self, data: bytes, *, last: bool) -> list[Reply]:
        """The replies that carry it. Outside full duplex every piece has one, be it empty."""
        if not self._duplex:
            return [Proceed(Phase.RESPONSE_BODY, body=data)]
        answers = bool(data) or last or self._unanswered
        self._unanswered = False
        return [Chunk(Phase.RESPONSE_BODY, data, end=last)] if answers else []

    def _plain(self, data: bytes, *, last: bool) -> bytes:
        if self._decoder is None:
            return data
        plain = self._decoder.feed(data)
        return plain + self._decoder.close() if last else plain
