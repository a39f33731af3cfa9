"""Three entries to one event: `begin` and `end` from a worker, `edge` from Envoy's access log (design D9). Pure.

`local` stands in for an `edge` that a killed Envoy never wrote: the line that its recorder wrote before an error left.

| seen | when | outcome |
|---|---|---|
| end and edge | at once | what the worker said |
| end, no edge | after EDGE_WAIT: Envoy was killed before it wrote | what the worker said |
| the same of what nobody scans | after LATE_EDGE: it may go on for long | what the worker said |
| begin and edge or local, no end | after END_WAIT: the worker was killed | interrupted |
| begin alone, its writer gone | after END_WAIT: both were killed | interrupted |
| edge or local alone, of a /v1 path | after END_WAIT: no worker ever saw it | refused_by_envoy |

Whoever feeds reads the edge log before the spools: an entry that was written earlier is then never read later.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime

from extproc.audit.known import Known

Entry = dict[str, object]

EDGE_WAIT = 5.0
END_WAIT = 2.0

LATE_EDGE = 86_400 + 600.0
"""How late Envoy's line may come: `max_stream_duration_seconds` is at most a day, and a client may read slowly."""

LATE_WORKER = 600.0
"""How late a worker's entry may come: one that stands still is killed long before."""

LONGEST_NAME = 256
"""Characters that an event keeps of a model's name: clients may send megabytes, and no model needs more."""

_YEAR_9999 = 253_370_764_800.0

VERDICTS = {
    "allowed": "allow",
    "blocked": "block",
    "redacted": "redact",
    "escalated": "escalate",
    "refused": "refuse",
    "refused_by_envoy": "refuse",
    "aborted": "abort",
    "error": "error",
    "interrupted": "error",
}
"""Decisions, and the one word for each that Keeptrusts' command line knows them by."""


@dataclass(slots=True)
class Pending:
    """What is known of one exchange so far. Times are the feeder's, in seconds."""

    begin: Entry | None = None
    end: Entry | None = None
    edge: Entry | None = None
    local: Entry | None = None
    attempts: list[Entry] = field(default_factory=list)
    touched: float = 0.0
    writer_gone: bool = False

    def outcome(self, now: float, *, edge_log: bool = True) -> str:
        """The outcome once there is nothing more to wait for, else ''; without an `edge_log` its line never comes."""
        waited = now - self.touched
        if self.end:
            patience = LATE_EDGE if edge_log and self.end.get("unscanned") else EDGE_WAIT
            return str(self.end["outcome"]) if self.edge or waited > patience else ""
        if waited <= END_WAIT or not (self.edge or self.local or self.writer_gone):
            return ""
        return "interrupted" if self.begin else "refused_by_envoy"

    def stray(self, now: float) -> bool:
        """Attempts that nothing else ever came to: Envoy was killed in the exchange, or its event is long written."""
        return not (self.begin or self.end or self.edge or self.local) and now - self.touched > LATE_EDGE


@dataclass(slots=True)
class Merger:
    """Collects entries by id. `done` holds ids whose event was written, so that late entries make no second one.

    `edge_log` says whether there is one whose line may still come.
    """

    done: Known = field(default_factory=Known)
    edge_log: bool = True
    late: int = 0
    pending: dict[str, Pending] = field(default_factory=dict)

    def feed(self, entry: Entry, now: float, *, writer_gone: bool = False) -> None:
        """One entry, in the order in which its source was written."""
        key = str(entry.get("id", ""))
        if key in self.done:
            self.late += entry.get("k") not in ("attempt", "local")
            return
        pending = self.pending.setdefault(key, Pending())
        pending.touched = now
        pending.writer_gone = pending.writer_gone or writer_gone
        match entry.get("k"):
            case "begin":
                pending.begin = entry
            case "end":
                pending.end = entry
            case "edge":
                pending.edge = entry
            case "local":
                pending.local = entry
            case "attempt":
                pending.attempts.append(entry)

    def finished(self, now: float) -> Iterator[Entry]:
        """The events that are complete, each once."""
        for key, pending in list(self.pending.items()):
            outcome = pending.outcome(now, edge_log=self.edge_log)
            if not outcome:
                if pending.stray(now):
                    del self.pending[key]
                continue
            del self.pending[key]
            if not pending.begin and not pending.end and not _governed(pending.edge or pending.local):
                continue
            self.done.add(key, self.remembered(now, pending.edge, pending.begin and pending.end))
            yield event(key, outcome, pending)

    def remembered(self, now: float, edge: object, worker: object) -> float:
        """Until when an exchange is remembered of which Envoy (`edge`) or the worker may say more; 0 where neither."""
        if not edge and self.edge_log:
            return now + LATE_EDGE
        return 0.0 if worker else now + LATE_WORKER


