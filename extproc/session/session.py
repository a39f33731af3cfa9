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

from collections.abc import Callable

from extproc.model import (
    Body,
    BodyMode,
    Event,
    Exchange,
    Fail,
    Head,
    Opened,
    PeerError,
    Phase,
    Proceed,
    Send,
    Trailers,
)
from extproc.session.direction import State
from extproc.session.ledger import Ledger
from extproc.session.request import RequestSide
from extproc.session.response import ResponseSide
from extproc.session.rules import Rules
from extproc.session.steps import Steps


class Session:
    """The state of one gRPC stream. Feed it events; perform the steps that it yields, in order."""

    def __init__(self, rules: Rules, new_id: Callable[[], str], traceparent: str = "") -> None:
        self._ledger = Ledger(rules, new_id, traceparent)
        self._request = RequestSide(self._ledger)
        self._response = ResponseSide(self._ledger)

    @property
    def exchange(self) -> Exchange:
        """What is known so far."""
        return self._ledger.exchange

    def receive(self, event: Event) -> Steps:
        """The steps that an event asks for. Raises PeerError where the event may not come now."""
        if self._ledger.answered:
            return  # what Envoy had already sent when our answer reached it
        match event:
            case Body(phase=Phase.RESPONSE_BODY):  # first: a stream is thousands of them
                yield from self._response.body(event)
            case Opened():
                self._open(event)
            case Head(phase=Phase.REQUEST_HEADERS):
                yield from self._request.head(event)
            case Body(phase=Phase.REQUEST_BODY):
                yield from self._request.body(event)
            case Head(phase=Phase.RESPONSE_HEADERS):
                yield from self._response.head(event)
            case Trailers():
                yield from self._trailers(event)
            case _:
                raise PeerError(f"{type(event).__name__} in {event.phase.value}")

    def woke(self) -> Steps:
        """The time that a `Wake` asked for has passed without a message."""
        if self._response.streaming and not self._ledger.answered:
            yield from self._response.streaming.woke()

    @property
    def owes(self) -> bool:
        """Whether a message waits for its reply."""
        asking = self._request.direction.replies_held and not self._ledger.unscanned
        return not self._ledger.answered and (asking or self._response.owes)

    def closed(self) -> Steps:
        """The stream is over. An exchange that has not ended was given up by the client, the provider or Envoy, unless
        the reply had come to its end by its own account."""
        if self._ledger.began and not self._ledger.ended:
            streaming = self._response.streaming
            if streaming:
                streaming.conclude()
            if streaming and streaming.heard_out:
                yield from self._ledger.passed()
            else:
                yield from self._ledger.end("aborted", "stream_closed")

    def broke(self, error: str) -> Steps:
        """We failed: nothing may pass. Before a response the client is told so; after it the stream is cut."""
        self._ledger.answered = True  # first: the record may fail too
        if not self._ledger.ended:
            yield from self._ledger.begin()
            yield from self._ledger.end("error", error)
        yield Fail(error)

    def _open(self, event: Opened) -> None:
        if event.observing:
            raise PeerError("observability_mode ignores our replies, so it cannot enforce a policy")
        if BodyMode.BUFFERED_PARTIAL in (event.request_body, event.response_body):
            raise PeerError("BUFFERED_PARTIAL passes the rest of a body unseen; use BUFFERED")
        self._request.direction.mode, self._response.direction.mode = event.request_body, event.response_body

    def _trailers(self, event: Trailers) -> Steps:
        asking = event.phase is Phase.REQUEST_TRAILERS
        direction = self._request.direction if asking else self._response.direction
        if direction.state == State.BODY:
            direction.state = State.DONE
            yield from self._request.judge(trailers=True) if asking else self._response.end_by_trailers()
        if not self._ledger.answered:
            yield Send(Proceed(event.phase))
