"""Every error that Envoy makes itself, in the shape that the client's SDK reads, with our request id.

Our own answers come first and are left alone: `local_reply_config` would rewrite their bodies too (trials, part A, 4).
RESPONSE_CODE_DETAILS never reaches a client: it can hold exception text. Each reply is marked for the recorder.
"""

from __future__ import annotations

from extproc.gateway.envoy.recorder import MARK, MARK_VALUE
from extproc.gateway.envoy.settings import Json, any_of
from extproc.model import REQUEST_ID

_ERRORS = (
    (401, "authentication_error", "provider_unauthenticated", "The gateway holds no credential for this provider."),
    (404, "invalid_request_error", "unknown_url", "Unknown request URL."),
    (413, "invalid_request_error", "request_too_large", "The request body is larger than this gateway accepts."),
    (431, "invalid_request_error", "headers_too_large", "The request headers are larger than this gateway accepts."),
    (502, "upstream_error", "upstream_protocol_error", "The provider broke off its reply."),
    (503, "upstream_error", "unavailable", "The provider or the gateway's policy engine cannot be reached."),
    (504, "upstream_error", "timeout", "The provider or the gateway's policy engine did not answer in time."),
)


def local_reply_config() -> Json:
    """Mappers in order: ours untouched, then one per status, then whatever is left."""
    ours = {"filter": _cel("response.code_details.startsWith('kt_')")}
    known = [_mapper(_status("EQ", s, f"kt.{s}"), kind, code, message) for s, kind, code, message in _ERRORS]
    client = _mapper(_status("LE", 499, "kt.4xx"), "invalid_request_error", "bad_request", "The request is not valid.")
    rest = _mapper(_status("GE", 500, "kt.5xx"), "server_error", "internal", "The gateway failed.")
    return {"mappers": [ours, *known, {**client, "filter": _both(client["filter"])}, rest]}


def _mapper(match: object, kind: str, code: str, message: str) -> Json:
    return {
        "filter": match,
        "headers_to_add": [_header(REQUEST_ID, "%REQ(X-REQUEST-ID)%"), _header(MARK, MARK_VALUE)],
        "body_format_override": {
            "json_format": {"error": {"message": message, "type": kind, "param": None, "code": code}},
            "content_type": "application/json",
        },
    }


def _header(name: str, value: str) -> Json:
    return {"header": {"key": name, "value": value}, "append_action": "OVERWRITE_IF_EXISTS_OR_ADD"}


def _both(upper: object) -> Json:
    return {"and_filter": {"filters": [_status("GE", 400, "kt.400"), upper]}}


def _status(op: str, status: int, runtime_key: str) -> Json:
    comparison = {"op": op, "value": {"default_value": status, "runtime_key": runtime_key}}
    return {"status_code_filter": {"comparison": comparison}}


def _cel(expression: str) -> Json:
    config = any_of("extensions.access_loggers.filters.cel.v3.ExpressionFilter", expression=expression)
    return {"extension_filter": {"name": "cel", "typed_config": config}}
