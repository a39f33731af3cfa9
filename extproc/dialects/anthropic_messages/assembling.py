"""A whole event stream put together as the message that it amounts to, and such a message as a stream."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import orjson

from extproc.dialects import UnreadableReply, sse

_GROWING = {"text_delta": "text", "thinking_delta": "thinking", "signature_delta": "signature"}


def assemble(events: bytes) -> bytes:
    """The JSON reply. Raises UnreadableReply where a stream is cut off, or says what cannot be put together surely."""
    message = _Message()
    framer = sse.Framer()
    for event in (*framer.feed(events), *framer.close()):
        if event.data:
            message.take(_object(event.data))
    return message.whole()


def replay(body: bytes, *, wants_usage: bool) -> bytes:
    """A stored message as the stream that a client asked for; this API's streams always tell their usage."""
    return b"".join(sse.encode(each["type"], orjson.dumps(each)) for each in _events(orjson.loads(body)))


class _Message:
    """A message while it is put together."""

    def __init__(self) -> None:
        self._head: dict[str, Any] = {}
        self._blocks: list[dict[str, Any]] = []
        self._pieces: dict[tuple[int, str], list[str]] = {}
        self._done = False

    def take(self, value: dict[str, Any]) -> None:
        kind = value.get("type")
        if self._done or (not self._head and kind not in ("message_start", "ping")):
            raise UnreadableReply("an event of the stream stands where none may")
        match kind:
            case "message_start" if not self._head and isinstance(value.get("message"), dict):
                self._head = dict(value["message"])
            case "content_block_start" if value.get("index") == len(self._blocks):
                self._blocks.append(dict(_member(value, "content_block")))
            case "content_block_delta":
                self._grow(value.get("index"), _member(value, "delta"))
            case "message_delta":
                self._end(value)
            case "message_stop":
                self._done = True
            case "content_block_stop" | "ping":
                pass
            case _:  # another one's event, an error: what it does to a message is not known here
                raise UnreadableReply("an event of the stream is not put together")

    def whole(self) -> bytes:
        if not self._done:
            raise UnreadableReply("the stream has no message_stop")
        for (index, name), pieces in self._pieces.items():
            block = self._blocks[index]
            block[name] = "".join((block.get(name) or "", *pieces))
        return orjson.dumps({**self._head, "content": self._blocks})

    def _end(self, value: dict[str, Any]) -> None:
        beside = {name: each for name, each in value.items() if name not in ("type", "delta", "usage")}
        counts = {name: each for name, each in _member(value, "usage").items() if each is not None}
        usage = {**_member(self._head, "usage"), **counts}
        self._head |= {**beside, **_member(value, "delta"), "usage": usage}

    def _grow(self, index: object, delta: dict[str, Any]) -> None:
        if not isinstance(index, int) or index != len(self._blocks) - 1:
            raise UnreadableReply("a delta is not of the block that was begun last")
        kind = delta.get("type")
        if kind == "citations_delta" and "citation" in delta:
            block = self._blocks[index]
            block["citations"] = [*(block.get("citations") or ()), delta["citation"]]
            return
        name = _GROWING.get(kind) if isinstance(kind, str) else None
        piece = delta.get(name) if name else None
        if name is None or not isinstance(piece, str) or not delta.keys() <= {"type", name}:
            raise UnreadableReply("a delta is not put together")
        self._pieces.setdefault((index, name), []).append(piece)


def _object(data: bytes) -> dict[str, Any]:
    try:
        value = orjson.loads(data)
    except orjson.JSONDecodeError as error:
        raise UnreadableReply(f"an event of the stream is not JSON: {error}") from error
    if not isinstance(value, dict):
        raise UnreadableReply("an event of the stream is no object")
    return value


def _member(value: dict[str, Any], name: str) -> dict[str, Any]:
    found = value.get(name)
    if not isinstance(found, dict):
        raise UnreadableReply(f"an event of the stream has no {name}")
    return found


def _events(message: dict[str, Any]) -> Iterator[dict[str, Any]]:
    ending = {name: message.get(name) for name in ("stop_reason", "stop_sequence")}
    usage = message.get("usage") or {}
    opened = {**message, "content": [], **dict.fromkeys(ending), "usage": {**usage, "output_tokens": 0}}
    yield {"type": "message_start", "message": opened}
    for index, block in enumerate(message["content"]):
        empty = {name: "" for name in ("text", "thinking", "signature") if name in block}
        started = {**block, **empty, **({"citations": []} if block.get("citations") else {})}
        yield {"type": "content_block_start", "index": index, "content_block": started}
        for delta in _deltas(block):
            yield {"type": "content_block_delta", "index": index, "delta": delta}
        yield {"type": "content_block_stop", "index": index}
    yield {"type": "message_delta", "delta": ending, "usage": usage}
    yield {"type": "message_stop"}


def _deltas(block: dict[str, Any]) -> Iterator[dict[str, Any]]:
    for kind, name in _GROWING.items():
        if block.get(name):
            yield {"type": kind, name: block[name]}
    yield from ({"type": "citations_delta", "citation": each} for each in block.get("citations") or ())
