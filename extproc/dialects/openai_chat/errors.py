"""Errors and refusals in the shape that OpenAI's SDKs read."""

from __future__ import annotations

import orjson


def error(status: int, message: str, kind: str, code: str) -> bytes:
    """An error. `status` goes into the HTTP status, not the body."""
    return orjson.dumps({"error": {"message": message, "type": kind, "param": None, "code": code}})


def block(policy: str, message: str, code: str) -> bytes:
    """A policy's refusal (keeptrusts-config.md, 3.40)."""
    return orjson.dumps({"error": {"type": "policy_violation", "message": message, "policy": policy, "code": code}})
