"""An event stream on its way to the client: pieces go through the guard, in whatever mode bodies come."""

from __future__ import annotations

from collections.abc import Generator

from extproc.chain import Refused
from extproc.dialects.coding import CodingError
from extproc.guard.stop import Failed
from extproc.guard.stream import StreamGuard
from extproc.model import BodyMode, Chunk, Need, Phase, Proceed, Reply, Send, Wake
from extproc.session.direction import Direction
from extproc.session.ledger import Ledger
from extproc.session.steps import Steps

_PART = 64 << 10
"""Bytes of a stream that are judged in one go: ten milliseconds, in which a worker's other streams wait. Once a slow
client reads on, Envoy hands over all that it has buffered in one piece."""


class Streaming:
    """One stream.

    `head` is the reply to its headers where that waits for the first of the stream to go on.
    `turned` says that the mode was changed by the reply to the headers. Of trailers that came before that reply Envoy
    tells us only once the first piece is answered, so this one is answered even where all of it is held (seen at 1.40).
    """

    def __init__(
        self, ledger: Ledger, guard: StreamGuard, direction: Direction, *, turned: bool, head: Proceed | None
    ) -> None:
        self._ledger = ledger
        self._guard = guard
        self._duplex = direction.mode is BodyMode.FULL_DUPLEX
        self._decoder = direction.decoder
        self._unanswered = turned
        self._head = head
        self._over = False  # we have ended it: what the provider still sends goes nowhere

    @property
    def waits(self) -> bool:
        """Whether nothing of it has gone on, not even its headers."""
        return self._head is not None

    def pieces(self, data: bytes, *, last: bool) -> Steps:
        """What came. Full duplex lets a large piece through in parts: each is sent before the next is judged."""
        size = _PART if self._duplex else max(len(data), 1)
        for at in range(0, max(len(data), 1), size):
            if not self._ledger.answered:
                yield from self._piece(data[at : at + size], last=last and at + size >= len(data))

    def woke(self) -> Steps:
        """Nothing came for a while: what is settled goes on."""
        data = b"" if self._over else self._guard.flush()
        if self._guard.stopped:
            yield from self._stop(data, last=False)
        else:
            yield from self._send(data, last=False)

    def end_by_trailers(self) -> Steps:
        """The stream has no last piece: what is held goes out before the trailers."""
        over = self._over
        out = yield from self._take(b"", last=True)
        if over:
            return
        if self._guard.stopped:
            yield from self._stop(out, last=False)
            return
        yield from self._end(out)
        if self._head:
            yield Send(self._head)
        if out:
            yield Send(Chunk(Phase.RESPONSE_BODY, out))

    @property
    def heard_out(self) -> bool:
        """Whether the client has had the terminal event. OpenAI's SDK reads no further, and closes the stream."""
        return self._guard.heard_out

    def conclude(self) -> None:
        """Put into the exchange what the stream said and what was decided about it."""
        self._guard.conclude()
        self._ledger.caching.hidden = self._guard.hidden

    def _piece(self, data: bytes, *, last: bool) -> Steps:
        over = self._over
        out = yield from self._take(data, last=last)
        if self._guard.stopped and not over:
            yield from self._stop(out, last=last)
            return
        if last and not over:
            yield from self._end(out)
        yield from self._send(out, last=last)

    def _take(self, data: bytes, *, last: bool) -> Generator[Need, object, bytes]:
        """What may go on after a piece."""
        if self._over:
            return b""
        try:
            plain = self._plain(data, last=last)
        except CodingError:
            return self._guard.stop(Failed("The reply's encoding cannot be undone.", "reply_encoded"))
        out = self._guard.feed(plain)
        if last and not self._guard.stopped:
            out += yield from self._guard.finish()
        return out

    def _plain(self, data: bytes, *, last: bool) -> bytes:
        if self._decoder is None:
            return data
        plain = self._decoder.feed(data)
        return plain + self._decoder.close() if last else plain

    def _send(self, data: bytes, *, last: bool) -> Steps:
        if data and not last:
            self._ledger.caching.offer("stream", data)
        replies = self._replies(data, last=last)
        if replies and self._head:
            yield Send(self._head)
            self._head = None
        for reply in replies:
            yield Send(reply)
        if not last and (after := self._wake_after):
            yield Wake(after)

    @property
    def _wake_after(self) -> float:
        """Seconds after which to flush if nothing comes; 0 for never. Only full duplex lets us speak unasked."""
        return 0.0 if self._over or not self._duplex else self._guard.wake_after

    def _replies(self, data: bytes, *, last: bool) -> list[Reply]:
        """The replies that carry it. Outside full duplex every piece has one, be it empty."""
        if not self._duplex:
            return [Proceed(Phase.RESPONSE_BODY, body=data)]
        answers = bool(data) or last or self._unanswered
        self._unanswered = False
        return [Chunk(Phase.RESPONSE_BODY, data, end=last)] if answers else []

    def _end(self, out: bytes) -> Steps:
        """The provider has ended it, and `out` is the last that goes on."""
        self.conclude()
        self._ledger.caching.offer("stream", out)
        yield from self._ledger.passed(complete=self._guard.complete)

    def _stop(self, data: bytes, *, last: bool) -> Steps:
        """The end of a stream in its own protocol. In full duplex Envoy then resets the provider (design, point 11).

        Where not even the headers went on, the client gets a plain refusal.
        """
        self.conclude()
        self._over = True
        ledger = self._ledger
        match self._guard.stopped:
            case Refused() as why if self._head:
                yield from ledger.block(why)
                return
            case Failed(message=message, reason=reason) if self._head:
                yield from ledger.bad_gateway(message, reason)
                return
            case Refused() as why:
                yield from ledger.stopped(why)
            case Failed(reason=reason):
                yield from ledger.end("error", reason)
        ledger.answered = self._duplex
        for reply in self._replies(data, last=last or self._duplex):
            yield Send(reply)
