"""One exchange as Envoy tells it: which message may come when, and what is answered to it.

    rules       the snapshot that a session works with
    admission   what the request's headers alone forbid
    direction   the order of messages within a request or a response, and its body
    onward      how a judged body and its headers go on
    unscanned   how a body goes on that nobody reads
    kept        how a request goes on for what the provider keeps
    caching     what the cache is to one exchange
    record      the entries of the audit
    ledger      how an exchange begins and ends, and the answers of our own
    request     the request's direction
    streaming   an event stream: pieces through the guard
    response    the response's direction
    session     the state machine that puts these together

Events in, steps out; no I/O, no clock, no protobuf (design D6).
"""

from __future__ import annotations

from extproc.session.rules import CREDENTIALS, Kept, Rules, Translation
from extproc.session.session import Session
from extproc.session.steps import Steps

__all__ = ["CREDENTIALS", "Kept", "Rules", "Session", "Steps", "Translation"]
