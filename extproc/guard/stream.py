"""An event stream under the chain: a provider's bytes in, the client's bytes out.

Events leave in the order in which they came, each when all its texts are settled; one that no policy edits keeps its
bytes. Where a policy cannot watch a growing text, or its operator wants it so, all is held to the end and judged whole.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Generator, Iterator
from dataclasses import dataclass, replace
from typing import Protocol

from extproc.chain import Chain, Refused
from extproc.dialects import UnreadableReply
from extproc.dialects.calls import streamed
from extproc.dialects.sse import Event, Framer, SseTooLarge
from extproc.dialects.texts import Fragment, about_tokens
from extproc.guard import whole
from extproc.guard.judge import judges
from extproc.guard.queue import EventQueue, Writer
from extproc.guard.realtime import Realtime
from extproc.guard.stop import Failed, Stop
from extproc.model import Exchange, Need, Request, Response, Text

PING = b": keeptrusts is checking\n\n"
"""A comment: it keeps the connection alive and is nothing to any client (WHATWG HTML, 9.2.6)."""


class Reader(Writer, Protocol):
    """What a dialect says about one stream; see `extproc.dialects.openai_chat.reader`.

    `sent` is how many of the events that were read have left: the end of a stream has to fit what the client has seen.
    """

    @property
    def done(self) -> bool: ...
    @property
    def finished(self) -> Collection[int | str]: ...
    def read(self, event: Event) -> tuple[Fragment, ...]: ...
    def shown(self, event: Event) -> Event: ...
    def blocked(self, *, wants_usage: bool, sent: int) -> bytes: ...
    def failed(self, message: str, code: str) -> bytes: ...
    def response(self, texts: tuple[Text, ...] = ()) -> Response: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class StreamLimits:
    """Bytes that may be held back, and of one event; seconds after which a held text is flushed, or a ping sent."""

    held_bytes: int = 32 << 20
    event_bytes: int = 16 << 20
    flush_seconds: float = 0.25
    ping_seconds: float = 10.0


class StreamGuard:
    """One stream. Once `stopped` is set, nothing more may be fed."""

    def __init__(
        self, reader: Reader, chain: Chain, exchange: Exchange, limits: StreamLimits, *, dialect: str = ""
    ) -> None:
        """`dialect` is the name of the reader's, which says where a stream's calls of tools are."""
        self._dialect = dialect
        self._reader = reader
        self._chain = chain
        self._exchange = exchange
        self._limits = limits
        self._framer = Framer(max_line=limits.event_bytes, max_event=limits.event_bytes)
        self._queue = EventQueue(reader)
        self._judges = judges(chain.on_stream(exchange), exchange, chain.clock)
        self._realtime = None if self._judges is None else Realtime(self._judges, self._queue)
        self.stopped: Refused | Failed | None = None
        self.hidden = b""  # the last event of which the dialect shows the client nothing

    @property
    def wake_after(self) -> float:
        """Seconds after which `flush` is wanted if nothing comes before; 0 where nothing is held."""
        if not self._queue or self.stopped:
            return 0.0
        return self._limits.flush_seconds if self._realtime else self._limits.ping_seconds

    @property
    def complete(self) -> bool:
        """Whether the stream has had its terminal event, and was not stopped."""
        return self._reader.done and not self.stopped

    @property
    def heard_out(self) -> bool:
        """Whether the terminal event has left, with all that came before it."""
        return self.complete and not self._queue

    def feed(self, data: bytes) -> bytes:
        """What may go on after these bytes; the end of the stream where they make it stop."""
        out: list[bytes] = []
        try:
            for event in self._events(lambda: self._framer.feed(data)):
                self._take(event)
                out += self._queue.release()
        except Stop as error:
            out.append(self.stop(error.why))
        return b"".join(out)

    def finish(self) -> Generator[Need, object, bytes]:
        """The rest, once the provider has ended the stream; the end of the stream where that makes it stop."""
        try:
            for event in self._events(self._framer.close):
                self._take(event)
            if self._realtime:
                self._realtime.end()
            else:
                yield from self._judge_whole()
        except Stop as error:
            return self.stop(error.why)
        return b"".join(self._queue.release())

    def flush(self) -> bytes:
        """What is settled of an event whose end is not, when the stream has paused; a ping where all has to wait."""
        if self._realtime is None:
            return PING if self._queue else b""
        try:
            self._realtime.flush()
        except Stop as error:
            return self.stop(error.why)
        return self._queue.begin()

    def conclude(self) -> None:
        """Put into the exchange what the stream said, and what each policy decided while it ran."""
        self._exchange.response = _with_input(self._reader.response(), self._exchange.request)
        self._exchange.decisions.extend(judge.decision() for judge in self._judges or ())

    def _events(self, cut: Callable[[], list[Event]]) -> Iterator[Event]:
        try:
            yield from cut()
        except SseTooLarge as error:
            yield from error.before
            raise Stop(Failed("An event of the reply is larger than this gateway reads.", "reply_too_large")) from error

    def _read(self, event: Event) -> tuple[Fragment, ...]:
        try:
            return self._reader.read(event)
        except UnreadableReply as error:
            raise Stop(Failed("The reply is not what the provider's API promises.", "reply_unreadable")) from error

    def _take(self, event: Event) -> None:
        known = len(self._reader.finished)
        fragments = self._read(event)
        shown = self._reader.shown(event)
        if not shown.raw:
            self.hidden = event.raw
        waiting = self._queue.put(shown, fragments if shown.raw else ())
        if self._queue.size > self._limits.held_bytes:
            raise Stop(Failed("The reply is larger than this gateway holds back.", "reply_too_large"))
        if self._realtime is None:
            return
        self._realtime.take(waiting)
        if self._reader.done:
            self._realtime.end()
        elif len(self._reader.finished) != known:
            self._realtime.end(self._reader.finished)

    def _judge_whole(self) -> Generator[Need, object, None]:
        before = whole.texts(self._queue)
        self._exchange.response = self._with_calls(self._reader.response(before))
        refused = yield from self._chain.judge_output(self._exchange)
        if refused:
            raise Stop(refused)
        whole.settle(self._queue, before, self._exchange.response.texts)

    def _with_calls(self, read: Response) -> Response:
        if not self._chain.reads_calls:
            return read
        try:
            return replace(read, calls=streamed(self._dialect, (each.event.data for each in self._queue)))
        except UnreadableReply as unread:
            raise Stop(Failed("The reply is not what the provider's API promises.", "reply_unreadable")) from unread

    def stop(self, why: Refused | Failed) -> bytes:
        """The rest is not sent; the client's API says how a stream ends early."""
        self._queue.clear()
        self.stopped = why
        if isinstance(why, Failed):
            return self._reader.failed(why.message, why.reason)
        request = self._exchange.request
        return self._reader.blocked(wants_usage=bool(request and request.wants_usage), sent=self._queue.left)


def _with_input(response: Response, request: Request | None) -> Response:
    """Where the tokens are our guess, those of the request too."""
    if not response.usage_estimated or request is None:
        return response
    asked = about_tokens(sum(len(text.value) for text in request.texts))
    return replace(response, usage=replace(response.usage, input_tokens=asked))
