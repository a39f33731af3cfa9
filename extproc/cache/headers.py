"""Which request headers make a question another one: all of them but those that are known to change no answer.

Headers travel on, and nobody knows what all providers and the proxies before them do with theirs: a gateway's
configuration or another model may stand in one. Were an unknown header left out of the key, whoever sends it would
choose what others are answered; counted, it costs a hit.
"""

from __future__ import annotations

from collections.abc import Collection

from extproc.model import Headers

_SILENT = frozenset(
    {
        ":method", ":scheme", ":path",  # the session counts the path itself
        "user-agent", "referer", "http-referer", "origin", "x-title", "dnt",  # who calls, and with which program
        "accept", "accept-encoding", "content-length", "content-encoding", "transfer-encoding",  # how bytes travel
        "connection", "keep-alive", "te", "expect", "host", "priority",
        "cache-control", "pragma",  # what is said to us
        "traceparent", "tracestate", "baggage", "b3", "sentry-trace",  # which request it is
        "x-request-id", "x-correlation-id", "x-client-request-id", "x-amzn-trace-id", "x-cloud-trace-context",
        "via", "forwarded", "x-forwarded-for", "x-forwarded-proto", "x-forwarded-port",  # which way it came
        "x-real-ip", "true-client-ip", "cdn-loop", "cf-ray", "cf-connecting-ip", "cf-ipcountry", "cf-visitor",
        # `_SILENT_STARTS` says so too; but these come with each request of an SDK, and this is the quicker place
        "x-stainless-lang", "x-stainless-package-version", "x-stainless-os", "x-stainless-arch", "x-stainless-runtime",
        "x-stainless-runtime-version", "x-stainless-async", "x-stainless-retry-count", "x-stainless-read-timeout",
        "x-stainless-timeout", "x-stainless-helper-method", "x-envoy-external-address", "x-envoy-internal",
    }
)  # fmt: skip

_SILENT_STARTS = ("sec-", "x-b3-", "x-datadog-", "x-envoy-", "x-keeptrusts-", "x-stainless-")
"""Stainless is what generates the providers' SDKs: versions, retries. `:authority` is not here: an Envoy of others may
route by it.
"""

_USUAL = frozenset(
    {
        ("accept-language", "*"),  # Node's fetch; the same as none (RFC 9110, 12.5.4)
        ("content-type", "application/json"),
        ("content-type", "application/json; charset=utf-8"),
        ("content-type", "application/json;charset=utf-8"),
    }
)


def telling(headers: Headers, removed: Collection[str]) -> tuple[bytes, ...]:
    """What counts of these headers, in one order; `removed` are names that do not travel on."""
    spoken = [header for header in headers if header[0] not in _SILENT]  # most are gone here
    found = sorted(
        (name, value)
        for name, value in spoken
        if not name.startswith(_SILENT_STARTS) and name not in removed and (name, value.lower()) not in _USUAL
    )
    return tuple([said.encode("latin-1") for pair in found for said in pair])
