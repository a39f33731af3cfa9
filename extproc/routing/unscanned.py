"""Routes whose requests and replies nobody here reads: pictures, sound, files. Only where the operator names them.

Without a body there is no model to route by, so the operator names the one target too, and nothing is tried twice: a
body that is not kept cannot be sent again (docs/decisions/0010).
"""

from __future__ import annotations

import string
from collections.abc import Collection
from dataclasses import dataclass

from extproc.model import ClientError, Consumer, Exchange, Headers, Target, first

_POST, _KEPT = ("POST",), ("GET", "POST", "DELETE")


@dataclass(frozen=True, slots=True, kw_only=True)
class Route:
    """What one name stands for: these paths with all below them, or, of a WebSocket, its path alone.

    `kept` says that the provider keeps what was sent, where everybody finds it who asks with the same provider key.
    """

    name: str
    paths: tuple[str, ...]
    methods: tuple[str, ...] = _POST
    kept: bool = False
    upgrades: bool = False

    def covers(self, path: str) -> bool:
        """Whether a path, without its query, is one of these."""
        if self.upgrades:
            return path in self.paths
        return any(path == each or path.startswith(f"{each}/") for each in self.paths)


ROUTES = {
    route.name: route
    for route in (
        Route(name="images", paths=("/v1/images",)),
        Route(name="audio", paths=("/v1/audio",)),
        Route(name="moderations", paths=("/v1/moderations",)),
        Route(name="files", paths=("/v1/files", "/v1/uploads"), methods=_KEPT, kept=True),
        Route(name="batches", paths=("/v1/batches",), methods=_KEPT, kept=True),
        Route(name="realtime", paths=("/v1/realtime",), methods=("GET",), upgrades=True),
    )
}
"""Below `/v1/realtime` are the ways to get a key of the provider's own, with which a client would go around us."""

_PLAIN = frozenset(string.ascii_letters + string.digits + "/-_.")
"""What such paths are made of. With `%`, `;` or `\\` a provider might read another path than Envoy did."""

_DOTS = frozenset({".", ".."})
"""Our Envoy resolves them before it asks us; one that somebody else runs need not, and then a chat would be unread."""

_KEY_IN_PROTOCOL = "openai-insecure-api-key."


def named(path: str) -> Route | None:
    """The route that a path, without its query, belongs to, be it allowed or not."""
    return next((route for route in ROUTES.values() if route.covers(path)), None)


@dataclass(frozen=True, slots=True, kw_only=True)
class Allowance:
    """The names of the routes that may pass, and to which target; bodies have at most `max_body_bytes`.

    What the provider keeps belongs to `organisation`: keys of others do not come to it.
    """

    target: Target
    routes: Collection[str]
    max_body_bytes: int
    organisation: str

    def admit(self, route: Route, method: str, path: str, headers: Headers, who: Consumer, *, end: bool) -> None:
        """Raises ClientError for a request that may not pass; `end` says that it has no body."""
        if route.name not in self.routes:
            raise _not_allowed(route, path)
        if not _PLAIN.issuperset(path) or not _DOTS.isdisjoint(path.split("/")):
            message = "The path cannot pass unscanned; use letters, digits, '-', '_', '.' and '/', and no '..'."
            raise ClientError(message, reason="unusual_path")
        if method not in route.methods:
            expected = " or ".join(route.methods)
            raise ClientError(f"{path} takes {expected}, not {method}", status=405, reason="method_not_allowed")
        if route.kept and who.org != self.organisation:
            message = f"{path}: what the provider keeps here does not belong to your organisation."
            raise ClientError(message, status=404, reason="not_your_organisation")
        if route.upgrades:
            _upgrades(path, headers)
        elif not end:
            self._measure(headers)
        if not self.target.available:
            message = f"No provider is available for {path}: the gateway holds no credential for it."
            raise ClientError(message, status=503, kind="upstream_error", reason="provider_unavailable")

    def _measure(self, headers: Headers) -> None:
        length = first(headers, "content-length")
        if not (length.isascii() and length.isdigit()):
            message = "This URL takes bodies of a known length alone; send content-length."
            raise ClientError(message, status=411, reason="length_required")
        if int(length) > self.max_body_bytes:
            message = f"The request body is larger than {self.max_body_bytes} bytes."
            raise ClientError(message, status=413, reason="request_too_large")


@dataclass(frozen=True, slots=True)
class Passing:
    """A request that may pass, by which route, and to which target."""

    route: str
    target: Target


def passing(allowance: Allowance | None, route: Route, exchange: Exchange, *, end: bool) -> Passing:
    """Raises ClientError where a request of this route may not pass; `end` says that it has no body."""
    path = exchange.path.partition("?")[0]
    if allowance is None or exchange.consumer is None:
        raise _not_allowed(route, path)
    allowance.admit(route, exchange.method, path, exchange.headers, exchange.consumer, end=end)
    return Passing(route.name, allowance.target)


def _not_allowed(route: Route, path: str) -> ClientError:
    message = (
        f"{path} is not served here, because no policy could read what passes. The gateway's operator can allow it "
        f"in policy-config.yaml: passthrough: {{target: ID, routes: [{route.name}]}}."
    )
    return ClientError(message, status=404, reason="route_not_allowed")


def _upgrades(path: str, headers: Headers) -> None:
    if first(headers, "upgrade").lower() != "websocket":
        raise ClientError(
            f"{path} takes a WebSocket; send 'Upgrade: websocket'.", status=426, reason="upgrade_required"
        )
    if _KEY_IN_PROTOCOL in first(headers, "sec-websocket-protocol"):
        message = "A key in sec-websocket-protocol would reach the provider; send it as 'Authorization: Bearer' alone."
        raise ClientError(message, reason="key_in_protocol")
