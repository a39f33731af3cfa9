"""One exchange as Envoy tells it: which message may come when, and what is answered to it.

Events in, steps out; no I/O, no clock, no protobuf (design D6). `receive` is a generator of steps: the driver performs
each in order and sends back what a `Need` found. So an interleaving or a timeout is a list of values in a test.

The rules, from ext_proc v3 as Envoy 1.40 implements it:

- Request and response are two directions that may overlap; in each the order is headers, body pieces, trailers.
- Outside full duplex every message gets exactly one reply of its kind. After our own answer nothing may follow.
- A body is judged whole. BUFFERED sends it whole. STREAMED pieces are answered empty until the last, whose reply
  carries everything. In full duplex the headers' reply is held back until the body was judged.
- An event stream goes through a guard while it runs: the reply to its headers turns the body mode to full duplex,
  where pieces go out when they are settled, a pause flushes what is held, and we may end the stream early.
- `begin` is recorded before the first reply that lets anything pass, `end` before the last byte is released (D9).
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Mapping
from dataclasses import dataclass, field
from typing import Protocol

from extproc.chain import Chain, Refused
from extproc.guard.stop import Failed
from extproc.guard.stream import Reader, StreamGuard, StreamLimits
from extproc.model import (
    REQUEST_ID,
    Answer,
    Body,
    BodyMode,
    Chunk,
    ClientError,
    Consumer,
    Event,
    Exchange,
    Fail,
    Head,
    Headers,
    Opened,
    PeerError,
    Phase,
    Proceed,
    Record,
    Request,
    Response,
    Send,
    Step,
    Text,
    Trailers,
    Wake,
    first,
)

Steps = Generator[Step, object, None]

CREDENTIALS = ("authorization", "x-api-key", "api-key", "proxy-authorization", "cookie")
"""Headers of the client's that never travel on (design D3)."""


class Dialect(Protocol):
    """What a session asks of a client API's shape; `extproc.dialects` has one module for each."""

    name: str

    def stream(self) -> Reader: ...
    def read_request(self, body: bytes, *, max_depth: int) -> Request: ...
    def read_response(self, body: bytes, *, max_depth: int) -> Response: ...
    def write(self, body: bytes, before: tuple[Text, ...], after: tuple[Text, ...]) -> bytes: ...
    def error(self, status: int, message: str, kind: str, code: str) -> bytes: ...
    def block(self, policy: str, message: str, code: str) -> bytes: ...


@dataclass(frozen=True, slots=True)
class Rules:
    """The snapshot that a session works with from its first event to its last (design D10).

    `identify` turns request headers into a consumer or raises ClientError; `route` turns a requested model into
    cluster names in order, or raises ClientError; `answers` maps (method, path) to bodies that we answer ourselves.
    """

    chain: Chain
    dialects: Mapping[str, Dialect]
    fallback: Dialect
    identify: Callable[[Headers], Consumer]
    route: Callable[[str], tuple[str, ...]]
    answers: Callable[[str, str], bytes | None]
    digest: str = ""
    max_body_bytes: int = 32 << 20
    max_depth: int = 64
    stream: StreamLimits = field(default_factory=StreamLimits)


class State:
    """Where a direction stands."""

    START, BODY, DONE = range(3)


