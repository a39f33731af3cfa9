"""Routes of what passes unscanned, to the one target that the operator named (docs/decisions/0010).

Headers go to the processor, bodies do not; nothing is held back, and so nothing is tried twice.
"""

from __future__ import annotations

from extproc.gateway.envoy import clusters, cors, patience
from extproc.gateway.envoy.settings import EnvoySettings, Json, any_of
from extproc.routing.unscanned import ROUTES, Route

_UNKEPT = 1 << 20
"""Bytes of a body that Envoy holds: it is read as fast as the other side takes it."""

_NOBODY = "nobody"
"""A cluster that is not there: a second lock behind the processor's refusal."""

_MODES = {
    "request_header_mode": "SEND",
    "request_body_mode": "NONE",
    "request_trailer_mode": "SKIP",
    "response_header_mode": "SEND",
    "response_body_mode": "NONE",
    "response_trailer_mode": "SKIP",
}


def routes(settings: EnvoySettings) -> list[Json]:
    """One for each path that may pass; for a WebSocket always, or Envoy would refuse one without saying why."""
    allowed = settings.allowance.routes if settings.allowance else ()
    shown = [route for route in ROUTES.values() if route.name in allowed or route.upgrades]
    return [_route(settings, route, path) for route in shown for path in route.paths]


def _route(settings: EnvoySettings, route: Route, path: str) -> Json:
    overrides = {"processing_mode": _MODES}
    return {
        "match": {"path": path} if route.upgrades else {"path_separated_prefix": path},
        "request_body_buffer_limit": _UNKEPT,
        "route": {
            "cluster": _cluster(settings, route),
            "cluster_not_found_response_code": "NOT_FOUND",
            "auto_host_rewrite": True,
            **patience.of_request(settings.limits),
            "retry_policy": patience.of_attempt(settings.limits),  # without retry_on nothing is retried, or kept for it
            **({"upgrade_configs": [{"upgrade_type": "websocket"}]} if route.upgrades else {}),
        },
        "typed_per_filter_config": {
            **cors.at_route(settings.cors),
            "policy": any_of("extensions.filters.http.ext_proc.v3.ExtProcPerRoute", overrides=overrides),
        },
    }


def _cluster(settings: EnvoySettings, route: Route) -> str:
    allowed = settings.allowance
    if allowed is None or route.name not in allowed.routes:
        return _NOBODY
    return clusters.upgrading(allowed.target) if route.upgrades else allowed.target.cluster
