"""The state machine of one exchange. `receive` is a generator of steps: the driver performs each in order and sends
back what a `Need` found, so an interleaving or a timeout is a list of values in a test.

The rules, from ext_proc v3 as Envoy 1.40 implements it:

- Request and response are two directions that may overlap; in each the order is headers, body pieces, trailers.
- Outside full duplex every message gets exactly one reply of its kind. After our own answer nothing may follow.
- A JSON body is judged whole. BUFFERED sends it whole. STREAMED pieces are answered empty until the last, whose reply
  carries everything. In full duplex the headers' reply is held back until the body was judged.
- An event stream goes through a guard while it runs: the reply to its headers turns the body mode to full duplex,
  where pieces go out when they are settled, a pause flushes what is held, and we may end the stream early. Where full
  duplex is the mode already, the headers wait for the first of it, so that a block before that is a plain 409.
- What the cache knows answers the last piece of the request's body; whoever fetches for it says at the end what came.
- `begin` is recorded before the first reply that lets anything pass, `end` before the last byte is released (D9).
"""

from __future__ import annotations

from collections.abc import Callable, Generator

from extproc.cache.commands import Found
from extproc.chain import Refused
from extproc.dialects.coding import CodingError, decoder
from extproc.guard.stop import Failed
from extproc.guard.stream import StreamGuard
from extproc.model import (
    REQUEST_ID,
    Answer,
    Body,
    BodyMode,
    Chunk,
    ClientError,
    Event,
    Exchange,
    Fail,
    Head,
    Headers,
    Opened,
    PeerError,
    Phase,
    Proceed,
    Request,
    Response,
    Send,
    Step,
    Tell,
    Trailers,
    Wake,
    first,
)
from extproc.session import onward, record
from extproc.session.admission import admit, content_encoding, too_large, undecodable
from extproc.session.caching import Caching
from extproc.session.direction import Direction, State
from extproc.session.rules import Rules
from extproc.session.steps import Steps
from extproc.session.streaming import Streaming

_PART = 64 << 10
"""Bytes of a stream that are judged in one go: ten milliseconds, in which a worker's other streams wait. Once a slow
client reads on, Envoy hands over all that it has buffered in one piece."""


