"""The response's direction: a JSON reply that is judged whole, a failure, or an event stream."""

from __future__ import annotations

from dataclasses import replace

from extproc.dialects import calls
from extproc.dialects.coding import CodingError, decoder
from extproc.guard.stream import StreamGuard
from extproc.model import Body, BodyMode, Chunk, Head, Phase, Proceed, Response, Send, first
from extproc.session import onward, unscanned
from extproc.session.admission import content_encoding
from extproc.session.direction import Direction
from extproc.session.ledger import Ledger
from extproc.session.steps import Steps
from extproc.session.streaming import Streaming


class ResponseSide:
    """One response. `streaming` is set once it is known to be an event stream."""

    def __init__(self, ledger: Ledger) -> None:
        self.direction = Direction()
        self.streaming: Streaming | None = None
        self._passing = False  # an error that no policy judges: its pieces are not ours to hold
        self._ledger = ledger
        self._rules = ledger.rules

    @property
    def owes(self) -> bool:
        """Whether a message waits for its reply."""
        passing = self._passing or (self.streaming is not None and not self.streaming.waits)
        return self.direction.replies_held and not passing

    def head(self, event: Head) -> Steps:
        """The headers, which say what kind of response it is."""
        self.direction.advance(event)
        ledger, chain = self._ledger, self._rules.chain
        status = first(event.headers, ":status")
        ledger.status = int(status) if status.isascii() and status.isdigit() else None
        failed = ledger.failed
        if ledger.unscanned:
            yield from self._unread()
        elif event.end:
            yield from ledger.passed()
            yield Send(self._marked())
        elif failed and not chain.on_stream(ledger.exchange):
            self._passing = True
            yield Send(self._marked())
        elif self.direction.mode is BodyMode.NONE:
            yield from self._unseen()
        elif not self._decodable(event):
            yield from ledger.bad_gateway("The provider's reply is encoded and cannot be checked.", "reply_encoded")
        elif not failed and first(event.headers, "content-type").startswith("text/event-stream"):
            yield from self._begin_stream()
        elif self.direction.mode is not BodyMode.FULL_DUPLEX:
            yield Send(self._marked())

    def body(self, event: Body) -> Steps:
        """A piece of the body, or all of it."""
        direction = self.direction
        if direction.repeats():
            return
        last = direction.follow(event)
        if self._ledger.unscanned:
            yield Send(unscanned.piece(event, direction.mode))
        elif self._passing:
            yield from self._pass_piece(event, last)
        elif self.streaming:
            yield from self.streaming.pieces(event.data, last=last)
        else:
            yield from self._json_piece(event, last)

    def end_by_trailers(self) -> Steps:
        """The body has no last piece."""
        if self._ledger.unscanned:
            return
        if self.streaming:
            yield from self.streaming.end_by_trailers()
        elif self._passing:
            yield from self._ledger.end("error", "upstream_error")
        else:
            yield from self._judge()

    def _unread(self) -> Steps:
        """A reply that nobody reads, of which no last byte will be seen: its end is recorded before its first."""
        self._passing = True
        yield from self._ledger.passed(complete=False)
        yield Send(self._marked(BodyMode.NONE if self.direction.mode is BodyMode.BUFFERED else None))

    def _unseen(self) -> Steps:
        """A data plane that sends no reply bodies: fine unless a policy has to see them."""
        if self._rules.chain.guards_output:
            message = "This gateway's Envoy does not send replies to be checked."
            yield from self._ledger.bad_gateway(message, "reply_not_sent")
        else:
            yield from self._ledger.passed(complete=False)
            yield Send(self._marked())

    def _decodable(self, event: Head) -> bool:
        coding, rules = content_encoding(event.headers), self._rules
        try:
            self.direction.decoder = decoder(coding, max_bytes=rules.max_response_bytes, max_ratio=rules.max_ratio)
        except CodingError:
            return False
        return True

    def _marked(self, mode: BodyMode | None = None) -> Proceed:
        """The reply to headers. Where the body is not BUFFERED, its length and coding are not known to stay."""
        open_ended = (mode or self.direction.mode) in (BodyMode.STREAMED, BodyMode.FULL_DUPLEX) and not self._passing
        removed = ("content-length", "content-encoding") if open_ended else ()
        return Proceed(Phase.RESPONSE_HEADERS, set_headers=self._ledger.marks, remove_headers=removed, mode=mode)

    def _pass_piece(self, event: Body, last: bool) -> Steps:
        if last:
            yield from self._ledger.end("error", "upstream_error")
        if self.direction.mode is BodyMode.FULL_DUPLEX:
            yield Send(Chunk(Phase.RESPONSE_BODY, event.data, end=event.end))
        else:
            yield Send(Proceed(Phase.RESPONSE_BODY))

    def _json_piece(self, event: Body, last: bool) -> Steps:
        direction = self.direction
        direction.add(event.data)
        if direction.size > self._rules.max_response_bytes:
            message = "The provider's reply is larger than this gateway reads."
            yield from self._ledger.bad_gateway(message, "reply_too_large")
        elif last:
            yield from self._judge()
        elif direction.mode is BodyMode.STREAMED:
            yield Send(Proceed(Phase.RESPONSE_BODY, body=b""))

    def _judge(self) -> Steps:
        direction, ledger = self.direction, self._ledger
        try:
            body = direction.body()
            read = self._read(body)
        except CodingError:
            yield from ledger.bad_gateway("The encoding of the provider's reply cannot be undone.", "reply_encoded")
            return
        except ValueError:
            yield from self._unreadable()
            return
        ledger.exchange.response = read
        refused = yield from self._rules.chain.judge_output(ledger.exchange)
        if refused:
            yield from ledger.block(refused)
            return
        after = ledger.exchange.response.texts
        sent = body if after is read.texts else ledger.dialect.write(body, read.texts, after)
        if not ledger.failed:
            ledger.caching.offer("json", sent)
        yield from self._pass(sent, changed=sent is not body or direction.decoder is not None)

    def _read(self, body: bytes) -> Response:
        dialect, depth = self._ledger.dialect, self._rules.max_depth
        if self._ledger.failed:
            return dialect.read_error(body, max_depth=depth)
        read = dialect.read_response(body, max_depth=depth)
        return replace(read, calls=calls.called(dialect.name, body)) if self._rules.chain.reads_calls else read

    def _unreadable(self) -> Steps:
        """A page of a proxy's, say. A failure stays one, with its status, for clients to retry; its text stays here."""
        ledger = self._ledger
        if not ledger.failed:
            yield from ledger.bad_gateway("The provider's reply is not what its API promises.", "reply_unreadable")
            return
        status = ledger.status or 502
        message = f"The provider answered with status {status} and no error that could be checked."
        error = ledger.dialect.error(status, message, "upstream_error", "error_unreadable")
        yield from self._pass(error, changed=True, ours=True)

    def _pass(self, body: bytes, *, changed: bool, ours: bool = False) -> Steps:
        yield from self._ledger.passed()
        for reply in onward.response(self.direction.mode, self._marked(), body, changed=changed, ours=ours):
            yield Send(reply)

    def _begin_stream(self) -> Steps:
        direction, ledger = self.direction, self._ledger
        turned = direction.mode is BodyMode.BUFFERED
        if turned:
            direction.mode = BodyMode.FULL_DUPLEX
        reader = ledger.dialect.stream(max_depth=self._rules.max_depth, hides_usage=ledger.hides_usage)
        guard = StreamGuard(reader, self._rules.chain, ledger.exchange, self._rules.stream, dialect=ledger.dialect.name)
        holds = direction.mode is BodyMode.FULL_DUPLEX and not turned
        head = self._marked(BodyMode.FULL_DUPLEX if turned else None)
        self.streaming = Streaming(ledger, guard, direction, turned=turned, head=head if holds else None)
        if not holds:
            yield Send(head)
