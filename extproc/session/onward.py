"""How what was judged goes on: the replies for each body mode, with the headers that fit the body."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace

from extproc.model import BodyMode, Chunk, Headers, Phase, Proceed, Reply
from extproc.session.rules import CREDENTIALS

ASK_FOR_PLAIN: Headers = (("accept-encoding", "identity"),)
"""What comes coded all the same is decoded: a guard has to read it."""

_OURS = "x-keeptrusts-"


def request_head(mode: BodyMode, headers: Headers) -> Proceed:
    """The reply to request headers whose body comes later.

    STREAMED sends them on at once, so what must not travel goes now; the body may be edited, so its length is open.
    """
    if mode is not BodyMode.STREAMED:
        return Proceed(Phase.REQUEST_HEADERS)
    removed = (*left_here(headers), "content-length", "content-encoding")
    return Proceed(Phase.REQUEST_HEADERS, set_headers=ASK_FOR_PLAIN, remove_headers=removed)


def request(
    mode: BodyMode, headers: Headers, body: bytes, targets: tuple[str, ...], facts: Mapping[str, str], *,
    changed: bool, trailers: bool,
) -> Iterator[Reply]:  # fmt: skip
    """A request that came with these headers and may go to these targets. `facts` are for upstream filters, the log."""
    if mode is BodyMode.STREAMED:
        yield Proceed(Phase.REQUEST_BODY, body=body)
        return
    buffered = mode is BodyMode.BUFFERED
    length = str(len(body)) if buffered else ""
    exact: Headers = (("content-length", length),) if buffered and changed else ()
    unfit = () if buffered else ("content-length",)
    yield Proceed(
        Phase.REQUEST_BODY if buffered else Phase.REQUEST_HEADERS,
        set_headers=(*ASK_FOR_PLAIN, *retries(targets), *exact),
        remove_headers=(*left_here(headers), "content-encoding", *unfit),
        body=body if buffered and changed else None,
        clear_route_cache=True,
        targets=targets,
        metadata={**facts, "len": length},
    )
    if not buffered:
        yield Chunk(Phase.REQUEST_BODY, body, end=not trailers)


def left_here(headers: Headers) -> tuple[str, ...]:
    """What must not travel on: credentials, and what was said to us."""
    return (*CREDENTIALS, *dict.fromkeys(name for name, _ in headers if name.startswith(_OURS)))


def retries(targets: tuple[str, ...]) -> Headers:
    """Keeps Envoy from trying the last target again (trials, part A, 2)."""
    return (("x-envoy-max-retries", str(len(targets) - 1)),) if len(targets) > 1 else ()


def response(mode: BodyMode, head: Proceed, body: bytes, *, changed: bool, ours: bool = False) -> Iterator[Reply]:
    """A reply that may go to the client; `head` is the reply to its headers, which full duplex has held back.

    `ours` says that the whole body is ours, which the provider's content type need not fit.
    """
    kind: Headers = (("content-type", "application/json"),) if ours else ()
    match mode:
        case BodyMode.FULL_DUPLEX:
            yield replace(head, set_headers=(*head.set_headers, *kind))
            yield Chunk(Phase.RESPONSE_BODY, body, end=True)
        case BodyMode.STREAMED:
            yield Proceed(Phase.RESPONSE_BODY, body=body)
        case _ if changed:
            exact = (("content-length", str(len(body))), *kind)
            yield Proceed(Phase.RESPONSE_BODY, set_headers=exact, remove_headers=("content-encoding",), body=body)
        case _:
            yield Proceed(Phase.RESPONSE_BODY)
