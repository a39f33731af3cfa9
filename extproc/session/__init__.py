"""One exchange as Envoy tells it: which message may come when, and what is answered to it.

    rules       the snapshot that a session works with
    admission   what the request's headers alone forbid
    direction   the order of messages within a request or a response, and its body
    onward      how a judged body and its headers go on
    streaming   an event stream: pieces through the guard
    record      the entries of the audit
    session     the state machine that puts these together

Events in, steps out; no I/O, no clock, no protobuf (design D6).
"""

from __future__ import annotations

from extproc.session.rules import CREDENTIALS, Rules
from extproc.session.session import Session
from extproc.session.steps import Steps

__all__ = ["CREDENTIALS", "Rules", "Session", "Steps"]
