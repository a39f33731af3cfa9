"""Every error that Envoy makes itself, in the shape that the client's SDK reads, with our request id.

Our own answers come first and are left alone: `local_reply_config` would rewrite their bodies too (trials, part A, 4).
RESPONSE_CODE_DETAILS never reaches a client: it can hold exception text. Each reply is marked for the recorder.
"""

from __future__ import annotations

from collections.abc import Callable

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
_CLIENT = ("invalid_request_error", "bad_request", "The request is not valid.")
_REST = ("server_error", "internal", "The gateway failed.")

ANTHROPIC = {
    401: "authentication_error",
    404: "not_found_error",
    413: "request_too_large",
    431: "invalid_request_error",
    502: "api_error",
    503: "overloaded_error",
    504: "timeout_error",
}
"""Anthropic's own types for these statuses; a test compares them with those that workers use."""

_SPEAKS_ANTHROPIC = "'anthropic-version' in request.headers || request.path.contains('/v1/messages')"
"""Asked of the request alone, because a worker that stands still says nothing. Every client of that API sends the
header, and a target's prefix stands before the path, if anywhere."""


def local_reply_config() -> Json:
    """Mappers in order: ours untouched, then Anthropic's and everybody's, each one per status, then what is left."""
    ours = {"filter": _cel("response.code_details.startsWith('kt_')")}
    return {"mappers": [ours, *_mappers(_anthropic, _cel(_SPEAKS_ANTHROPIC)), *_mappers(_openai)]}


_Shape = Callable[[int, str, str, str], Json]


def _mappers(shape: _Shape, *only: object) -> list[Json]:
    """A reply for each status that we know, for the client's other faults, and for the rest."""
    known = [_mapper([*only, _status("EQ", s, f"kt.{s}")], shape(s, *said)) for s, *said in _ERRORS]
    client = _mapper([*only, _status("GE", 400, "kt.400"), _status("LE", 499, "kt.4xx")], shape(400, *_CLIENT))
    return [*known, client, _mapper([*only, _status("GE", 500, "kt.5xx")], shape(500, *_REST))]


def _openai(status: int, kind: str, code: str, message: str) -> Json:
    return {"error": {"message": message, "type": kind, "param": None, "code": code}}


def _anthropic(status: int, kind: str, code: str, message: str) -> Json:
    own = ANTHROPIC.get(status, "api_error" if status >= 500 else "invalid_request_error")
    return {"type": "error", "error": {"type": own, "message": message, "code": code}}


def _mapper(filters: list[object], body: Json) -> Json:
    return {
        "filter": filters[0] if len(filters) == 1 else {"and_filter": {"filters": filters}},
        "headers_to_add": [_header(REQUEST_ID, "%REQ(X-REQUEST-ID)%"), _header(MARK, MARK_VALUE)],
        "body_format_override": {"json_format": body, "content_type": "application/json"},
    }


def _header(name: str, value: str) -> Json:
    return {"header": {"key": name, "value": value}, "append_action": "OVERWRITE_IF_EXISTS_OR_ADD"}


def _status(op: str, status: int, runtime_key: str) -> Json:
    comparison = {"op": op, "value": {"default_value": status, "runtime_key": runtime_key}}
    return {"status_code_filter": {"comparison": comparison}}


def _cel(expression: str) -> Json:
    config = any_of("extensions.access_loggers.filters.cel.v3.ExpressionFilter", expression=expression)
    return {"extension_filter": {"name": "cel", "typed_config": config}}