class Session:
    """The state of one gRPC stream. Feed it events; perform the steps that it yields, in order."""

    def __init__(self, rules: Rules, new_id: Callable[[], str], traceparent: str = "") -> None:
        self.rules = rules
        self.exchange = Exchange()
        self._new_id = new_id
        self._traceparent = traceparent
        self._request = Direction()
        self._response = Direction()
        self._dialect = rules.fallback
        self._passing = False  # an error that no policy judges: its pieces are not ours to hold
        self._caching = Caching(rules.cache)
        self._streaming: Streaming | None = None
        self._held: Proceed | None = None  # the reply to a stream's headers, until something of it may go on
        self._status: int | None = None
        self._began = False
        self._ended = False
        self._answered = False

    def receive(self, event: Event) -> Steps:
        """The steps that an event asks for. Raises PeerError where the event may not come now."""
        if self._answered:
            return  # what Envoy had already sent when our answer reached it
        match event:
            case Body(phase=Phase.RESPONSE_BODY):  # first: a stream is thousands of them
                yield from self._response_body(event)
            case Opened():
                self._open(event)
            case Head(phase=Phase.REQUEST_HEADERS):
                yield from self._request_head(event)
            case Body(phase=Phase.REQUEST_BODY):
                yield from self._request_body(event)
            case Head(phase=Phase.RESPONSE_HEADERS):
                yield from self._response_head(event)
            case Trailers():
                yield from self._trailers(event)
            case _:
                raise PeerError(f"{type(event).__name__} in {event.phase.value}")

    def woke(self) -> Steps:
        """The time that a `Wake` asked for has passed without a message."""
        if self._streaming is None or self._answered:
            return
        data = self._streaming.flush()
        if self._streaming.stopped:
            yield from self._stop(self._streaming, data, last=False)
        else:
            yield from self._send(self._streaming, data, last=False)

    @property
    def owes(self) -> bool:
        """Whether a message waits for its reply."""
        passing = self._passing or (self._streaming is not None and self._held is None)
        return not self._answered and (self._request.replies_held or (self._response.replies_held and not passing))

    def closed(self) -> Steps:
        """The stream is over. An exchange that has not ended was given up by the client, the provider or Envoy."""
        if self._began and not self._ended:
            if self._streaming:
                self._streaming.conclude()
            yield from self._end("aborted", "stream_closed")

    def broke(self, error: str) -> Steps:
        """We failed: nothing may pass. Before a response the client is told so; after it the stream is cut."""
        self._answered = True  # first: the record may fail too
        if not self._ended:
            yield from self._begin()
            yield from self._end("error", error)
        yield Fail(error)

    # --- the request ---

    def _open(self, event: Opened) -> None:
        if event.observing:
            raise PeerError("observability_mode ignores our replies, so it cannot enforce a policy")
        if BodyMode.BUFFERED_PARTIAL in (event.request_body, event.response_body):
            raise PeerError("BUFFERED_PARTIAL passes the rest of a body unseen; use BUFFERED")
        self._request.mode, self._response.mode = event.request_body, event.response_body

    def _request_head(self, event: Head) -> Steps:
        self._request.advance(event)
        exchange = self.exchange
        exchange.headers = event.headers
        exchange.id = first(event.headers, "x-request-id") or self._new_id()
        exchange.method, exchange.path = first(event.headers, ":method"), first(event.headers, ":path")
        path = exchange.path.partition("?")[0]
        self._dialect = self.rules.dialects.get(path, self.rules.fallback)
        try:
            exchange.consumer = self.rules.identify(event.headers)
            own = self.rules.answers(exchange.method, path)
            if own is None:
                self._request.decoder = admit(event, exchange, self._request.mode, self.rules)
        except ClientError as error:
            yield from self._refuse(error)
            return
        yield from self._begin()
        if own is not None:
            yield from self._answer(200, own, "allowed", "answered_here", "kt_own")
            return
        refused = self.rules.chain.judge_headers(exchange)
        if refused:
            yield from self._block(refused)
        elif self._request.mode is not BodyMode.FULL_DUPLEX:
            yield Send(onward.request_head(self._request.mode))

    def _request_body(self, event: Body) -> Steps:
        direction = self._request
        if direction.repeats():
            return
        last = direction.follow(event)
        direction.add(event.data)
        if direction.size > self.rules.max_body_bytes:
            yield from self._refuse(too_large(self.rules))
        elif last:
            yield from self._judge_request(trailers=False)
        elif direction.mode is BodyMode.STREAMED:
            yield Send(Proceed(Phase.REQUEST_BODY, body=b""))

    def _judge_request(self, *, trailers: bool) -> Steps:
        exchange, direction = self.exchange, self._request
        try:
            body = direction.body()
            read = self._dialect.read_request(body, max_depth=self.rules.max_depth)
            exchange.request = read
            targets = self.rules.route(read.model)
        except CodingError as error:
            yield from self._refuse(undecodable(error))
            return
        except ClientError as error:
            yield from self._refuse(error)
            return
        refused = yield from self.rules.chain.judge_input(exchange)
        if refused:
            yield from self._block(refused)
            return
        after = exchange.request.texts
        sent = body if after is read.texts else self._dialect.write(body, read.texts, after)
        if (yield from self._from_cache(sent, targets)):
            return
        changed = sent is not body or direction.decoder is not None
        facts = {"id": exchange.id, "path": exchange.path, "dialect": self._dialect.name}
        for reply in onward.request(direction.mode, sent, targets, facts, changed=changed, trailers=trailers):
            yield Send(reply)

    def _from_cache(self, body: bytes, targets: tuple[str, ...]) -> Generator[Step, object, bool]:
        """Whether the client has its answer, or a clear no."""
        try:
            found = yield from self._caching.look(self.exchange, self._dialect, body, targets)
            reply = self._dialect.read_response(found.entry.body, max_depth=self.rules.max_depth) if found else None
        except ClientError as error:
            yield from self._refuse(error)
            return True
        request = self.exchange.request
        if found is None or reply is None or request is None:
            return False
        if request.stream and request.wants_usage and reply.usage.output_tokens is None:
            self._caching.unfit("no_usage")
            return False
        self.exchange.response = reply
        yield from self._answer_stored(found, request)
        return True

    def _answer_stored(self, found: Found, request: Request) -> Steps:
        """Output policies look at every hit, so that a new rule holds for what is stored too (design D14)."""
        read, entry = self.exchange.response, found.entry
        refused = yield from self.rules.chain.judge_output(self.exchange)
        if refused:
            yield from self._block(refused)
            return
        after = self.exchange.response
        same = read is None or after is None or after.texts is read.texts
        body = entry.body if same or not read or not after else self._dialect.write(entry.body, read.texts, after.texts)
        kind = "application/json"
        if request.stream:
            kind = "text/event-stream"
            as_it_came = same and entry.events and entry.wanted_usage == request.wants_usage
            body = entry.events if as_it_came else self._dialect.replay(body, wants_usage=request.wants_usage)
        headers = (("content-type", kind), ("age", str(found.age)))
        outcome = record.outcome(self.exchange, 200)
        yield from self._answer(200, body, outcome, "", "kt_cache_hit", headers=headers)

    # --- the response ---

    def _response_head(self, event: Head) -> Steps:
        self._response.advance(event)
        status = first(event.headers, ":status")
        self._status = int(status) if status.isascii() and status.isdigit() else None
        failed = self._failed
        if event.end:
            yield from self._end(record.outcome(self.exchange, self._status), "upstream_error" if failed else "")
            yield Send(self._marked())
        elif failed and not self.rules.chain.on_stream(self.exchange):
            self._passing = True
            yield Send(self._marked())
        elif self._response.mode is BodyMode.NONE:
            yield from self._unseen()
        elif not self._decodable(event):
            yield from self._bad_gateway("The provider's reply is encoded and cannot be checked.", "reply_encoded")
        elif not failed and first(event.headers, "content-type").startswith("text/event-stream"):
            yield from self._begin_stream()
        elif self._response.mode is not BodyMode.FULL_DUPLEX:
            yield Send(self._marked())

    def _unseen(self) -> Steps:
        """A data plane that sends no reply bodies: fine unless a policy has to see them."""
        if self.rules.chain.guards_output:
            yield from self._bad_gateway("This gateway's Envoy does not send replies to be checked.", "reply_not_sent")
        else:
            yield from self._end(record.outcome(self.exchange, self._status), "")
            yield Send(self._marked())

    def _decodable(self, event: Head) -> bool:
        coding, rules = content_encoding(event.headers), self.rules
        try:
            self._response.decoder = decoder(coding, max_bytes=rules.max_response_bytes, max_ratio=rules.max_ratio)
        except CodingError:
            return False
        return True

    def _marked(self, mode: BodyMode | None = None) -> Proceed:
        """The reply to headers. Where the body is not BUFFERED, its length and coding are not known to stay."""
        open_ended = (mode or self._response.mode) in (BodyMode.STREAMED, BodyMode.FULL_DUPLEX) and not self._passing
        removed = ("content-length", "content-encoding") if open_ended else ()
        marks = ((REQUEST_ID, self.exchange.id), *self._caching.headers)
        return Proceed(Phase.RESPONSE_HEADERS, set_headers=marks, remove_headers=removed, mode=mode)

    def _response_body(self, event: Body) -> Steps:
        direction = self._response
        if direction.repeats():
            return
        last = direction.follow(event)
        if self._passing:
            yield from self._pass_piece(event, last)
        elif self._streaming:
            yield from self._stream_pieces(self._streaming, event.data, last=last)
        else:
            yield from self._json_piece(direction, event, last)

    def _pass_piece(self, event: Body, last: bool) -> Steps:
        if last:
            yield from self._end("error", "upstream_error")
        if self._response.mode is BodyMode.FULL_DUPLEX:
            yield Send(Chunk(Phase.RESPONSE_BODY, event.data, end=event.end))
        else:
            yield Send(Proceed(Phase.RESPONSE_BODY))

    def _json_piece(self, direction: Direction, event: Body, last: bool) -> Steps:
        direction.add(event.data)
        if direction.size > self.rules.max_response_bytes:
            yield from self._bad_gateway("The provider's reply is larger than this gateway reads.", "reply_too_large")
        elif last:
            yield from self._judge_response()
        elif direction.mode is BodyMode.STREAMED:
            yield Send(Proceed(Phase.RESPONSE_BODY, body=b""))

    def _judge_response(self) -> Steps:
        direction = self._response
        try:
            body = direction.body()
            read = self._read_reply(body)
        except CodingError:
            yield from self._bad_gateway("The encoding of the provider's reply cannot be undone.", "reply_encoded")
            return
        except ValueError:
            yield from self._unreadable()
            return
        self.exchange.response = read
        refused = yield from self.rules.chain.judge_output(self.exchange)
        if refused:
            yield from self._block(refused)
            return
        after = self.exchange.response.texts
        sent = body if after is read.texts else self._dialect.write(body, read.texts, after)
        if not self._failed:
            self._caching.offer("json", sent)
        yield from self._pass_reply(sent, changed=sent is not body or direction.decoder is not None)

    def _read_reply(self, body: bytes) -> Response:
        depth = self.rules.max_depth
        read = self._dialect.read_error if self._failed else self._dialect.read_response
        return read(body, max_depth=depth)

    def _unreadable(self) -> Steps:
        """A page of a proxy's, say. A failure stays one, with its status, for clients to retry; its text stays here."""
        if not self._failed:
            yield from self._bad_gateway("The provider's reply is not what its API promises.", "reply_unreadable")
            return
        status = self._status or 502
        message = f"The provider answered with status {status} and no error that could be checked."
        error = self._dialect.error(status, message, "upstream_error", "error_unreadable")
        yield from self._pass_reply(error, changed=True, ours=True)

    def _pass_reply(self, body: bytes, *, changed: bool, ours: bool = False) -> Steps:
        yield from self._end(record.outcome(self.exchange, self._status), "upstream_error" if self._failed else "")
        for reply in onward.response(self._response.mode, self._marked(), body, changed=changed, ours=ours):
            yield Send(reply)

    @property
    def _failed(self) -> bool:
        return self._status is None or self._status >= 400

    # --- an event stream ---

    def _begin_stream(self) -> Steps:
        direction = self._response
        turned = direction.mode is BodyMode.BUFFERED
        if turned:
            direction.mode = BodyMode.FULL_DUPLEX
        reader = self._dialect.stream(max_depth=self.rules.max_depth)
        guard = StreamGuard(reader, self.rules.chain, self.exchange, self.rules.stream)
        self._streaming = Streaming(guard, direction.mode, direction.decoder, turned=turned)
        if direction.mode is BodyMode.FULL_DUPLEX and not turned:
            self._held = self._marked()
        else:
            yield Send(self._marked(BodyMode.FULL_DUPLEX if turned else None))

    def _stream_pieces(self, streaming: Streaming, data: bytes, *, last: bool) -> Steps:
        """Full duplex lets a large piece through in parts: each is sent before the next is judged."""
        size = _PART if self._response.mode is BodyMode.FULL_DUPLEX else max(len(data), 1)
        for at in range(0, max(len(data), 1), size):
            if not self._answered:
                yield from self._stream_piece(streaming, data[at : at + size], last=last and at + size >= len(data))

    def _stream_piece(self, streaming: Streaming, data: bytes, *, last: bool) -> Steps:
        over = streaming.over
        out = yield from streaming.take(data, last=last)
        if streaming.stopped and not over:
            yield from self._stop(streaming, out, last=last)
            return
        if last and not over:
            streaming.conclude()
            self._caching.offer("stream", out)
            yield from self._end(record.outcome(self.exchange, self._status), "")
        yield from self._send(streaming, out, last=last)

    def _send(self, streaming: Streaming, data: bytes, *, last: bool) -> Steps:
        replies = streaming.replies(data, last=last)
        if data and not last:
            self._caching.offer("stream", data)
        if replies and self._held:
            yield Send(self._held)
            self._held = None
        for reply in replies:
            yield Send(reply)
        if not last and (after := streaming.wake_after):
            yield Wake(after)

    def _stop(self, streaming: Streaming, data: bytes, *, last: bool) -> Steps:
        """The end of a stream in its own protocol. In full duplex Envoy then resets the provider (design, point 11).

        Where not even the headers went on, the client gets a plain refusal.
        """
        streaming.conclude()
        streaming.over = True
        match streaming.stopped:
            case Refused() as why if self._held:
                yield from self._block(why)
                return
            case Failed(message=message, reason=reason) if self._held:
                yield from self._bad_gateway(message, reason)
                return
            case Refused() as why:
                yield from self._end(_refusal(why), why.reason, why.policy)
            case Failed(reason=reason):
                yield from self._end("error", reason)
        self._answered = self._response.mode is BodyMode.FULL_DUPLEX
        for reply in streaming.replies(data, last=last or self._answered):
            yield Send(reply)

    # --- trailers ---

    def _trailers(self, event: Trailers) -> Steps:
        direction = self._request if event.phase is Phase.REQUEST_TRAILERS else self._response
        if direction.state == State.BODY:
            direction.state = State.DONE
            yield from self._end_by_trailers(event.phase)
        if not self._answered:
            yield Send(Proceed(event.phase))

    def _end_by_trailers(self, phase: Phase) -> Steps:
        if phase is Phase.REQUEST_TRAILERS:
            yield from self._judge_request(trailers=True)
        elif self._streaming:
            yield from self._end_stream_by_trailers(self._streaming)
        elif self._passing:
            yield from self._end("error", "upstream_error")
        else:
            yield from self._judge_response()

    def _end_stream_by_trailers(self, streaming: Streaming) -> Steps:
        """The stream has no last piece: what is held goes out before the trailers."""
        over = streaming.over
        out = yield from streaming.take(b"", last=True)
        if over:
            return
        if streaming.stopped:
            yield from self._stop(streaming, out, last=False)
            return
        streaming.conclude()
        self._caching.offer("stream", out)
        yield from self._end(record.outcome(self.exchange, self._status), "")
        if self._held:
            yield Send(self._held)
        if out:
            yield Send(Chunk(Phase.RESPONSE_BODY, out))

    # --- answers of our own ---

    def _refuse(self, error: ClientError) -> Steps:
        yield from self._begin()
        body = self._dialect.error(error.status, str(error), error.kind, error.reason)
        yield from self._answer(error.status, body, "refused", error.reason, f"kt_{error.reason}")

    def _block(self, refused: Refused) -> Steps:
        body = self._dialect.block(refused.policy, refused.message, refused.code)
        yield from self._answer(409, body, _refusal(refused), refused.reason, "kt_block", refused.policy)

    def _bad_gateway(self, message: str, reason: str) -> Steps:
        yield from self._begin()
        body = self._dialect.error(502, message, "upstream_error", reason)
        yield from self._answer(502, body, "error", reason, f"kt_{reason}")

    def _answer(
        self, status: int, body: bytes, outcome: str, reason: str, details: str, policy: str = "",
        headers: Headers = (("content-type", "application/json"),),
    ) -> Steps:  # fmt: skip
        self._status = status
        self._answered = True
        yield from self._end(outcome, reason, policy)
        retry: Headers = () if status < 400 else (("x-should-retry", "false"),)
        marks = ((REQUEST_ID, self.exchange.id), *self._caching.headers, *retry)
        yield Send(Answer(status, body, (*headers, *marks), details))

    # --- the record ---

    def _begin(self) -> Steps:
        if self._began:
            return
        self._began = True
        self.exchange.id = self.exchange.id or self._new_id()
        yield record.begin(self.exchange, self._traceparent)

    def _end(self, outcome: str, reason: str, policy: str = "") -> Steps:
        """The record, and what the keeper is told; both before the last byte is released."""
        self._ended = True
        status, dialect, config = self._status, self._dialect.name, self.rules.digest
        cache = (self._caching.status, self._caching.reason)
        yield record.end(
            self.exchange, outcome, reason, policy, status=status, dialect=dialect, config=config, cache=cache
        )
        fact = self._caching.settle(self.exchange, complete=outcome == "allowed" and self._whole)
        if fact:
            yield Tell(fact)

    @property
    def _whole(self) -> bool:
        """Whether the reply has come to its end by its own account."""
        return self._streaming is None or self._streaming.complete


def _refusal(refused: Refused) -> str:
    return "escalated" if refused.code == "escalation_required" else "blocked"
