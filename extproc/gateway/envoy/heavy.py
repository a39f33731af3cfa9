"""The heavy lane: large request bodies go to a worker of their own, so that no chat waits behind one.

A worker judges one body after the other, and one of 32 MiB takes it seconds. The choice is the route's, by what the
client says of its body: `content-length` where there is one, which HTTP holds the body to; a body that does not say is
counted as large. Who says something else of it than is so gets the other lane, and the same policies.
"""

from __future__ import annotations

from extproc.gateway.envoy.settings import EnvoySettings, Json, any_of

CLUSTER = "heavy"

_LARGEST = (1 << 63) - 1
"""Of what Envoy compares with."""


def matches(settings: EnvoySettings) -> list[list[Json]]:
    """For each way in which a request is heavy, the header matchers that all have to hold."""
    least = settings.limits.heavy_body_bytes
    if not least or settings.heavy is None:
        return []
    says_so: Json = {"name": "content-length", "range_match": {"start": str(least + 1), "end": str(_LARGEST)}}
    says_nothing: Json = {"name": "content-length", "present_match": False}
    has_a_body: Json = {"name": ":method", "string_match": {"safe_regex": {"regex": "POST|PUT|PATCH"}}}
    return [[says_so], [says_nothing, has_a_body]]


def at_route() -> Json:
    """What the routes of these requests say to the policy filter."""
    overrides = {"grpc_service": grpc_service(CLUSTER)}
    return {"policy": any_of("extensions.filters.http.ext_proc.v3.ExtProcPerRoute", overrides=overrides)}


def grpc_service(cluster: str) -> Json:
    """Whom the policy filter talks to."""
    return {
        "envoy_grpc": {"cluster_name": cluster},
        "initial_metadata": [{"key": "x-kt-role", "value": "policy"}],
    }
