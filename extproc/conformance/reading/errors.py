"""Errors in a client's own shape: what it shows to its user, and how it knows not to try again."""

from __future__ import annotations

from extproc.conformance.check import Judge, Reply, Speaks
from extproc.conformance.reading.whole import member, read, shown

SHAPES: dict[Speaks, str] = {
    "openai": '{"error": {"message", "type", "code"}}',
    "anthropic": '{"type": "error", "error": {"type", "message"}}',
}


def error(speaks: Speaks, *statuses: int) -> Judge:
    """Judges an error: one of these statuses, JSON, in the shape of an API."""

    def judged(reply: Reply) -> str:
        if reply.status not in statuses:
            return f"the status is {reply.status}, not {' or '.join(map(str, statuses))}: {shown(reply.body)}"
        if reply.headers.get("content-type", "").partition(";")[0].strip().lower() != "application/json":
            return f"the content-type is {shown(reply.headers.get('content-type', ''))}, not application/json"
        return _shape(speaks, reply)

    return judged


def _shape(speaks: Speaks, reply: Reply) -> str:
    value = read(reply)
    right = isinstance(member(value, "error", "message"), str) and isinstance(member(value, "error", "type"), str)
    if speaks == "anthropic":
        right = right and value.get("type") == "error"
    return "" if right else f"the error is not {SHAPES[speaks]}: {shown(reply.body)}"
