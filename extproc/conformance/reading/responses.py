"""OpenAI Responses: whole, as typed events, and the calls of tools in both."""

from __future__ import annotations

import json
from typing import Any

from extproc.conformance.check import Judge, Reply
from extproc.conformance.reading.whole import Json, answer, counted, member, objects, parsed, read, shown, stream
from extproc.conformance.sse import StreamEvent, events


def response(**repeated: Any) -> Judge:
    """Judges a whole response, and that it repeats these members of its request unchanged."""

    def judged(value: Json) -> str:
        if wrong := _response(value):
            return wrong
        changed = [name for name, wanted in repeated.items() if value.get(name) != wanted]
        return f"{changed[0]} was sent and is not said again unchanged" if changed else ""

    return answer(judged)


def typed_events() -> Judge:
    """Judges a stream: its names, numbers and order, and that it is completed."""
    return stream(_events)


def calls() -> Judge:
    """Judges that a stream calls a function, with whole arguments."""
    well_formed = typed_events()

    def judged(found: Reply) -> str:
        if wrong := well_formed(found):
            return wrong
        called = called_in(found)
        if not called:
            return "no function was called, although the request asks for it"
        return next((wrong for each in called if (wrong := _call(each))), "")

    return judged


def called_in(found: Reply) -> list[Json]:
    """The calls of a stream, as its finished items say them: Codex goes by those."""
    done = (value for value in map(parsed, events(found.body)) if value.get("type") == "response.output_item.done")
    return [item for value in done if (item := value.get("item")) and member(item, "type") == "function_call"]


def completed(found: Reply) -> Json:
    """The response at the end of a stream."""
    ends = [value for value in map(parsed, events(found.body)) if value.get("type") == "response.completed"]
    return member(ends[-1], "response") or {} if ends else read(found)


def _call(item: Json) -> str:
    if not isinstance(item.get("call_id"), str) or not isinstance(item.get("name"), str):
        return "a call has no call_id or no name"
    try:
        arguments = json.loads(str(item.get("arguments") or "{}"))
    except ValueError:
        return f"the arguments of a call are no JSON: {shown(str(item.get('arguments')))}"
    return "" if arguments and isinstance(arguments, dict) else "the arguments of a call are lost: they are empty"


def _response(value: Json) -> str:
    if value.get("object") != "response" or value.get("status") != "completed":
        return "the reply is no response that is completed"
    if not objects(value.get("output")):
        return "output has no item"
    right = counted(member(value, "usage", "input_tokens")) and counted(member(value, "usage", "output_tokens"))
    return "" if right else "usage has no input_tokens or no output_tokens"


def _events(found: list[StreamEvent]) -> str:
    if found and found[-1].data == "[DONE]":  # some gateways end every stream so; Codex and the SDKs have left by then
        found = found[:-1]
    values = [parsed(event) for event in found]
    if wrong := next((event for event, value in zip(found, values, strict=True) if _misnamed(event, value)), None):
        return f"an event is not named as its type: {shown(wrong.name)}, {shown(wrong.data)}"
    if not values or values[0].get("type") != "response.created":
        return "the stream does not begin with response.created"
    if failed := next((event for event in found if event.name in ("error", "response.failed")), None):
        return f"the stream holds an error: {shown(failed.data)}"
    numbers = [each for value in values if isinstance(each := value.get("sequence_number"), int)]
    if len(numbers) < len(values) or numbers != sorted(numbers):
        return "sequence_number is missing, or goes back"
    if values[-1].get("type") != "response.completed":
        return "the stream does not end with response.completed"
    return _texts(values) or _response(values[-1].get("response") or {})


def _misnamed(event: StreamEvent, value: Json) -> bool:
    return not isinstance(value.get("type"), str) or event.name not in ("", value["type"])


def _texts(values: list[Json]) -> str:
    """What is said in pieces is what is said again whole."""
    pieces: dict[str, str] = {}
    for value in values:
        stem, _, end = str(value["type"]).rpartition(".")
        at = f"{stem} {value.get('item_id')} {value.get('content_index')}"
        if end == "delta" and isinstance(value.get("delta"), str):
            pieces[at] = pieces.get(at, "") + value["delta"]
        elif (
            end == "done"
            and at in pieces
            and pieces[at] not in (value.get("text"), value.get("arguments"), value.get("input"))
        ):
            return f"{stem}.done does not say what its deltas said"
    return ""
