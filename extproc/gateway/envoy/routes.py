"""Routes: `/v1` to the targets in the order that the policy filter decides; what passes unscanned to the one target
that the operator named; our own pages; nothing else.
"""

from __future__ import annotations

from extproc.config.values import Limits
from extproc.gateway.envoy import clusters, cors
from extproc.gateway.envoy.settings import EnvoySettings, Json, any_of, seconds
from extproc.routing.unscanned import ROUTES, Route

NAME = "kt"
_UNKEPT = 1 << 20
"""Bytes of an unscanned body that Envoy holds: it is read as fast as the other side takes it."""

_NOBODY = "nobody"
"""A cluster that is not there: a second lock behind the processor's refusal."""

_RETRIABLE = [429, 500, 502, 503, 504, 529]


def route_configuration(settings: EnvoySettings) -> Json:
    """The one route table. Internal headers of clients are gone before any filter sees them (see the listener)."""
    host = {
        "name": "gateway",
        "domains": ["*"],
        # Envoy's one limit for both directions: a buffered reply above it becomes a 500
        "request_body_buffer_limit": max(settings.limits.max_body_bytes, settings.limits.max_response_bytes)
        + (8 << 20),
        "include_request_attempt_count": False,
        "routes": [_alive(), *_unscanned(settings), _models(settings), _everything_else()],
    }
    return any_of("config.route.v3.RouteConfiguration", name=NAME, virtual_hosts=[host], validate_clusters=False)


def _alive() -> Json:
    return {
        "match": {"path": "/healthz"},
        "direct_response": {"status": 200, "body": {"inline_string": "ok\n"}},
        "typed_per_filter_config": _without_policy(),
    }


def _models(settings: EnvoySettings) -> Json:
    return {
        "match": {"path_separated_prefix": "/v1"},
        "route": _action(settings),
        "typed_per_filter_config": _pages(settings),
    }


def _pages(settings: EnvoySettings) -> Json:
    return {cors.NAME: cors.policy(settings.cors)} if settings.cors and settings.cors.enabled else {}


def _unscanned(settings: EnvoySettings) -> list[Json]:
    """A route for each path that may pass; for a WebSocket always, or Envoy would refuse one without saying why."""
    allowed = settings.allowance.routes if settings.allowance else ()
    passing = [route for route in ROUTES.values() if route.name in allowed or route.upgrades]
    return [_unread(settings, route, path, route.name in allowed) for route in passing for path in route.paths]


def _unread(settings: EnvoySettings, route: Route, path: str, allowed: bool) -> Json:
    """Headers go to the processor, bodies do not; nothing is held back, and so nothing is tried twice."""
    modes = {"request_header_mode": "SEND", "response_header_mode": "SEND"}
    bodies = {"request_body_mode": "NONE", "response_body_mode": "NONE"}
    skipped = {"request_trailer_mode": "SKIP", "response_trailer_mode": "SKIP"}
    overrides = {"processing_mode": {**modes, **bodies, **skipped}}
    limits, target = settings.limits, settings.allowance.target if settings.allowance and allowed else None
    cluster = _NOBODY if target is None else clusters.upgrading(target) if route.upgrades else target.cluster
    return {
        "match": {"path": path} if route.upgrades else {"path_separated_prefix": path},
        "request_body_buffer_limit": _UNKEPT,
        "route": {
            "cluster": cluster,
            "cluster_not_found_response_code": "NOT_FOUND",
            "auto_host_rewrite": True,
            **_patience(limits),
            # without retry_on nothing is retried, and so nothing kept for it; the timeouts hold all the same
            "retry_policy": _each_try(limits),
            **({"upgrade_configs": [{"upgrade_type": "websocket"}]} if route.upgrades else {}),
        },
        "typed_per_filter_config": {
            **_pages(settings),
            "policy": any_of("extensions.filters.http.ext_proc.v3.ExtProcPerRoute", overrides=overrides),
        },
    }


def _everything_else() -> Json:
    """A local reply, so it gets the shape of the others."""
    return {
        "match": {"prefix": "/"},
        "direct_response": {"status": 404},
        "typed_per_filter_config": _without_policy(),
    }


def _without_policy() -> Json:
    return {"policy": any_of("extensions.filters.http.ext_proc.v3.ExtProcPerRoute", disabled=True)}


def _action(settings: EnvoySettings) -> Json:
    """No total timeout: streams last for minutes. Time to the first byte, silence and total length are bounded."""
    return {
        "inline_cluster_specifier_plugin": {
            "extension": {"name": "targets", "typed_config": _groups(settings)},
        },
        "auto_host_rewrite": True,
        **_patience(settings.limits),
        "retry_policy": {
            # "reset" makes timeouts and resets before headers retriable; nothing is retried after headers (trial A2)
            "retry_on": "reset,connect-failure,refused-stream,retriable-status-codes",
            "retriable_status_codes": _RETRIABLE,
            "num_retries": len(settings.targets) - 1,  # 0: the timeouts below hold for a single target too
            **_each_try(settings.limits),
            "refresh_cluster_on_retry": True,
            "retry_back_off": {"base_interval": "0.001s", "max_interval": "0.001s"},
        },
    }


def _patience(limits: Limits) -> Json:
    return {
        "timeout": "0s",
        "idle_timeout": seconds(limits.stream_idle_timeout_seconds + 30),
        "max_stream_duration": {"max_stream_duration": seconds(limits.max_stream_duration_seconds)},
    }


def _each_try(limits: Limits) -> Json:
    return {
        "per_try_timeout": seconds(limits.first_byte_timeout_seconds),
        "per_try_idle_timeout": seconds(limits.stream_idle_timeout_seconds),
    }


def _groups(settings: EnvoySettings) -> Json:
    groups = [
        {"name": target.cluster, "clusters": [{"cluster_name": target.cluster, "weight": 1}]}
        for target in settings.targets
    ]
    return any_of(
        "extensions.router.cluster_specifiers.priority_group.v3.PriorityGroupClusterSpecifier",
        priority_groups=groups,
        override_metadata_namespace="kt.route",
    )
