"""Clusters: one per target, each attempt of which starts clean, and the workers."""

from __future__ import annotations

from pathlib import Path

from extproc.gateway.envoy import heavy
from extproc.gateway.envoy.settings import EnvoySettings, Json, any_of, lua_string
from extproc.model import Target
from extproc.session import CREDENTIALS

_UNLIMITED = {
    "max_connections": 100_000,
    "max_pending_requests": 100_000,
    "max_requests": 100_000,
    "max_retries": 100_000,  # counted on the failing cluster; the default of 3 loses most fallbacks (trial A2)
}
_BREAKERS: Json = {"thresholds": [_UNLIMITED, {**_UNLIMITED, "priority": "HIGH"}]}

# Header mutations of one attempt stay for the next, so every attempt first strips all credentials, and only then
# restores path and length from what the policy filter said; a Lua error fails open, so nil is answered (trial A1).
# A target's key may stand in a header of any name. Each attempt notes its own for the next one to strip: a list of
# all targets' would miss one that a reload has taken away while it was still asked.
_CLEAN = """
local drop = {%(drop)s}
function envoy_on_request(handle)
  local headers = handle:headers()
  for _, name in ipairs(drop) do headers:remove(name) end
  local metadata = handle:streamInfo():dynamicMetadata()
  local before = metadata:get("kt.attempt")
  if before ~= nil then headers:remove(before["key_header"]) end
  metadata:set("kt.attempt", "key_header", %(own)s)
  local facts = metadata:get("kt.log")
  if facts == nil or facts["path"] == nil then
    handle:respond({[":status"] = "503"}, "")
    return
  end
  headers:replace(":path", %(prefix)s .. facts["path"])
  if facts["len"] == nil or facts["len"] == "" then
    headers:remove("content-length")
  else
    headers:replace("content-length", facts["len"])
  end
end
"""
_KEEPALIVE = {"interval": "1s", "timeout": "12s"}
"""Of a worker, which answers pings between two judgements: a body of 32 MiB takes it seconds, and its other streams
must not be cut for that. So this is longer than the watchdog's ten seconds, and finds what the watchdog does not.
"""

_INTERNAL = ("x-forwarded-proto", "x-envoy-expected-rq-timeout-ms", "x-envoy-external-address", "x-forwarded-for")


def of_workers(settings: EnvoySettings) -> list[Json]:
    """The clusters of our own processes. Static and never changed: any change cuts every open stream (trial B1)."""
    found = [_workers(settings, "workers", settings.workers)]
    return [*found, _workers(settings, heavy.CLUSTER, (settings.heavy,))] if settings.heavy else found


def _workers(settings: EnvoySettings, name: str, sockets: tuple[Path, ...]) -> Json:
    """One Unix socket per worker."""
    endpoints = [{"endpoint": {"address": {"pipe": {"path": str(path)}}}} for path in sockets]
    protocol = any_of(
        "extensions.upstreams.http.v3.HttpProtocolOptions",
        explicit_http_config={
            "http2_protocol_options": {"connection_keepalive": _KEEPALIVE},
        },
    )
    return {
        "name": name,
        "type": "STATIC",
        "connect_timeout": "1s",
        "lb_policy": "LEAST_REQUEST",
        "load_assignment": {"cluster_name": name, "endpoints": [{"lb_endpoints": endpoints}]},
        "typed_extension_protocol_options": {"envoy.extensions.upstreams.http.v3.HttpProtocolOptions": protocol},
        "circuit_breakers": _BREAKERS,
        "per_connection_buffer_limit_bytes": max(settings.limits.max_body_bytes, settings.limits.max_response_bytes)
        + (8 << 20),
        # column D of trial B4: a killed worker costs 3 failed requests in 30 ms instead of seconds of them
        "common_lb_config": {"healthy_panic_threshold": {"value": 0}},
        "health_checks": [
            {
                "timeout": "1s",
                "interval": "1s",
                "no_traffic_interval": "1s",
                "unhealthy_interval": "0.5s",
                "unhealthy_edge_interval": "0.5s",
                "unhealthy_threshold": 2,
                "healthy_threshold": 1,
                "grpc_health_check": {},
            }
        ],
        "outlier_detection": {
            "consecutive_5xx": 3,
            "consecutive_gateway_failure": 3,
            "enforcing_consecutive_gateway_failure": 100,
            "interval": "0.5s",
            "base_ejection_time": "3s",
            "max_ejection_percent": 50,
        },
    }


