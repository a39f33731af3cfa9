"""What a browser wants before a page may ask, or read what it asked for (Fetch standard, CORS protocol)."""

from __future__ import annotations

from extproc.conformance.check import Judge, Reply
from extproc.conformance.reading.whole import shown


def preflight(origin: str, method: str, *headers: str) -> Judge:
    """Judges the leave to ask by this method with these headers."""

    def judged(reply: Reply) -> str:
        if not 200 <= reply.status < 300:
            return f"the status is {reply.status}, not 200 or 204: {shown(reply.body)}"
        if wrong := _allowed(reply, origin):
            return wrong
        methods, names = (_list(reply, f"access-control-allow-{what}") for what in ("methods", "headers"))
        if method.lower() not in methods and method not in ("GET", "HEAD", "POST") and "*" not in methods:
            return f"access-control-allow-methods does not name {method}"
        missing = [name for name in headers if name not in names and ("*" not in names or name == "authorization")]
        return f"access-control-allow-headers does not name {', '.join(missing)}" if missing else ""

    return judged


def readable(origin: str, judge: Judge) -> Judge:
    """Judges an answer, and that the page which asked may read it."""
    return lambda reply: judge(reply) or _allowed(reply, origin)


def _allowed(reply: Reply, origin: str) -> str:
    said = reply.headers.get("access-control-allow-origin", "")
    return "" if said in (origin, "*") else f"access-control-allow-origin is {shown(said)}, not {origin}"


def _list(reply: Reply, name: str) -> list[str]:
    return [each.strip().lower() for each in reply.headers.get(name, "").split(",")]