@dataclass(slots=True)
class Direction:
    """One direction of an exchange: its place in the order, and the pieces of its body so far."""

    mode: BodyMode = BodyMode.BUFFERED
    state: int = State.START
    head: Head | None = None
    pieces: list[bytes] = field(default_factory=list)
    size: int = 0

    def add(self, data: bytes) -> None:
        self.pieces.append(data)
        self.size += len(data)

    def body(self) -> bytes:
        return self.pieces[0] if len(self.pieces) == 1 else b"".join(self.pieces)


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
        self._passing = False  # an error: its pieces are not ours to hold
        self._guard: StreamGuard | None = None
        self._over = False  # the event stream was ended by us; what the provider still sends goes nowhere
        self._status: int | None = None
        self._began = False
        self._ended = False
        self._answered = False

    def receive(self, event: Event) -> Steps:
        """The steps that an event asks for. Raises PeerError where the event may not come now."""
        if self._answered:
            return  # what Envoy had already sent when our answer reached it
        match event:
            case Opened():
                self._open(event)
            case Head(phase=Phase.REQUEST_HEADERS):
                yield from self._request_head(event)
            case Body(phase=Phase.REQUEST_BODY):
                yield from self._request_body(event)
            case Head(phase=Phase.RESPONSE_HEADERS):
                yield from self._response_head(event)
            case Body(phase=Phase.RESPONSE_BODY):
                yield from self._response_body(event)
            case Trailers():
                yield from self._trailers(event)
            case _:
                raise PeerError(f"{type(event).__name__} in {event.phase.value}")

    def woke(self) -> Steps:
        """The time that a `Wake` asked for has passed without a message."""
        if self._guard is None or self._answered or self._over:
            return
        data = self._guard.flush()
        if self._guard.stopped:
            yield from self._stop_stream(data)
            return
        if data:
            yield Send(Chunk(Phase.RESPONSE_BODY, data))
        yield from self._wake(self._guard)

    @property
    def owes(self) -> bool:
        """Whether a message waits for its reply: full duplex holds replies back until the body was judged."""
        passing = self._passing or self._guard is not None
        held = (self._request,) if passing else (self._request, self._response)
        return not self._answered and any(d.mode is BodyMode.FULL_DUPLEX and d.state == State.BODY for d in held)

    def closed(self) -> Steps:
        """The stream is over. An exchange that has not ended was given up by the client, the provider or Envoy."""
        if self._began and not self._ended:
            self._conclude()
            yield self._end("aborted", "stream_closed")

    def broke(self, error: str) -> Steps:
        """We failed: nothing may pass. Before a response the client is told so; after it the stream is cut."""
        self._answered = True  # first: the record may fail too
        if not self._ended:
            yield from self._begin()
            yield self._end("error", error)
        yield Fail(error)

    # --- the request ---

    def _open(self, event: Opened) -> None:
        if event.observing:
            raise PeerError("observability_mode ignores our replies, so it cannot enforce a policy")
        if BodyMode.BUFFERED_PARTIAL in (event.request_body, event.response_body):
            raise PeerError("BUFFERED_PARTIAL passes the rest of a body unseen; use BUFFERED")
        self._request.mode, self._response.mode = event.request_body, event.response_body

    def _request_head(self, event: Head) -> Steps:
        self._advance(self._request, event)
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
                self._admit(event, path)
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
            yield Send(Proceed(Phase.REQUEST_HEADERS))

    def _admit(self, event: Head, path: str) -> None:
        """What the headers alone forbid."""
        if path not in self.rules.dialects:
            raise ClientError(f"Unknown request URL: {self.exchange.method} {path}", status=404, reason="unknown_url")
        if self.exchange.method != "POST":
            raise ClientError(f"{path} takes POST, not {self.exchange.method}", status=405, reason="method_not_allowed")
        if event.end:
            raise ClientError("The request has no body; a JSON body is required.", reason="empty_body")
        coding = first(event.headers, "content-encoding", "identity")
        if coding != "identity":
            raise ClientError(f"content-encoding {coding!r} is not accepted", status=415, reason="unsupported_encoding")
        length = first(event.headers, "content-length")
        if length.isascii() and length.isdigit() and int(length) > self.rules.max_body_bytes:
            raise self._too_large()
        if self._request.mode is BodyMode.NONE:
            raise PeerError("request_body_mode NONE: a body that is not sent to us cannot be judged; use BUFFERED")

    def _too_large(self) -> ClientError:
        message = f"The request body is larger than {self.rules.max_body_bytes} bytes."
        return ClientError(message, status=413, reason="request_too_large")

    def _request_body(self, event: Body) -> Steps:
        direction = self._request
        if direction.state == State.DONE and direction.mode is BodyMode.FULL_DUPLEX:
            return  # Envoy may repeat the last piece (envoy#46237)
        self._follow(direction, event)
        direction.add(event.data)
        if direction.size > self.rules.max_body_bytes:
            yield from self._refuse(self._too_large())
        elif event.end or direction.mode is BodyMode.BUFFERED:
            direction.state = State.DONE
            yield from self._judge_request(trailers=False)
        elif direction.mode is BodyMode.STREAMED:
            yield Send(Proceed(Phase.REQUEST_BODY, body=b""))

    def _judge_request(self, *, trailers: bool) -> Steps:
        exchange, body = self.exchange, self._request.body()
        try:
            read = self._dialect.read_request(body, max_depth=self.rules.max_depth)
            exchange.request = read
            targets = self.rules.route(read.model)
        except ClientError as error:
            yield from self._refuse(error)
            return
        refused = yield from self.rules.chain.judge_input(exchange)
        if refused:
            yield from self._block(refused)
            return
        after = exchange.request.texts
        sent = body if after is read.texts else self._dialect.write(body, read.texts, after)
        yield from self._pass_request(sent, sent is not body, targets, trailers=trailers)

    def _pass_request(self, body: bytes, changed: bool, targets: tuple[str, ...], *, trailers: bool) -> Steps:
        mode = self._request.mode
        length = str(len(body)) if mode is BodyMode.BUFFERED else ""
        head = Proceed(
            Phase.REQUEST_BODY if mode is BodyMode.BUFFERED else Phase.REQUEST_HEADERS,
            set_headers=self._onward(length, changed, len(targets)),
            remove_headers=(*CREDENTIALS, "accept-encoding", *(() if length else ("content-length",))),
            body=body if changed and mode is BodyMode.BUFFERED else None,
            clear_route_cache=True,
            targets=targets,
            metadata={
                "id": self.exchange.id,
                "path": self.exchange.path,
                "len": length,
                "dialect": self._dialect.name,
            },
        )
        match mode:
            case BodyMode.BUFFERED:
                yield Send(head)
            case BodyMode.FULL_DUPLEX:
                yield Send(head)
                yield Send(Chunk(Phase.REQUEST_BODY, body, end=not trailers))
            case _:
                yield Send(Proceed(Phase.REQUEST_BODY, body=body))

    def _onward(self, length: str, changed: bool, targets: int) -> Headers:
        """`x-envoy-max-retries` keeps Envoy from trying the last target again (trials, part A, 2)."""
        retries: Headers = (("x-envoy-max-retries", str(targets - 1)),) if targets > 1 else ()
        return (*retries, ("content-length", length)) if changed and length else retries

    # --- the response ---

    def _response_head(self, event: Head) -> Steps:
        self._advance(self._response, event)
        status = first(event.headers, ":status")
        self._status = int(status) if status.isascii() and status.isdigit() else None
        failed = self._status is None or self._status >= 400
        if event.end:
            yield self._end(self._outcome(), "" if not failed else "upstream_error")
            yield Send(self._marked())
        elif failed:
            self._passing = True
            yield Send(self._marked())
        elif self._response.mode is BodyMode.NONE:
            yield from self._unseen()
        elif first(event.headers, "content-encoding", "identity") != "identity":
            yield from self._bad_gateway("The provider's reply is encoded and cannot be checked.", "reply_encoded")
        elif first(event.headers, "content-type").startswith("text/event-stream"):
            self._guard = StreamGuard(self._dialect.stream(), self.rules.chain, self.exchange, self.rules.stream)
            yield Send(self._marked(self._stream_mode(), remove=("content-length",)))
        elif self._response.mode is not BodyMode.FULL_DUPLEX:
            yield Send(self._marked())

    def _stream_mode(self) -> BodyMode | None:
        if self._response.mode is not BodyMode.BUFFERED:
            return None
        self._response.mode = BodyMode.FULL_DUPLEX
        return BodyMode.FULL_DUPLEX

    def _unseen(self) -> Steps:
        """A data plane that sends no reply bodies: fine unless a policy has to see them."""
        if self.rules.chain.guards_output:
            yield from self._bad_gateway("This gateway's Envoy does not send replies to be checked.", "reply_not_sent")
        else:
            yield self._end(self._outcome(), "")
            yield Send(self._marked())

    def _marked(self, mode: BodyMode | None = None, remove: tuple[str, ...] = ()) -> Proceed:
        marks = ((REQUEST_ID, self.exchange.id),)
        return Proceed(Phase.RESPONSE_HEADERS, set_headers=marks, remove_headers=remove, mode=mode)

    def _response_body(self, event: Body) -> Steps:
        direction = self._response
        if direction.state == State.DONE and direction.mode is BodyMode.FULL_DUPLEX:
            return
        self._follow(direction, event)
        last = event.end or direction.mode is BodyMode.BUFFERED
        if last:
            direction.state = State.DONE
        if self._passing:
            yield from self._pass_piece(event, last)
            return
        if self._guard:
            yield from self._guard_piece(self._guard, event.data, last)
            return
        direction.add(event.data)
        if direction.size > self.rules.max_body_bytes:
            yield from self._bad_gateway("The provider's reply is larger than this gateway reads.", "reply_too_large")
        elif last:
            yield from self._judge_response()
        elif direction.mode is BodyMode.STREAMED:
            yield Send(Proceed(Phase.RESPONSE_BODY, body=b""))

    def _pass_piece(self, event: Body, last: bool) -> Steps:
        if last:
            yield self._end(self._outcome(), "upstream_error" if (self._status or 500) >= 400 else "")
        if self._response.mode is BodyMode.FULL_DUPLEX:
            yield Send(Chunk(Phase.RESPONSE_BODY, event.data, end=event.end))
        else:
            yield Send(Proceed(Phase.RESPONSE_BODY))

    def _guard_piece(self, guard: StreamGuard, data: bytes, last: bool) -> Steps:
        if self._over:
            yield from self._send_piece(b"", last)
            return
        out = guard.feed(data)
        if last and not guard.stopped:
            out += yield from guard.finish()
        if guard.stopped:
            yield from self._stop_stream(out, last=last)
            return
        if last:
            self._conclude()
            yield self._end(self._outcome(), "")
        yield from self._send_piece(out, last)
        if not last:
            yield from self._wake(guard)

    def _send_piece(self, data: bytes, last: bool) -> Steps:
        """Outside full duplex every piece has its reply, be it empty."""
        if self._response.mode is not BodyMode.FULL_DUPLEX:
            yield Send(Proceed(Phase.RESPONSE_BODY, body=data))
        elif data or last:
            yield Send(Chunk(Phase.RESPONSE_BODY, data, end=last))

    def _wake(self, guard: StreamGuard) -> Steps:
        """Only full duplex lets us speak unasked."""
        if guard.wake_after and self._response.mode is BodyMode.FULL_DUPLEX:
            yield Wake(guard.wake_after)

    def _stop_stream(self, data: bytes, *, last: bool = False) -> Steps:
        """The end of a stream in its own protocol. In full duplex Envoy then resets the provider (design, point 11)."""
        guard = self._guard
        self._conclude()
        match guard.stopped if guard else None:
            case Refused() as why:
                yield self._end("escalated" if why.code == "escalation_required" else "blocked", why.reason, why.policy)
            case Failed(reason=reason):
                yield self._end("error", reason)
        self._over = True
        yield from self._send_piece(data, last or self._response.mode is BodyMode.FULL_DUPLEX)
        self._answered = self._response.mode is BodyMode.FULL_DUPLEX

    def _conclude(self) -> None:
        """What the guard knows goes into the record."""
        if self._guard and not self._over:
            self._guard.conclude()
            self.exchange.response = self._guard.response()

    def _judge_response(self) -> Steps:
        body = self._response.body()
        try:
            read = self._dialect.read_response(body, max_depth=self.rules.max_depth)
        except ValueError:
            yield from self._bad_gateway("The provider's reply is not what its API promises.", "reply_unreadable")
            return
        self.exchange.response = read
        refused = yield from self.rules.chain.judge_output(self.exchange)
        if refused:
            yield from self._block(refused)
            return
        after = self.exchange.response.texts
        sent = body if after is read.texts else self._dialect.write(body, read.texts, after)
        yield self._end(self._outcome(), "")
        yield from self._pass_response(sent, sent is not body)

    def _pass_response(self, body: bytes, changed: bool) -> Steps:
        match self._response.mode:
            case BodyMode.FULL_DUPLEX:
                yield Send(self._marked())
                yield Send(Chunk(Phase.RESPONSE_BODY, body, end=True))
            case BodyMode.STREAMED:
                yield Send(Proceed(Phase.RESPONSE_BODY, body=body))
            case _ if changed:
                exact = (("content-length", str(len(body))),)
                yield Send(Proceed(Phase.RESPONSE_BODY, set_headers=exact, body=body))
            case _:
                yield Send(Proceed(Phase.RESPONSE_BODY))

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
        elif self._guard:
            yield from self._guard_trailers(self._guard)
        elif self._passing:
            yield self._end(self._outcome(), "")
        else:
            yield from self._judge_response()

    def _guard_trailers(self, guard: StreamGuard) -> Steps:
        """The stream ended without a last piece: what is held goes out before the trailers."""
        if self._over:
            return
        out = yield from guard.finish()
        if guard.stopped:
            yield from self._stop_stream(out)
            return
        self._conclude()
        yield self._end(self._outcome(), "")
        if out:
            yield Send(Chunk(Phase.RESPONSE_BODY, out))

    # --- the order of messages ---

    def _advance(self, direction: Direction, event: Head) -> None:
        if direction.state != State.START:
            raise PeerError(f"{event.phase.value} came twice")
        direction.state = State.DONE if event.end else State.BODY
        direction.head = event

    def _follow(self, direction: Direction, event: Body) -> None:
        if direction.state == State.START:
            raise PeerError(f"{event.phase.value} came without headers; set the header mode to SEND")
        if direction.state == State.DONE:
            raise PeerError(f"{event.phase.value} came after the end")

    # --- answers of our own ---

    def _refuse(self, error: ClientError) -> Steps:
        yield from self._begin()
        body = self._dialect.error(error.status, str(error), error.kind, error.reason)
        yield from self._answer(error.status, body, "refused", error.reason, f"kt_{error.reason}")

    def _block(self, refused: Refused) -> Steps:
        outcome = "escalated" if refused.code == "escalation_required" else "blocked"
        body = self._dialect.block(refused.policy, refused.message, refused.code)
        yield from self._answer(409, body, outcome, refused.reason, "kt_block", refused.policy)

    def _bad_gateway(self, message: str, reason: str) -> Steps:
        yield from self._begin()
        body = self._dialect.error(502, message, "upstream_error", reason)
        yield from self._answer(502, body, "error", reason, f"kt_{reason}")

    def _answer(self, status: int, body: bytes, outcome: str, reason: str, details: str, policy: str = "") -> Steps:
        self._status = status
        self._answered = True
        yield self._end(outcome, reason, policy)
        retry: Headers = () if status < 400 else (("x-should-retry", "false"),)
        headers = (("content-type", "application/json"), (REQUEST_ID, self.exchange.id), *retry)
        yield Send(Answer(status, body, headers, details))

    # --- the record ---

    def _outcome(self) -> str:
        if (self._status or 500) >= 400:
            return "error"
        redacted = any(d.verdict == "redact" and d.enforced for d in self.exchange.decisions)
        return "redacted" if redacted else "allowed"

    def _begin(self) -> Steps:
        if self._began:
            return
        self._began = True
        exchange, headers = self.exchange, self.exchange.headers
        exchange.id = exchange.id or self._new_id()
        who = exchange.consumer
        yield Record(
            {
                "k": "begin",
                "id": exchange.id,
                "traceparent": self._traceparent or first(headers, "traceparent"),
                "method": exchange.method,
                "path": exchange.path.partition("?")[0],
                "consumer": {"key_id": who.key_id, "name": who.name, "team": who.team} if who else None,
                "user_agent": first(headers, "user-agent")[:256],
                "client": first(headers, "x-envoy-external-address"),
            }
        )

    def _end(self, outcome: str, reason: str, policy: str = "") -> Record:
        self._ended = True
        exchange = self.exchange
        request, response = exchange.request, exchange.response
        return Record(
            {
                "k": "end",
                "id": exchange.id,
                "outcome": outcome,
                "status": self._status,
                "reason": reason,
                "policy": policy,
                "dialect": self._dialect.name,
                "model": request.model if request else "",
                "stream": request.stream if request else False,
                "response_model": response.model if response else "",
                "response_id": response.id if response else "",
                "finish_reasons": response.finish_reasons if response else (),
                "usage": response.usage if response else None,
                "decisions": exchange.decisions,
                "config": self.rules.digest,
            }
        )