_SERVED = ("/v1", "/cursor/v1")

_PREFLIGHT = "cors_response"
"""What Envoy's cors filter gives as the reason of its own replies."""


def _governed(edge: Entry | None) -> bool:
    """Health checks, unknown pages and a browser's asking for leave are no AI traffic."""
    entry = edge or {}
    return str(entry.get("path", "")).startswith(_SERVED) and entry.get("details") != _PREFLIGHT


def event(key: str, outcome: str, pending: Pending) -> Entry:
    """The record of an exchange, every field always there."""
    begin, end, edge = pending.begin or {}, pending.end or {}, pending.edge or pending.local or {}
    consumer = begin.get("consumer")
    who = consumer if isinstance(consumer, dict) else {}
    digest = hashlib.sha256(key.encode()).hexdigest()
    trace, parent = _trace(str(begin.get("traceparent", "")))
    usage = end.get("usage")
    at = _seconds(begin.get("at", edge.get("at")))
    return {
        "id": f"evt_{digest[:24]}",
        "request_id": key,
        "at": at,
        "timestamp": timestamp(at),
        "decision": outcome,
        "verdict": VERDICTS.get(outcome, "error"),
        "reason": end.get("reason", ""),
        "policy": end.get("policy", ""),
        "user": who.get("name", ""),
        "team": who.get("team", ""),
        "key_id": who.get("key_id", ""),
        "model": str(end.get("model", ""))[:LONGEST_NAME],
        "response_model": str(end.get("response_model", ""))[:LONGEST_NAME],
        "dialect": end.get("dialect", ""),
        "stream": end.get("stream", False),
        "status": edge.get("status", end.get("status")),
        "duration_ms": edge.get("duration_ms"),
        "usage": usage if isinstance(usage, dict) else {},
        "usage_estimated": end.get("usage_estimated") is True,
        "cache_hit": end.get("cache_hit") is True,
        "cache": end.get("cache", ""),
        "cache_reason": end.get("cache_reason", ""),
        "finish_reasons": end.get("finish_reasons", []),
        "decisions": end.get("decisions", []),
        "unscanned": end.get("unscanned", ""),
        "bytes_in": edge.get("bytes_in"),
        "bytes_out": edge.get("bytes_out"),
        "provider": _target(edge.get("upstream_cluster")),
        "attempts": [_attempt(entry) for entry in pending.attempts],
        "method": begin.get("method", edge.get("method", "")),
        "path": begin.get("path", edge.get("path", "")),
        "client": edge.get("client", begin.get("client", "")),
        "source": begin.get("user_agent", ""),
        "details": edge.get("details", ""),
        "config": end.get("config", ""),
        "trace_id": trace or digest[24:56],
        "parent_span_id": parent,
        "span_id": digest[:16],
    }


def timestamp(at: float) -> str:
    """Unix seconds as RFC 3339, to the millisecond."""
    return f"{datetime.fromtimestamp(at, UTC):%Y-%m-%dT%H:%M:%S.%f}"[:-3] + "Z"


def _seconds(value: object) -> float:
    """A time that dates can show; 0 for anything else."""
    with suppress(ValueError):
        found = float(str(value))
        return found if 0.0 < found < _YEAR_9999 else 0.0
    return 0.0


def _target(cluster: object) -> str:
    """A target's id by its cluster's name, behind which a slash tells apart several of one target."""
    return str(cluster or "").removeprefix("target:").partition("/")[0]


def _attempt(entry: Entry) -> Entry:
    return {
        "target": _target(entry.get("cluster")),
        "status": entry.get("status"),
        "duration_ms": entry.get("duration_ms"),
        "flags": entry.get("flags"),
    }


def _trace(traceparent: str) -> tuple[str, str]:
    """Trace and parent span ids of a W3C traceparent, or empty ones."""
    parts = traceparent.split("-")
    if len(parts) < 4 or len(parts[1]) != 32 or len(parts[2]) != 16 or set(parts[1]) <= {"0"}:
        return "", ""
    return parts[1], parts[2]
