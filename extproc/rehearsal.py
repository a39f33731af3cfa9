"""A request through the chain without a gateway, for `kt policy test` and `kt policy explain`.

Nothing is sent and nobody is asked: a policy that needs the world is answered that it is away, so that its `on_error`
decides. Access keys, routes and the cache have no part in it.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from extproc.chain import Chain, Judging, Link, Refused
from extproc.config.testing import CaseInput, Expectation
from extproc.dialects import UnreadableReply, calls, openai_chat
from extproc.model import Broke, ClientError, Consumer, Decision, Exchange, Text
from extproc.snapshot import DIALECTS

DEPTH = 64
MODEL = "test"


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of a request: the verdict on all of it, why, and what each policy decided.

    `asked` and `answered` are its texts before and after the chain, the latter empty where no reply was given.
    """

    verdict: Expectation
    reason: str
    message: str
    decisions: tuple[Decision, ...]
    asked: tuple[tuple[Text, Text], ...] = ()
    answered: tuple[tuple[Text, Text], ...] = ()


def rehearse(links: Sequence[Link], said: CaseInput) -> Outcome:
    """What the links say of a request, and of the reply if one is given. Raises ValueError for a path that no dialect
    has, UnreadableReply for a reply that is not what the API promises.
    """
    path = said.path.partition("?")[0]
    if path not in DIALECTS:
        raise ValueError(f"path: expected one of {', '.join(DIALECTS)}, found '{said.path}'")
    chain = Chain(links, lambda: 0)
    exchange = Exchange(
        id="rehearsal",
        method="POST",
        path=said.path,
        onward_path=said.path,
        headers=tuple((name.lower(), value) for name, value in said.headers.items()),
        consumer=Consumer("rehearsal", "rehearsal", team=said.team_slugs[0] if said.team_slugs else ""),
    )
    refused = chain.judge_headers(exchange)
    asked: tuple[tuple[Text, Text], ...] = ()
    if not refused:
        try:
            before = _ask(exchange, path, said)
        except ClientError as error:  # the gateway would answer so, before any policy is asked
            return Outcome("block", error.reason, str(error), tuple(exchange.decisions))
        refused = _ended(chain.judge_input(exchange))
        asked = _both(before, exchange.request.texts if exchange.request else before)
    if refused or said.upstream_response is None:
        return _outcome(exchange, refused, asked, ())
    before = _answer(exchange, path, said.upstream_response)
    refused = _ended(chain.judge_output(exchange))
    return _outcome(exchange, refused, asked, _both(before, exchange.response.texts if exchange.response else before))


def _ask(exchange: Exchange, path: str, said: CaseInput) -> tuple[Text, ...]:
    value: dict[str, Any] = {"model": MODEL}
    if said.messages is not None:
        value["input" if path == "/v1/responses" else "messages"] = said.messages
    body = _written(value | (said.request or {}))
    read = DIALECTS[path].read_request(body, max_depth=DEPTH)
    told, results = calls.asked(DIALECTS[path].name, body)
    exchange.request = replace(read, calls=told, results=results)
    return read.texts


def _answer(exchange: Exchange, path: str, reply: Any) -> tuple[Text, ...]:
    dialect = DIALECTS[path]
    if isinstance(reply, str):
        if dialect is not openai_chat:
            raise UnreadableReply("upstream_response: a text alone is a chat's; give the whole reply of this API")
        message = {"role": "assistant", "content": reply}
        reply = {"id": "r", "model": MODEL, "choices": [{"index": 0, "finish_reason": "stop", "message": message}]}
    body = _written(reply)
    read = dialect.read_response(body, max_depth=DEPTH)
    exchange.response = replace(read, calls=calls.called(dialect.name, body))
    return read.texts


def _written(value: Any) -> bytes:
    """By Python's own writer: orjson refuses half a surrogate pair, which clients do send."""
    return json.dumps(value).encode()


def _ended(judging: Judging) -> Refused | None:
    try:
        next(judging)
        while True:
            judging.send(Broke("Rehearsal"))
    except StopIteration as done:
        found: Refused | None = done.value
        return found


def _both(before: Sequence[Text], after: Sequence[Text]) -> tuple[tuple[Text, Text], ...]:
    """Each text with what became of it; those that were only added are beside none."""
    now = {text.path: text for text in after}
    added = [text for text in after if text.path not in {each.path for each in before}]
    return (*((old, now.get(old.path, old)) for old in before), *((replace(text, value=""), text) for text in added))


def _outcome(
    exchange: Exchange,
    refused: Refused | None,
    asked: tuple[tuple[Text, Text], ...],
    answered: tuple[tuple[Text, Text], ...],
) -> Outcome:
    decisions = tuple(exchange.decisions)
    if refused:
        verdict: Expectation = "escalate" if refused.code == "escalation_required" else "block"
        return Outcome(verdict, refused.reason, refused.message, decisions, asked, answered)
    redacted = [each for each in decisions if each.enforced and each.verdict == "redact"]
    if redacted:
        return Outcome("redact", redacted[0].reason, "", decisions, asked, answered)
    return Outcome("allow", "", "", decisions, asked, answered)
