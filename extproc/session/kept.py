"""A request for what the provider keeps: no body goes up, and what comes back is judged as any reply."""

from __future__ import annotations

from extproc.model import Exchange, Headers, Phase, Proceed, first
from extproc.session import onward


def request(exchange: Exchange, targets: tuple[str, ...]) -> Proceed:
    """The reply to the headers. A target that has no such response says 404, and then the next one is asked."""
    walk: Headers = (("x-envoy-retriable-status-codes", "404"),) if len(targets) > 1 else ()
    return Proceed(
        Phase.REQUEST_HEADERS,
        set_headers=(*onward.ASK_FOR_PLAIN, *onward.retries(targets), *walk),
        remove_headers=onward.left_here(exchange.headers),
        clear_route_cache=True,
        targets=targets,
        metadata={
            "id": exchange.id,
            "path": exchange.path,
            "dialect": "openai-responses",
            "len": first(exchange.headers, "content-length"),
        },
    )
