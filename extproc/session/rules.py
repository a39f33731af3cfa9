"""The snapshot that a session works with from its first event to its last (design D10)."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

from extproc.cache.rules import CacheRules
from extproc.chain import Chain
from extproc.guard.stream import Reader, StreamLimits
from extproc.model import Consumer, Headers, Request, Response, Target, Text
from extproc.routing.unscanned import Allowance

CREDENTIALS = ("authorization", "x-api-key", "api-key", "proxy-authorization", "cookie")
"""Headers of the client's that never travel on (design D3)."""


class Dialect(Protocol):
    """What a session asks of a client API's shape; `extproc.dialects` has one module or package for each."""

    name: str

    def __hash__(self) -> int: ...
    def stream(self, *, max_depth: int, hides_usage: bool = False) -> Reader: ...
    def read_request(self, body: bytes, *, max_depth: int) -> Request: ...
    def read_response(self, body: bytes, *, max_depth: int) -> Response: ...
    def read_error(self, body: bytes, *, max_depth: int) -> Response: ...
    def with_usage(self, body: bytes) -> bytes: ...
    def write(self, body: bytes, before: tuple[Text, ...], after: tuple[Text, ...]) -> bytes: ...
    def error(self, status: int, message: str, kind: str, code: str) -> bytes: ...
    def block(self, policy: str, message: str, code: str) -> bytes: ...
    def essence(self, body: Mapping[str, Any]) -> dict[str, Any]: ...
    def uncacheable(self, body: Mapping[str, Any]) -> str: ...
    def complete(self, reply: Response) -> bool: ...
    def replay(self, body: bytes, *, wants_usage: bool) -> bytes: ...


@dataclass(frozen=True, slots=True)
class Translation:
    """A path of a client's own: `to` is where a provider has what it asks for, `body` makes the body fit there, or
    raises ClientError.
    """

    to: str
    body: Callable[..., bytes]


@dataclass(frozen=True, slots=True)
class Kept:
    """`several` says whether there are keys of more than one organisation; `targets` are the clusters to look in.

    Whose each is is remembered for `ttl` seconds. `whole` reads one that is fetched again, `parts` what else is told.
    """

    several: Callable[[], bool]
    targets: tuple[str, ...]
    ttl: float
    whole: Dialect
    parts: Dialect


@dataclass(frozen=True, slots=True)
class Rules:
    """`identify` turns request headers into a consumer or raises ClientError; `route` turns a requested model and the
    name of a dialect into targets in order, or raises ClientError; `answers` has the bodies that we answer
    ourselves, by method, path and headers, or raises ClientError. `marks` names headers that tell a client's dialect
    where its path does not. `passes_tokens` lets tokens in place of text pass policies that cannot read them.
    `asks_usage` has a stream's tokens told to us where its client did not ask. `block_status` is HTTP's for a block.
    `translations` are by path; what they make is all that anything else here sees. `allowance` says what may pass
    unread, `kept` is about replies that providers keep.
    """

    chain: Chain
    dialects: Mapping[str, Dialect]
    fallback: Dialect
    identify: Callable[[Headers], Consumer]
    route: Callable[[str, str], tuple[Target, ...]]
    answers: Callable[[str, str, Headers], bytes | None]
    digest: str = ""
    max_body_bytes: int = 32 << 20
    max_response_bytes: int = 32 << 20
    max_depth: int = 64
    max_ratio: int = 100
    passes_tokens: bool = False
    asks_usage: bool = False
    block_status: int = 409
    stream: StreamLimits = field(default_factory=StreamLimits)
    cache: CacheRules | None = None
    allowance: Allowance | None = None
    kept: Kept | None = None
    marks: Mapping[str, Dialect] = field(default_factory=dict)
    translations: Mapping[str, Translation] = field(default_factory=dict)

    def dialect(self, path: str, headers: Headers) -> Dialect:
        """The dialect of a request, in whose shape it is answered; the path has no query."""
        if path in self.dialects:
            return self.dialects[path]
        return next((self.marks[name] for name, _ in headers if name in self.marks), self.fallback)

    def understood(self, path: str, body: bytes) -> bytes:
        """The body as its dialect has it. Raises ClientError."""
        translation = self.translations.get(path)
        return translation.body(body, max_depth=self.max_depth) if translation else body

    def onward_path(self, path: str) -> str:
        """The path at a provider, before which a target may put a prefix; here `path` may have a query."""
        alone, mark, query = path.partition("?")
        translation = self.translations.get(alone)
        return f"{translation.to}{mark}{query}" if translation else path
