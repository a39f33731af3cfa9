"""What the requests to every OpenAI endpoint have in common, checked. What is wrong is a 422 that names the place."""

from __future__ import annotations

import json
from typing import Any

from extproc.dialects.json_text import parse
from extproc.dialects.openai_chat.replies import string
from extproc.model import ClientError


def parsed(body: bytes, *, max_depth: int) -> dict[str, Any]:
    """The members of a body. Raises ClientError: 400 for what is no JSON, 422 for no object."""
    value = parse(body, max_depth=max_depth)
    if not isinstance(value, dict):
        raise wrong("The body", "an object", value)
    return value


def model(value: dict[str, Any]) -> str:
    """The model that is asked for."""
    found: str = member(value, "model", str)
    if string(found) != found:
        raise ClientError("model: expected characters, found half a surrogate pair.", status=422, reason="invalid_type")
    return found


def streams(value: dict[str, Any]) -> bool:
    """Whether the reply is to come as events."""
    stream = value.get("stream")
    if stream not in (True, False, None):
        raise wrong("stream", "true or false", stream)
    return bool(stream)


def wants_usage(value: dict[str, Any]) -> bool:
    """Whether a stream is to end with the tokens that it took."""
    options = value.get("stream_options")
    return isinstance(options, dict) and options.get("include_usage") is True


def member(value: dict[str, Any], key: str, kind: type) -> Any:
    """A member that must be there, a string or a list."""
    found = value.get(key)
    if not isinstance(found, kind):
        raise wrong(key, "a string" if kind is str else "a list", found)
    return found


def wrong(where: str, expected: str, found: object) -> ClientError:
    """The refusal of something of another type."""
    shown = json.dumps(found)[:40] if isinstance(found, str | int | float | bool | None) else type(found).__name__
    return ClientError(f"{where}: expected {expected}, found {shown}.", status=422, reason="invalid_type")
