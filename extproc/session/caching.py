"""What the cache is to one exchange: may it answer, has it, is the provider's reply worth keeping.

Asked after the input chain, on the body as it would be sent on, and before the route (design D13): or the cache would
be an oracle of what colleagues asked.
"""

from __future__ import annotations

from collections.abc import Generator
from typing import Literal

import orjson

from extproc.cache.commands import Abandon, Fact, Fill, Found, Lead, Look
from extproc.cache.directives import NONE, OWN, directives
from extproc.cache.headers import telling
from extproc.cache.key import canonical
from extproc.cache.rules import CacheRules
from extproc.model import ClientError, Exchange, Headers, Need, TimedOut
from extproc.session.rules import CREDENTIALS, Dialect

LOOK_SECONDS = 1.0
"""How long a worker waits for a keeper that owes no answer of another's."""

Form = Literal["json", "stream"]


class Caching:
    """`status` is what the client and the record are told, '' as long as nothing is known; `reason` says why."""

    def __init__(self, rules: CacheRules | None) -> None:
        self._rules = rules
        self._asked = NONE
        self.status = ""
        self.reason = ""
        self._key = b""
        self._dialect = ""
        self._wants_usage = False
        self.hidden = b""  # the usage of a stream whose client did not ask for it, while others may
        self._leads = False
        self._offer: tuple[Form, list[bytes]] | None = None
        self._size = 0

    def look(
        self, exchange: Exchange, dialect: Dialect, body: bytes, targets: tuple[str, ...]
    ) -> Generator[Need, object, Found | None]:
        """An answer to this question that may be given. Raises ClientError for a header that asks nonsense, and where
        the client wants a stored answer or none.
        """
        if self._rules is None:
            return None
        self._asked = directives(exchange.headers)
        question, found = self._question(self._rules, exchange, dialect, body, targets), None
        if question:
            found = self._answer((yield Need(question, max(question.wait, LOOK_SECONDS))))
        if found is None:
            self._not_stored()
        return found

    def _question(
        self, rules: CacheRules, exchange: Exchange, dialect: Dialect, body: bytes, targets: tuple[str, ...]
    ) -> Look | None:
        """What the keeper is asked, if anything."""
        if self._asked.bypass:
            self.status, self.reason = "bypass", self._asked.bypass
        elif refusal := self._prepare(rules, exchange, dialect, body, targets):
            self.status, self.reason = "refused", refusal
        else:
            self.status, self.reason = "miss", "" if self._asked.read else "no-cache"
        wait = 0.0 if self._asked.only_stored else rules.flight_seconds
        return Look(self._key, wait) if self.status == "miss" and self._asked.read else None

    def _prepare(
        self, rules: CacheRules, exchange: Exchange, dialect: Dialect, body: bytes, targets: tuple[str, ...]
    ) -> str:
        """The key, or why there is none."""
        request, consumer = exchange.request, exchange.consumer
        if request is None or consumer is None:
            return "unknown"
        if request.model in rules.excluded_models:
            return "excluded_model"
        try:
            value = orjson.loads(body)
            if reason := dialect.uncacheable(value):
                return reason
            essence = canonical(dialect.essence(value))
        except ValueError:  # a lone surrogate, say: JSON to some readers and not to others
            return "no_canonical_form"
        said = telling(exchange.headers, CREDENTIALS)
        path = exchange.onward_path or exchange.path
        facts = (dialect.name.encode(), path.encode("latin-1"), essence, *said)
        self._key = rules.key(consumer, targets, facts)
        self._dialect, self._wants_usage = dialect.name, request.wants_usage
        return ""

    def _answer(self, found: object) -> Found | None:
        most = self._asked.max_age
        match found:
            case Found() if most is not None and found.age > most:
                self.reason = "stale"
            case Found():
                self.status, self.reason = "hit", ""
                return found
            case Lead():
                self._leads = True
            case TimedOut():
                self.reason = "timeout"
        return None

    def unfit(self, reason: str) -> None:
        """What was found cannot serve this client after all. Raises ClientError where no other answer is wanted."""
        self.status, self.reason = "miss", reason
        self._not_stored()

    def _not_stored(self) -> None:
        if self._asked.only_stored:
            raise ClientError("The answer to this question is not stored.", status=504, reason="not_stored")

    @property
    def headers(self) -> Headers:
        """What the client is told."""
        if not self.status:
            return ()
        return ((OWN, f"{self.status}; reason={self.reason}" if self.reason else self.status),)

    # --- the provider's reply ---

    def offer(self, form: Form, data: bytes) -> None:
        """A piece of the reply, as it goes to the client."""
        if self.status != "miss" or self._rules is None:
            return
        self._size += len(data)
        if self._offer is None:
            self._offer = (form, [])
        if self._size <= self._rules.max_entry_bytes:
            self._offer[1].append(data)
        else:
            self._offer[1].clear()

    def settle(self, exchange: Exchange, *, complete: bool) -> Fact | None:
        """What the keeper is told at the end: the reply, where it may be kept, or that those who wait need not."""
        if complete and self._worth_keeping(exchange) and self._offer and self._rules:
            form, pieces = self._offer
            data = b"".join(pieces)
            ttl = self._rules.ttl_seconds
            return Fill(self._key, self._dialect, form, data, self._wants_usage, ttl, self.hidden)
        return Abandon(self._key) if self._leads else None

    def _worth_keeping(self, exchange: Exchange) -> bool:
        """The keeper looks closer; here is what only the exchange knows, or rules out most for little."""
        reply, rules = exchange.response, self._rules
        if (
            reply is None
            or rules is None
            or self._offer is None
            or not 0 < self._size <= rules.max_entry_bytes - len(self.hidden)
        ):
            return False
        changed = any(d.enforced and d.stage == "output" and d.verdict != "allow" for d in exchange.decisions)
        return not changed and (reply.usage.output_tokens or 0) <= rules.max_entry_tokens
