"""The tokens of a stream, where the gateway wants to know them and its client did not ask.

Asked for on the way up, and taken out again on the way down: a last chunk without choices, and a `usage` of null in
every other (OpenAI's API reference, `stream_options.include_usage`).
"""

from __future__ import annotations

import orjson

from extproc.dialects.json_text import put, without
from extproc.dialects.sse import Event, encode

_OPTIONS = "stream_options"
_ASKED = b'{"stream_options":{"include_usage":true},'
_MEMBER = b'"usage"'
_NULL = b',"usage":null'


def with_usage(body: bytes) -> bytes:
    """A request for a stream, its usage asked for; every byte beside `stream_options` is the same."""
    if _OPTIONS.encode() not in body and b"\\u00" not in body:  # or the key may be spelled otherwise
        return body.replace(b"{", _ASKED, 1)
    value = orjson.loads(body)
    if _OPTIONS not in value:
        return body.replace(b"{", _ASKED, 1)
    options = value[_OPTIONS] if value[_OPTIONS] is not None else {}
    if not isinstance(options, dict):
        return body  # the provider will say what is wrong with it
    return put(body, (_OPTIONS,), orjson.dumps({**options, "include_usage": True}))


def without_null(event: Event) -> Event:
    """A chunk without its `usage`, which is there."""
    if event.data.count(_MEMBER) == 1 and _NULL in event.data:  # then this one is it, for in a string it has escapes
        data = event.data.replace(_NULL, b"", 1)
    else:
        data = without(event.data, "usage")
    if event.data in event.raw:
        return event._replace(data=data, raw=event.raw.replace(event.data, data, 1))
    return event._replace(data=data, raw=encode(event.name, data, event.id))


def gone(event: Event) -> Event:
    """What is left of the chunk that has nothing but usage."""
    return event._replace(data=b"", raw=b"")
