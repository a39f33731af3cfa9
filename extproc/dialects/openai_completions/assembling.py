"""A whole event stream put together as the JSON reply that it amounts to, and such a reply as a stream."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import orjson

from extproc.dialects import UnreadableReply
from extproc.dialects.openai_chat.assembling import as_events, chunks

_PADDING = frozenset({"choices", "usage", "obfuscation"})


def assemble(events: bytes) -> bytes:
    """The JSON reply. Raises UnreadableReply where a stream is cut off, or says what cannot be put together surely."""
    reply: dict[str, Any] = {}
    choices: dict[int, dict[str, Any]] = {}
    for chunk in chunks(events):
        reply.update({key: child for key, child in chunk.items() if key not in _PADDING and child is not None})
        if chunk.get("usage"):
            reply["usage"] = chunk["usage"]
        listed = chunk.get("choices") or []
        if not isinstance(listed, list):
            raise UnreadableReply("an event's choices are no list")
        for place, choice in enumerate(listed):
            _grow(choice, place, choices)
    reply["choices"] = [{**each, "text": "".join(each["text"])} for _, each in sorted(choices.items())]
    return orjson.dumps(reply)


def replay(body: bytes, *, wants_usage: bool) -> bytes:
    """A stored reply as the stream that a client asked for: what was said, the finish, usage if wanted."""
    reply = orjson.loads(body)
    head = {key: value for key, value in reply.items() if key not in ("choices", "usage")}
    pieces = (each for choice in reply["choices"] for each in _pieces(choice))
    return as_events(head, pieces, reply["usage"] if wants_usage else None)


def _grow(chunk: object, place: int, choices: dict[int, dict[str, Any]]) -> None:
    index = chunk.get("index", place) if isinstance(chunk, dict) else None
    if not isinstance(chunk, dict) or not isinstance(index, int) or not isinstance(chunk.get("text") or "", str):
        raise UnreadableReply("an event's choice is not what a chunk has")
    if chunk.get("logprobs") is not None:
        raise UnreadableReply("log probabilities are not put together")
    new = {"text": [], "index": index, "logprobs": None, "finish_reason": None}
    choice = choices.setdefault(index, new)
    choice["text"].append(chunk.get("text") or "")
    choice.update({key: child for key, child in chunk.items() if key not in ("text", "index") and child is not None})


def _pieces(choice: dict[str, Any]) -> Iterator[dict[str, Any]]:
    yield {**choice, "finish_reason": None}
    yield {**choice, "text": ""}
