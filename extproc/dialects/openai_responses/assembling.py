"""A whole event stream as the JSON reply that it amounts to: the response of its last event."""

from __future__ import annotations

from typing import Any

import orjson

from extproc.dialects import UnreadableReply, sse
from extproc.dialects.openai_responses.reader import TERMINAL

_DONE = b"[DONE]"


def assemble(events: bytes) -> bytes:
    """The JSON reply. Raises UnreadableReply where a stream is cut off, says an error, or goes on after its end."""
    framer = sse.Framer()
    response: object = None
    for event in (*framer.feed(events), *framer.close()):
        if not event.data or event.data == _DONE:
            continue
        if response is not None:
            raise UnreadableReply("the stream goes on after its end")
        value = _object(event.data)
        if value.get("type") in TERMINAL:
            response = value.get("response")
    if not isinstance(response, dict):
        raise UnreadableReply("the stream has no end")
    return orjson.dumps(response)


def _object(data: bytes) -> dict[str, Any]:
    try:
        value = orjson.loads(data)
    except orjson.JSONDecodeError as error:
        raise UnreadableReply(f"an event of the stream is not JSON: {error}") from error
    if not isinstance(value, dict) or not isinstance(value.get("type"), str) or value["type"] == "error":
        raise UnreadableReply("an event of the stream is an error, or no object with a type")
    return value
