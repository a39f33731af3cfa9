"""Anthropic messages: whole, as named events, the calls of tools in both, and counts of tokens."""

from __future__ import annotations

import json

from extproc.conformance.check import Judge, Reply
from extproc.conformance.reading.whole import Json, answer, counted, member, objects, parsed, read, shown, stream
from extproc.conformance.sse import StreamEvent, events


def message() -> Judge:
    """Judges a whole message."""
    return answer(_message)


def named_events() -> Judge:
    """Judges a stream: its order, its names, and the usage at both ends."""
    return stream(_events)


def count() -> Judge:
    """Judges a count of tokens."""
    return answer(lambda value: "" if counted(value.get("input_tokens")) else "input_tokens is missing")


def uses(*, streams: bool) -> Judge:
    """Judges that a tool is used, with whole input."""
    well_formed = named_events() if streams else message()

    def judged(found: Reply) -> str:
        if wrong := well_formed(found):
            return wrong
        used = [each for each in blocks(found, streams=streams) if each.get("type") == "tool_use"]
        if not used:
            return "no tool was used, although the request demands it"
        return next((wrong for each in used if (wrong := _use(each))), "")

    return judged


def blocks(found: Reply, *, streams: bool) -> list[Json]:
    """The content of an answer, put together as a client does; input that is no JSON is lost."""
    if not streams:
        return objects(read(found).get("content"))
    made: dict[str, Json] = {}
    said: dict[str, str] = {}
    for value in map(parsed, events(found.body)):
        at, delta = str(value.get("index")), value.get("delta")
        if value.get("type") == "content_block_start":
            made[at] = dict(member(value, "content_block") or {})
        elif value.get("type") == "content_block_delta" and at in made:
            said[at] = said.get(at, "") + str(member(delta, "partial_json") or member(delta, "text") or "")
    return [_filled(block, said.get(at, "")) for at, block in made.items()]


def _filled(block: Json, said: str) -> Json:
    if block.get("type") != "tool_use":
        return {**block, "text": said}
    try:
        return {**block, "input": json.loads(said)} if said else block
    except ValueError:
        return {**block, "input": {}}


def _use(block: Json) -> str:
    if not isinstance(block.get("id"), str) or not isinstance(block.get("name"), str):
        return "a use of a tool has no id or no name"
    given = block.get("input")
    return "" if given and isinstance(given, dict) else "the input of a tool is lost: it is empty, or no JSON"


def _message(value: Json) -> str:
    if value.get("type") != "message" or value.get("role") != "assistant":
        return "the reply is no message of the assistant's"
    if not objects(value.get("content")):
        return "content has no block"
    if not isinstance(value.get("stop_reason"), str):
        return "stop_reason is missing"
    right = counted(member(value, "usage", "input_tokens")) and counted(member(value, "usage", "output_tokens"))
    return "" if right else "usage has no input_tokens or no output_tokens"


def _events(found: list[StreamEvent]) -> str:
    values = [parsed(event) for event in found]
    if wrong := next(
        (event for event, value in zip(found, values, strict=True) if event.name != value.get("type")), None
    ):
        return f"an event is not named as its type: {shown(wrong.name)}, {shown(wrong.data)}"
    if failed := next((event for event in found if event.name == "error"), None):
        return f"the stream holds an error: {shown(failed.data)}"
    told = [value for value in values if value["type"] != "ping"]
    if not told or told[0]["type"] != "message_start":
        return "the stream does not begin with message_start"
    if not counted(member(told[0], "message", "usage", "input_tokens")):
        return "message_start has no usage.input_tokens"
    if told[-1]["type"] != "message_stop":
        return "the stream does not end with message_stop"
    return _blocks(told) or _ending(told)


def _blocks(told: list[Json]) -> str:
    """Blocks come one after another: started, told, stopped."""
    opened: object = None
    for value in told:
        kind, at = value["type"], value.get("index")
        if kind == "content_block_start":
            if opened is not None:
                return "a block starts before the last one stopped"
            opened = at
        elif kind in ("content_block_delta", "content_block_stop"):
            if at is None or at != opened:
                return f"{kind} is of a block that is not open"
            opened = None if kind == "content_block_stop" else opened
    return "" if opened is None else "a block is not stopped"


def _ending(told: list[Json]) -> str:
    ends = [value for value in told if value["type"] == "message_delta"]
    if not any(isinstance(member(value, "delta", "stop_reason"), str) for value in ends):
        return "no message_delta has a stop_reason"
    return "" if counted(member(ends[-1], "usage", "output_tokens")) else "message_delta has no usage.output_tokens"
