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
    except (UnreadableReply, orjson.JSONDecodeError):
        return "unreadable"
    reason = dialect.unstorable(reply) if isinstance(reply, dict) else "no_answer"
    if reason:
        return reason
    return Entry(fill.dialect, body, _events(fill.data) if streamed else b"", fill.wanted_usage, now)


def _events(data: bytes) -> bytes:
    """The stream without its comments: pings were for the connection of who asked first."""
    framer = sse.Framer()
    return b"".join(event.raw for event in (*framer.feed(data), *framer.close()) if event.data)
