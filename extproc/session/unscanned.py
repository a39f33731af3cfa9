"""A request that passes unread: its headers are judged and changed as those of others, its body is never looked at."""

from __future__ import annotations

from extproc.model import Body, BodyMode, Chunk, Exchange, Phase, Proceed, Reply, first
from extproc.session import onward


def request(exchange: Exchange, cluster: str) -> Proceed:
    """The reply to the headers. The length is for the filter that makes each attempt start clean."""
    return Proceed(
        Phase.REQUEST_HEADERS,
        remove_headers=onward.left_here(exchange.headers),
        clear_route_cache=True,
        targets=(cluster,),
        metadata={
            "id": exchange.id,
            "path": exchange.path,
            "dialect": "",
            "len": first(exchange.headers, "content-length"),
        },
    )


def piece(event: Body, mode: BodyMode) -> Reply:
    """The reply to a piece of body, which our own Envoy does not send."""
    if mode is BodyMode.FULL_DUPLEX:
        return Chunk(event.phase, event.data, end=event.end)
    return Proceed(event.phase)
