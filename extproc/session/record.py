"""The entries that a session writes into the audit (design D9)."""

from __future__ import annotations

from extproc.model import Consumer, Exchange, Record, first


def begin(exchange: Exchange, traceparent: str) -> Record:
    """Before the first reply that lets anything pass. The trace is that of Envoy's call to us, else the client's."""
    headers, who = exchange.headers, exchange.consumer
    return Record(
        {
            "k": "begin",
            "id": exchange.id,
            "traceparent": traceparent or first(headers, "traceparent"),
            "method": exchange.method,
            "path": exchange.path.partition("?")[0],
            "consumer": _consumer(who) if who else None,
            "user_agent": first(headers, "user-agent")[:256],
            "client": first(headers, "x-envoy-external-address"),
        }
    )


def end(
    exchange: Exchange, outcome: str, reason: str, policy: str, *, status: int | None, dialect: str, config: str,
    cache: tuple[str, str] = ("", ""), unscanned: str = "",
) -> Record:  # fmt: skip
    """Before the last byte is released. `cache` is what it did and why, '' where it had no part.

    `unscanned` is the route whose bodies nobody read; of those it stands before the reply's first byte, not its last.
    """
    request, response = exchange.request, exchange.response
    return Record(
        {
            "k": "end",
            "id": exchange.id,
            "outcome": outcome,
            "status": status,
            "reason": reason,
            "policy": policy,
            "dialect": dialect,
            "model": request.model if request else "",
            "stream": request.stream if request else False,
            "response_model": response.model if response else "",
            "response_id": response.id if response else "",
            "finish_reasons": response.finish_reasons if response else (),
            "usage": response.usage if response else None,
            **({"usage_estimated": True} if response and response.usage_estimated else {}),
            "decisions": exchange.decisions,
            "config": config,
            **_cache(*cache),
            **({"unscanned": unscanned} if unscanned else {}),
        }
    )


def _cache(status: str, reason: str) -> dict[str, object]:
    return {"cache": status, "cache_reason": reason, "cache_hit": status == "hit"} if status else {}


def _consumer(who: Consumer) -> dict[str, str]:
    return {"key_id": who.key_id, "name": who.name, "team": who.team, "org": who.org}


def outcome(exchange: Exchange, status: int | None) -> str:
    """What became of an exchange that ran to its end."""
    if (status or 500) >= 400:
        return "error"
    redacted = any(d.verdict == "redact" and d.enforced for d in exchange.decisions)
    return "redacted" if redacted else "allowed"
