"""How one exchange begins and ends: the record of both, what the cache hears of it, and the answers of our own."""

from __future__ import annotations

from collections.abc import Callable

from extproc.chain import Refused
from extproc.model import REQUEST_ID, Answer, ClientError, Exchange, Headers, Send, Tell
from extproc.routing.kept import MOST_NAMED, Keep, key
from extproc.session import record
from extproc.session.caching import Caching
from extproc.session.rules import Rules
from extproc.session.steps import Steps

_JSON: Headers = (("content-type", "application/json"),)


class Ledger:
    """What both directions of an exchange share. Once `answered` is set, nothing that Envoy says matters.

    `status` is the client's HTTP status, None while there is none.
    """

    def __init__(self, rules: Rules, new_id: Callable[[], str], traceparent: str) -> None:
        self.rules = rules
        self.exchange = Exchange()
        self.dialect = rules.fallback
        self.caching = Caching(rules.cache)
        self.hides_usage = False  # we asked for a stream's tokens and the client did not
        self.status: int | None = None
        self.unscanned = ""  # the name of the route, where nobody reads the bodies
        self.ended = False
        self.answered = False
        self.began = False
        self._new_id = new_id
        self._traceparent = traceparent

    @property
    def failed(self) -> bool:
        """Whether what came back is no success."""
        return self.status is None or self.status >= 400

    @property
    def marks(self) -> Headers:
        """The headers of ours that every response carries."""
        return ((REQUEST_ID, self.exchange.id), *self.caching.headers)

    def begin(self) -> Steps:
        """Record the beginning, once."""
        if self.began:
            return
        self.began = True
        self.exchange.id = self.exchange.id or self._new_id()
        yield record.begin(self.exchange, self._traceparent)

    def end(self, outcome: str, reason: str, policy: str = "", *, complete: bool = True) -> Steps:
        """Tell the keeper and record the end, both before the last byte is released: where the record fails, nobody
        goes on waiting for this reply.

        `complete` says that the reply has come to its end by its own account.
        """
        self.ended = True
        whole = complete and self.status == 200 and outcome in ("allowed", "redacted") and self._is_answer
        if fact := self.caching.settle(self.exchange, complete=whole):
            yield Tell(fact)
        if kept := self._kept():
            yield Tell(kept)
        status, config = self.status, self.rules.digest
        dialect = "" if self.unscanned else self.dialect.name
        cache = (self.caching.status, self.caching.reason)
        yield record.end(
            self.exchange, outcome, reason, policy, status=status, dialect=dialect, config=config, cache=cache,
            unscanned=self.unscanned,
        )  # fmt: skip

    def _kept(self) -> Keep | None:
        """Whose the reply is from now on, where the provider keeps it."""
        rules, request, response = self.rules.kept, self.exchange.request, self.exchange.response
        if rules is None or request is None or response is None or not request.keeps or not response.id:
            return None
        who, items = self.exchange.consumer, response.items[:MOST_NAMED]
        return Keep(tuple(map(key, (response.id, *items))), who.org if who else "", rules.ttl)

    @property
    def _is_answer(self) -> bool:
        """Whether the reply is one that its dialect calls complete."""
        return self.exchange.response is not None and self.dialect.complete(self.exchange.response)

    def passed(self, *, complete: bool = True) -> Steps:
        """The end of an exchange whose reply the client gets."""
        reason = "upstream_error" if self.failed else ""
        yield from self.end(record.outcome(self.exchange, self.status), reason, complete=complete)

    def stopped(self, why: Refused) -> Steps:
        """The end of an exchange that a policy has stopped."""
        outcome = "escalated" if why.code == "escalation_required" else "blocked"
        yield from self.end(outcome, why.reason, why.policy)

    def refuse(self, error: ClientError) -> Steps:
        """Tell the client what is wrong with the request."""
        yield from self.begin()
        body = self.dialect.error(error.status, str(error), error.kind, error.reason)
        yield from self._answer(error.status, body, f"kt_{error.reason}", self.end("refused", error.reason))

    def block(self, why: Refused) -> Steps:
        """Tell the client that a policy refuses."""
        body = self.dialect.block(why.policy, why.message, why.code)
        yield from self._answer(self.rules.block_status, body, "kt_block", self.stopped(why))

    def bad_gateway(self, message: str, reason: str) -> Steps:
        """Tell the client that there is no reply that could be passed on."""
        yield from self.begin()
        body = self.dialect.error(502, message, "upstream_error", reason)
        yield from self._answer(502, body, f"kt_{reason}", self.end("error", reason))

    def answer(self, body: bytes, details: str, reason: str = "", headers: Headers = _JSON) -> Steps:
        """Answer the client in a provider's place."""
        self.status = 200
        outcome = record.outcome(self.exchange, 200)
        yield from self._answer(200, body, details, self.end(outcome, reason), headers)

    def _answer(self, status: int, body: bytes, details: str, ending: Steps, headers: Headers = _JSON) -> Steps:
        self.status = status
        self.answered = True
        yield from ending
        retry: Headers = () if status < 400 else (("x-should-retry", "false"),)
        yield Send(Answer(status, body, (*headers, *self.marks, *retry), details))
