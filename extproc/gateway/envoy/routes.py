"""Routes: what passes unscanned, `/v1` to the targets in the order that the policy filter decides, our own pages.

`/cursor/v1` goes as `/v1` does: the policy filter says which path a provider is asked, and each attempt sets it.
"""

from __future__ import annotations

from extproc.gateway.envoy import cors, heavy, patience, unscanned
from extproc.gateway.envoy.settings import EnvoySettings, Json, any_of

NAME = "kt"
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
        "routes": [
            _alive(),
            *unscanned.routes(settings),
            *_models(settings, "/v1"),
            *_models(settings, "/cursor/v1"),
            _everything_else(),
        ],
    }
    # what passes unscanned names a cluster that is not there, where it is not allowed
    return any_of("config.route.v3.RouteConfiguration", name=NAME, virtual_hosts=[host], validate_clusters=False)


def _alive() -> Json:
    return {
        "match": {"path": "/healthz"},
        "direct_response": {"status": 200, "body": {"inline_string": "ok\n"}},
        "typed_per_filter_config": _without_policy(),
    }


def _models(settings: EnvoySettings, prefix: str) -> list[Json]:
    """The heavy ones first."""
    return [
        {
            "match": {"path_separated_prefix": prefix, **({"headers": headers} if headers else {})},
            "route": _action(settings),
            "typed_per_filter_config": {**cors.at_route(settings.cors), **(heavy.at_route() if headers else {})},
        }
        for headers in (*heavy.matches(settings), [])
    ]


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
    return {
        "inline_cluster_specifier_plugin": {
            "extension": {"name": "targets", "typed_config": _groups(settings)},
        },
        "auto_host_rewrite": True,
        **patience.of_request(settings.limits),
        "retry_policy": {
            # "reset" makes timeouts and resets before headers retriable; nothing is retried after headers (trial A2)
            "retry_on": "reset,connect-failure,refused-stream,retriable-status-codes",
            "retriable_status_codes": _RETRIABLE,
            # the policy filter says how many more targets take this request (x-envoy-max-retries), of any number here
            # those that do not take it would count too: the last one would be asked again. The timeouts below hold at 0
            "num_retries": 0,
            **patience.of_attempt(settings.limits),
            "refresh_cluster_on_retry": True,
            "retry_back_off": {"base_interval": "0.001s", "max_interval": "0.001s"},
        },
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
