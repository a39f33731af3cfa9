"""Errors and refusals in the shape that Anthropic's SDKs read."""

from __future__ import annotations

import orjson

from extproc.model import ClientError

_KINDS = {
    400: "invalid_request_error",
    401: "authentication_error",
    403: "permission_error",
    404: "not_found_error",
    413: "request_too_large",
    429: "rate_limit_error",
    503: "overloaded_error",
    504: "timeout_error",
}
"""The API's own words for a status (docs.anthropic.com, Errors); a status that it does not have is the caller's below
500, and `api_error` from there on."""


def kind_of(status: int) -> str:
    """The error type that a client of this API expects with a status."""
    return _KINDS.get(status, "api_error" if status >= 500 else "invalid_request_error")


def error(status: int, message: str, kind: str, code: str) -> bytes:
    """An error. The type follows from the status; `kind` is of other APIs' words, and `code` stands beside."""
    return _shaped({"type": kind_of(status), "message": message, "code": code})


def block(policy: str, message: str, code: str) -> bytes:
    """A policy's refusal: as for other APIs (keeptrusts-config.md, 3.40), in this one's envelope."""
    return _shaped({"type": "policy_violation", "message": message, "policy": policy, "code": code})


def wrong(where: str, expected: str, found: object) -> ClientError:
    """A member of the wrong type. What was found is told by its type alone: it may be anybody's words."""
    return ClientError(f"{where}: expected {expected}, found {_name(found)}.", status=422, reason="invalid_type")


def _name(found: object) -> str:
    return {"NoneType": "null", "dict": "an object", "list": "a list", "str": "a string", "bool": "a boolean"}.get(
        type(found).__name__, "a number"
    )


def _shaped(said: dict[str, str]) -> bytes:
    return orjson.dumps({"type": "error", "error": said})