def targets(settings: EnvoySettings) -> list[Json]:
    """The clusters of all targets, and of one again that takes WebSockets."""
    found = [target(settings, each) for each in settings.targets]
    allowed = settings.allowance
    if allowed and upgrading(allowed.target) != allowed.target.cluster and "realtime" in allowed.routes:
        found.append({**target(settings, allowed.target, http1=True), "name": upgrading(allowed.target)})
    return found


def upgrading(each: Target) -> str:
    """The cluster for WebSockets of a target. Over TLS it has its own: where HTTP/2 is agreed on, Envoy would ask for
    one by extended CONNECT, which providers need not know.
    """
    return f"{each.cluster}/http1" if each.scheme == "https" else each.cluster


def target(settings: EnvoySettings, each: Target, *, http1: bool = False) -> Json:
    """The cluster of one target; `http1` speaks no other version."""
    address = {"socket_address": {"address": each.host, "port_value": each.port}}
    endpoint = {"endpoint": {"address": address, "hostname": _authority(each)}}
    protocol = _protocol(settings, each, http1=http1 or each.scheme == "http")
    cluster = any_of(
        "config.cluster.v3.Cluster",
        name=each.cluster,
        # addresses of both families, tried in turn (Happy Eyeballs); by default a name with an IPv6 address is never
        # reached from a machine that has IPv4 alone, and STRICT_DNS drops the connections to addresses that rotate out
        type="LOGICAL_DNS",
        dns_lookup_family="ALL",
        connect_timeout="2s",
        load_assignment={"cluster_name": each.cluster, "endpoints": [{"lb_endpoints": [endpoint]}]},
        circuit_breakers=_BREAKERS,
        typed_extension_protocol_options={"envoy.extensions.upstreams.http.v3.HttpProtocolOptions": protocol},
    )
    if each.scheme == "https":
        cluster["transport_socket"] = _tls(settings, each, ["http/1.1"] if http1 else [])
    return cluster


def _authority(each: Target) -> str:
    usual = 443 if each.scheme == "https" else 80
    return each.host if each.port == usual else f"{each.host}:{each.port}"


def _protocol(settings: EnvoySettings, each: Target, *, http1: bool) -> Json:
    filters = [_clean(each), *([_credential(settings, each)] if has_secret(each) else []), _codec()]
    how: Json = {
        "auto_config": {"http_protocol_options": {}, "http2_protocol_options": {"initial_stream_window_size": 1 << 20}}
    }
    plain: Json = {"explicit_http_config": {"http_protocol_options": {}}}
    return any_of("extensions.upstreams.http.v3.HttpProtocolOptions", **(plain if http1 else how), http_filters=filters)


def has_secret(each: Target) -> bool:
    """Whether the configuration names a credential for this target."""
    return bool(each.secret_env or each.secret_file)


def secret_file(each: Target) -> str:
    """The name of the file that holds this target's credential for Envoy."""
    return secret_file_of(each.id)


def secret_file_of(target: str) -> str:
    """The same by the target's id; `*` gives the pattern of all."""
    return f"secret-{target}.json"


def _clean(each: Target) -> Json:
    names = {*CREDENTIALS, *_INTERNAL, each.key_header}
    code = _CLEAN % {
        "drop": ", ".join(map(lua_string, sorted(names))),
        "own": lua_string(each.key_header),
        "prefix": lua_string(each.prefix),
    }
    config = any_of("extensions.filters.http.lua.v3.Lua", default_source_code={"inline_string": code})
    return {"name": "clean", "typed_config": config}


def _credential(settings: EnvoySettings, each: Target) -> Json:
    generic = any_of(
        "extensions.http.injected_credentials.generic.v3.Generic",
        credential={"name": f"secret:{each.id}", "sds_config": settings.watched(secret_file(each))},
        header=each.key_header,
    )
    config = any_of(
        "extensions.filters.http.credential_injector.v3.CredentialInjector",
        overwrite=True,
        credential={"name": "envoy.http.injected_credentials.generic", "typed_config": generic},
    )
    return {"name": "credential", "typed_config": config}


def _codec() -> Json:
    config = any_of("extensions.filters.http.upstream_codec.v3.UpstreamCodec")
    return {"name": "codec", "typed_config": config}


def _tls(settings: EnvoySettings, each: Target, protocols: list[str]) -> Json:
    validation = {
        "trusted_ca": {"filename": str(settings.ca_bundle)},
        "match_typed_subject_alt_names": [{"san_type": "DNS", "matcher": {"exact": each.host}}],
    }
    config = any_of(
        "extensions.transport_sockets.tls.v3.UpstreamTlsContext",
        sni=each.host,
        auto_host_sni=False,
        common_tls_context={"validation_context": validation, "alpn_protocols": protocols},
    )
    return {"name": "tls", "typed_config": config}
