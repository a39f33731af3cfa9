"""A whole event stream put together as the JSON reply that it amounts to, and such a reply as a stream."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

import orjson

from extproc.dialects import UnreadableReply, sse

_GROWING = ("content", "refusal", "reasoning_content", "reasoning")
_DONE = b"[DONE]"
_PADDING = frozenset({"choices", "object", "usage", "obfuscation"})


def assemble(events: bytes) -> bytes:
    """The JSON reply. Raises UnreadableReply where a stream is cut off, or says what cannot be put together surely."""
    reply: dict[str, Any] = {}
    choices: dict[int, dict[str, Any]] = {}
    for chunk in chunks(events):
        _take(chunk, reply, choices)
    reply["choices"] = [_choice(index, choices[index]) for index in sorted(choices)]
    return orjson.dumps(reply)


def chunks(events: bytes) -> Iterator[dict[str, Any]]:
    """What the events of a whole stream hold. Raises UnreadableReply where it is cut off, or goes on after its end."""
    framer = sse.Framer()
    done = False
    for event in (*framer.feed(events), *framer.close()):
        if not event.data:
            continue
        if done:
            raise UnreadableReply("the stream goes on after [DONE]")
        if event.data == _DONE:
            done = True
            continue
        yield _object(event.data)
    if not done:
        raise UnreadableReply("the stream has no [DONE]")


def replay(body: bytes, *, wants_usage: bool) -> bytes:
    """A stored reply as the stream that a client asked for: a role, what was said, the finish, usage if wanted."""
    reply = orjson.loads(body)
    head = {key: value for key, value in reply.items() if key not in ("choices", "usage", "object")}
    head["object"] = "chat.completion.chunk"
    deltas = (each for choice in reply["choices"] for each in _deltas(choice))
    return as_events(head, deltas, reply["usage"] if wants_usage else None)


def as_events(head: dict[str, Any], choices: Iterable[dict[str, Any]], usage: dict[str, Any] | None) -> bytes:
    """A stream of these choices, one a chunk, with usage behind them where it is wanted."""
    beside: dict[str, Any] = {} if usage is None else {"usage": None}
    data = [orjson.dumps({**head, "choices": [choice], **beside}) for choice in choices]
    if usage is not None:
        data.append(orjson.dumps({**head, "choices": [], "usage": usage}))
    return b"".join(sse.encode("", each) for each in (*data, _DONE))


def _object(data: bytes) -> dict[str, Any]:
    try:
        value = orjson.loads(data)
    except orjson.JSONDecodeError as error:
        raise UnreadableReply(f"an event of the stream is not JSON: {error}") from error
    if not isinstance(value, dict) or value.get("error"):
        raise UnreadableReply("an event of the stream is an error, or no object")
    return value


def _take(value: dict[str, Any], reply: dict[str, Any], choices: dict[int, dict[str, Any]]) -> None:
    if not reply:
        reply["object"] = "chat.completion"
    reply.update({key: child for key, child in value.items() if key not in _PADDING and child is not None})
    if value.get("usage"):
        reply["usage"] = value["usage"]
    listed = value.get("choices") or []
    if not isinstance(listed, list):
        raise UnreadableReply("an event's choices are no list")
    for place, chunk in enumerate(listed):
        index = chunk.get("index", place) if isinstance(chunk, dict) else None
        if not isinstance(index, int) or not isinstance(chunk.get("delta") or {}, dict):
            raise UnreadableReply("an event's choice is not what a chunk has")
        _grow(chunk, choices.setdefault(index, {"message": {}, "rest": {}}))


def _grow(chunk: dict[str, Any], choice: dict[str, Any]) -> None:
    rest = {key: child for key, child in chunk.items() if key not in ("index", "delta") and child is not None}
    choice["rest"].update(rest)
    message = choice["message"]
    for key, child in (chunk.get("delta") or {}).items():
        if child is None or child in ("", []):
            continue
        if key in _GROWING and isinstance(child, str):
            message.setdefault(key, []).append(child)
        elif key == "role":
            message[key] = child
        elif key == "annotations" and isinstance(child, list):
            message.setdefault(key, []).extend(child)
        else:  # another one's text, a tool's call: how its pieces belong together is not known here
            raise UnreadableReply(f"a delta has {key!r}, which is not put together")


def _choice(index: int, choice: dict[str, Any]) -> dict[str, Any]:
    message = {key: "".join(value) if key in _GROWING else value for key, value in choice["message"].items()}
    message = {"role": "assistant", "content": None, **message}
    return {"index": index, "message": message, "finish_reason": None, **choice["rest"]}


def _deltas(choice: dict[str, Any]) -> Iterator[dict[str, Any]]:
    index, message = choice.get("index", 0), choice["message"]
    said = {key: value for key, value in message.items() if key != "role" and value is not None}
    first = {"role": message.get("role", "assistant"), "content": ""}
    yield {"index": index, "delta": first, "finish_reason": None}
    for key in sorted(said, key=lambda name: name == "content"):  # reasoning comes before what it leads to
        yield {"index": index, "delta": {key: said[key]}, "finish_reason": None}
    ending = {key: value for key, value in choice.items() if key not in ("index", "message", "logprobs")}
    yield {"index": index, "delta": {}, "finish_reason": None, **ending}  # with what only one provider has
