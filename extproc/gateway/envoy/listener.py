"""The listener: TLS, HTTP/1.0 to 2, hardening, the policy filter, the edge log.

A change of the listener cuts every stream that is still open after --drain-time-s (trial B1), so what a reload may
change stands elsewhere: the policy filter in a file of its own (ECDS), body limits and idle times at the route.
`trusted_hops` alone has no other place.
"""

from __future__ import annotations

from extproc.gateway.envoy import cors, heavy, routes
from extproc.gateway.envoy.local_replies import local_reply_config
from extproc.gateway.envoy.recorder import recorder
from extproc.gateway.envoy.settings import EnvoySettings, Json, any_of, seconds

HTTP = "extensions.filters.network.http_connection_manager.v3.HttpConnectionManager"
EXT_PROC = "extensions.filters.http.ext_proc.v3.ExternalProcessor"
EDGE_FIELDS: Json = {
    "k": "edge",
    "id": "%REQ(X-REQUEST-ID)%",
    "at": "%START_TIME(%s.%3f)%",
    "status": "%RESPONSE_CODE%",
    "details": "%RESPONSE_CODE_DETAILS%",
    "flags": "%RESPONSE_FLAGS%",
    "attempts": "%UPSTREAM_REQUEST_ATTEMPT_COUNT%",
    "duration_ms": "%DURATION%",
    "bytes_in": "%BYTES_RECEIVED%",
    "bytes_out": "%BYTES_SENT%",
    "method": "%REQ(:METHOD)%",
    "path": "%PATH(NQ:ORIG_OR_PATH)%",
    "client": "%DOWNSTREAM_REMOTE_ADDRESS_WITHOUT_PORT%",
    "authority": "%REQ(:AUTHORITY)%",
    "upstream_cluster": "%UPSTREAM_CLUSTER%",
}
ATTEMPT_FIELDS: Json = {
    "k": "attempt",
    "id": "%REQ(X-REQUEST-ID)%",
    "cluster": "%UPSTREAM_CLUSTER%",
    "status": "%RESPONSE_CODE%",
    "flags": "%RESPONSE_FLAGS%",
    "duration_ms": "%DURATION%",
    "failure": "%UPSTREAM_TRANSPORT_FAILURE_REASON%",
}


def listener(settings: EnvoySettings) -> Json:
    """One address, one filter chain."""
    chain: Json = {"filters": [{"name": "http", "typed_config": _http(settings)}]}
    if settings.tls:
        chain["transport_socket"] = _tls(settings)
    return any_of(
        "config.listener.v3.Listener",
        name="gateway",
        address={"socket_address": {"address": settings.host, "port_value": settings.port}},
        filter_chains=[chain],
    )


def _tls(settings: EnvoySettings) -> Json:
    sds = {"name": "certificate", "sds_config": settings.watched("certificate.json")}
    common = {"alpn_protocols": ["h2", "http/1.1"], "tls_certificate_sds_secret_configs": [sds]}
    config = any_of("extensions.transport_sockets.tls.v3.DownstreamTlsContext", common_tls_context=common)
    return {"name": "tls", "typed_config": config}


def _http(settings: EnvoySettings) -> Json:
    return any_of(
        HTTP,
        stat_prefix="gateway",
        codec_type="AUTO",
        server_name="keeptrusts",
        rds={"route_config_name": routes.NAME, "config_source": settings.watched("rds.json")},
        http_protocol_options={"accept_http_10": True},  # nginx before the gateway speaks it by default
        http2_protocol_options={
            "initial_stream_window_size": 1 << 20,  # or HTTP/2 would accept 16 MiB whatever the limit (trial B2)
            "initial_connection_window_size": 16 << 20,
        },
        use_remote_address=True,
        xff_num_trusted_hops=settings.limits.trusted_hops,
        normalize_path=True,
        merge_slashes=True,
        path_with_escaped_slashes_action="REJECT_REQUEST",
        common_http_protocol_options={"headers_with_underscores_action": "DROP_HEADER"},
        always_set_request_id_in_response=False,
        preserve_external_request_id=False,
        stream_idle_timeout="330s",  # until a route is found, which brings its own
        request_headers_timeout="30s",
        delayed_close_timeout="0.1s",
        early_header_mutation_extensions=[_strip_internal()],
        local_reply_config=local_reply_config(),
        access_log=[_file_log(settings, EDGE_FIELDS)],
        http_filters=[
            recorder(settings.edge_log),
            cors.answering(),
            _ready(),
            _watched_policy(settings),
            _router(settings),
        ],
    )


def _strip_internal() -> Json:
    """Clients cannot speak for us: gone before ext_proc sees the headers (trial B6: later is too late)."""
    removals = [
        {"remove_on_match": {"key_matcher": {"prefix": prefix}}} for prefix in ("x-kt-", "x-keeptrusts-request")
    ]
    config = any_of("extensions.http.early_header_mutation.header_mutation.v3.HeaderMutation", mutations=removals)
    return {"name": "envoy.http.early_header_mutation.header_mutation", "typed_config": config}


def _ready() -> Json:
    """503 until a worker passed its self-test, and while the gateway drains."""
    path = {"name": ":path", "string_match": {"exact": "/readyz"}}
    config = any_of(
        "extensions.filters.http.health_check.v3.HealthCheck",
        pass_through_mode=False,
        headers=[path],
        cluster_min_healthy_percentages={"workers": {"value": 1}},
    )
    return {"name": "ready", "typed_config": config}


def _watched_policy(settings: EnvoySettings) -> Json:
    discovery = {"config_source": settings.watched("ecds.json"), "type_urls": [f"type.googleapis.com/envoy.{EXT_PROC}"]}
    return {"name": "policy", "config_discovery": discovery}


def policy(settings: EnvoySettings) -> Json:
    """Fail closed: no failure_mode_allow, 503 when no worker answers (a timer that fires is always a 504)."""
    config = any_of(
        EXT_PROC,
        grpc_service=heavy.grpc_service("workers"),
        processing_mode={
            "request_header_mode": "SEND",
            "request_body_mode": "BUFFERED",
            "response_header_mode": "SEND",
            "response_body_mode": "BUFFERED",  # static: an override from NONE hangs on large bodies (trial B2)
            "request_trailer_mode": "SKIP",
            "response_trailer_mode": "SKIP",
        },
        allow_mode_override=True,
        failure_mode_allow=False,
        status_on_error={"code": "ServiceUnavailable"},
        message_timeout=seconds(max(40.0, settings.limits.policy_timeout_seconds + settings.cache_wait + 5)),
        mutation_rules={"allow_envoy": True},  # x-envoy-max-retries (trial A2)
        metadata_options={"receiving_namespaces": {"untyped": ["kt.log"], "typed": ["kt.route"]}},
    )
    return any_of("config.core.v3.TypedExtensionConfig", name="policy", typed_config=config)


def _router(settings: EnvoySettings) -> Json:
    config = any_of(
        "extensions.filters.http.router.v3.Router",
        suppress_envoy_headers=True,
        upstream_log=[_file_log(settings, ATTEMPT_FIELDS)],
    )
    return {"name": "router", "typed_config": config}


def _file_log(settings: EnvoySettings, fields: Json) -> Json:
    config = any_of(
        "extensions.access_loggers.file.v3.FileAccessLog",
        path=str(settings.edge_log),
        log_format={"json_format": fields},
    )
    return {"name": "edge", "typed_config": config}
