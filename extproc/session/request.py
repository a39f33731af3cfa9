"""The request's direction: who asks, what the input chain says, what the cache knows, where it goes."""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import replace
from functools import lru_cache

from extproc.cache.commands import Found
from extproc.dialects import UnreadableReply, calls
from extproc.dialects.coding import CodingError
from extproc.model import Body, BodyMode, ClientError, Head, Phase, Proceed, Request, Response, Send, Step, first
from extproc.routing import ordered
from extproc.routing.kept import Fetch, fetch, nowhere, owned, unscannable
from extproc.routing.unscanned import Passing, named, passing
from extproc.session import kept, onward, unscanned
from extproc.session.admission import admit, readable, too_large, undecodable
from extproc.session.direction import Direction
from extproc.session.ledger import Ledger
from extproc.session.rules import Dialect, Kept
from extproc.session.steps import Steps


class RequestSide:
    """One request."""

    def __init__(self, ledger: Ledger) -> None:
        self.direction = Direction()
        self._ledger = ledger
        self._rules = ledger.rules
        self._exchange = ledger.exchange

    def head(self, event: Head) -> Steps:
        """The headers: an answer of our own, a refusal, or on to the body."""
        self.direction.advance(event)
        ledger, exchange = self._ledger, self._exchange
        exchange.headers = event.headers
        exchange.id = first(event.headers, "x-request-id")
        exchange.method, exchange.path = first(event.headers, ":method"), first(event.headers, ":path")
        exchange.onward_path = self._rules.onward_path(exchange.path)
        path = exchange.path.partition("?")[0]
        ledger.dialect = self._rules.dialect(path, event.headers)
        try:
            exchange.consumer = self._rules.identify(event.headers)
            way = self._way(event, path)
        except ClientError as error:
            yield from ledger.refuse(error)
            return
        yield from ledger.begin()
        if isinstance(way, bytes):
            yield from ledger.answer(way, "kt_own", "answered_here")
            return
        if isinstance(way, Passing):
            exchange.targets = (way.target,)
        refused = self._rules.chain.judge_headers(exchange)
        if refused:
            yield from ledger.block(refused)
        elif isinstance(way, Passing):
            ledger.unscanned = way.route
            yield Send(unscanned.request(exchange, way.target.cluster))
        elif isinstance(way, tuple):
            yield from self._fetch(*way)
        elif self.direction.mode is not BodyMode.FULL_DUPLEX:
            yield Send(onward.request_head(self.direction.mode, exchange.headers))

    def _way(self, event: Head, path: str) -> bytes | Passing | tuple[Fetch, Kept] | None:
        """How a request is dealt with: our own answer, unread, something kept, or None where its body is judged.

        Raises ClientError.
        """
        exchange, rules = self._exchange, self._rules
        if path not in rules.dialects:
            if (own := rules.answers(exchange.method, path, event.headers)) is not None:
                return own
            if route := named(path):
                return passing(rules.allowance, route, exchange, end=event.end)
            if rules.kept and (asked := fetch(exchange.method, exchange.path, end=event.end)):
                return asked, rules.kept
        self.direction.decoder = admit(event, exchange, self.direction.mode, rules)
        return None

    def _fetch(self, asked: Fetch, rules: Kept) -> Steps:
        """What the provider keeps, for the organisation whose it is."""
        exchange = self._exchange
        self._ledger.dialect = rules.whole if asked.whole else rules.parts
        try:
            if asked.resumes and self._rules.chain.on_stream(exchange):
                raise unscannable()
            if rules.several():
                yield from owned((("", asked.id),), exchange.consumer)
            if not rules.targets:
                raise nowhere()
        except ClientError as error:
            yield from self._ledger.refuse(error)
            return
        yield Send(kept.request(exchange, rules.targets))

    def body(self, event: Body) -> Steps:
        """A piece of the body, or all of it."""
        direction = self.direction
        if direction.repeats():
            return
        last = direction.follow(event)
        if self._ledger.unscanned:
            yield Send(unscanned.piece(event, direction.mode))
            return
        direction.add(event.data)
        if direction.size > self._rules.max_body_bytes:
            yield from self._ledger.refuse(too_large(self._rules))
        elif last:
            yield from self.judge(trailers=False)
        elif direction.mode is BodyMode.STREAMED:
            yield Send(Proceed(Phase.REQUEST_BODY, body=b""))

    def judge(self, *, trailers: bool) -> Steps:
        """All of the body is there; `trailers` says that they ended it."""
        exchange, direction, ledger = self._exchange, self.direction, self._ledger
        if ledger.unscanned:
            return
        try:
            received = direction.body()
            body = self._rules.understood(exchange.path.partition("?")[0], received)
            read = self._read(body)
            exchange.request = read
            readable(exchange, self._rules)
            exchange.targets = self._rules.route(read.model, ledger.dialect.name)
            yield from self._own(read)
        except CodingError as coded:
            yield from ledger.refuse(undecodable(coded))
            return
        except ClientError as error:
            yield from ledger.refuse(error)
            return
        refused = yield from self._rules.chain.judge_input(exchange)
        if refused:
            yield from ledger.block(refused)
            return
        after = exchange.request.texts
        targets = ordered.clusters(exchange.targets)
        sent = body if after is read.texts else ledger.dialect.write(body, read.texts, after)
        if (yield from self._from_cache(sent, targets)):
            return
        sent = self._asking_usage(sent)
        changed = sent is not received or direction.decoder is not None
        facts = {"id": exchange.id, "path": exchange.onward_path, "dialect": ledger.dialect.name}
        given = (direction.mode, exchange.headers, sent, targets, facts)
        for reply in onward.request(*given, changed=changed, trailers=trailers):
            yield Send(reply)

    def _read(self, body: bytes) -> Request:
        """Raises ClientError."""
        dialect, rules = self._ledger.dialect, self._rules
        read = dialect.read_request(body, max_depth=rules.max_depth)
        if not rules.chain.reads_calls:
            return read
        told, results = calls.asked(dialect.name, body)
        return replace(read, calls=told, results=results)

    def _own(self, read: Request) -> Steps:
        """Raises ClientError where a request goes on from what is not its organisation's, or may not be."""
        rules = self._rules.kept
        if rules and read.recalls and rules.several():
            yield from owned(read.recalls, self._exchange.consumer)

    def _asking_usage(self, body: bytes) -> bytes:
        """The body that has a stream's tokens told to us, be it for us alone."""
        request = self._exchange.request
        if not self._rules.asks_usage or request is None or not request.stream or request.wants_usage:
            return body
        asking = self._ledger.dialect.with_usage(body)
        self._ledger.hides_usage = asking is not body
        return asking

    def _from_cache(self, body: bytes, targets: tuple[str, ...]) -> Generator[Step, object, bool]:
        """Whether the client has its answer, or a clear no."""
        ledger, exchange = self._ledger, self._exchange
        try:
            found = yield from ledger.caching.look(exchange, ledger.dialect, body, targets)
            reply = self._stored_reply(found) if found else None
        except ClientError as error:
            yield from ledger.refuse(error)
            return True
        request = exchange.request
        if found is None or reply is None or request is None:
            return False
        exchange.response = reply
        yield from self._answer_stored(found, request)
        return True

    def _stored_reply(self, found: Found) -> Response | None:
        """What an entry says, where it serves this client. Raises ClientError where that client takes no other."""
        request, ledger = self._exchange.request, self._ledger
        try:
            reply = _stored(ledger.dialect, found.entry.body, self._rules.max_depth)
        except UnreadableReply:  # deeper than a reload allows since
            ledger.caching.unfit("unreadable")
            return None
        if request and request.stream and request.wants_usage and reply.usage.output_tokens is None:
            ledger.caching.unfit("no_usage")
            return None
        return reply

    def _answer_stored(self, found: Found, request: Request) -> Steps:
        """Output policies look at every hit, so that a new rule holds for what is stored too (design D14)."""
        dialect, read, entry = self._ledger.dialect, self._exchange.response, found.entry
        refused = yield from self._rules.chain.judge_output(self._exchange)
        if refused:
            yield from self._ledger.block(refused)
            return
        after = self._exchange.response
        same = read is None or after is None or after.texts is read.texts
        body = entry.body if same or not read or not after else dialect.write(entry.body, read.texts, after.texts)
        kind = "application/json"
        if request.stream:
            kind = "text/event-stream"
            as_it_came = same and entry.events and entry.wanted_usage == request.wants_usage
            body = entry.events if as_it_came else dialect.replay(body, wants_usage=request.wants_usage)
        headers = (("content-type", kind), ("age", str(found.age)))
        yield from self._ledger.answer(body, "kt_cache_hit", headers=headers)


@lru_cache(maxsize=64)
def _stored(dialect: Dialect, body: bytes, max_depth: int) -> Response:
    """A stored reply as texts. What many ask now is read once: keys are compared by identity before by content."""
    return dialect.read_response(body, max_depth=max_depth)
