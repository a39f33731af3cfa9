"""What becomes of a reply that a worker offers: an entry, or a word that says why it is not kept."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Protocol

import orjson

from extproc.cache.commands import Fill
from extproc.cache.entry import Entry
from extproc.dialects import UnreadableReply, sse


class Keeps(Protocol):
    """What filling asks of a dialect."""

    @property
    def assemble(self) -> Callable[[bytes], bytes]: ...
    @property
    def unstorable(self) -> Callable[[Mapping[str, Any]], str]: ...


def entry(fill: Fill, dialects: Mapping[str, Keeps], now: float) -> Entry | str:
    """Decided here and not where streams run: putting a long one together takes a worker's loop too long."""
    dialect = dialects.get(fill.dialect)
    if dialect is None:
        return "dialect"
    streamed = fill.form == "stream"
    try:
        body = dialect.assemble(fill.data) if streamed else fill.data
        reply = orjson.loads(body)
        usage = _usage(fill.hidden) if fill.hidden else {}
    except (UnreadableReply, orjson.JSONDecodeError):
        return "unreadable"
    reason = dialect.unstorable(reply) if isinstance(reply, dict) else "no_answer"
    if reason:
        return reason
    if usage and not reply.get("usage"):
        body = orjson.dumps({**reply, "usage": usage})
    return Entry(fill.dialect, body, _events(fill.data) if streamed else b"", fill.wanted_usage, now)


def _usage(hidden: bytes) -> dict[str, Any]:
    """The tokens in an event that the client was not shown: the numbers alone, for no policy has judged the rest."""
    framer = sse.Framer()
    values = [orjson.loads(event.data) for event in (*framer.feed(hidden), *framer.close()) if event.data]
    return next((_numbers(value["usage"]) for value in values if isinstance(value.get("usage"), dict)), {})


def _numbers(usage: Mapping[str, Any]) -> dict[str, Any]:
    found = {key: _numbers(each) if isinstance(each, dict) else each for key, each in usage.items()}
    return {key: each for key, each in found.items() if isinstance(each, int | float | dict)}


def _events(data: bytes) -> bytes:
    """The stream without its comments: pings were for the connection of who asked first."""
    framer = sse.Framer()
    return b"".join(event.raw for event in (*framer.feed(data), *framer.close()) if event.data)
