"""OpenAI chat completions: whole, as chunks, and the calls of tools in both."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from extproc.conformance.check import Judge, Reply
from extproc.conformance.reading.whole import Json, answer, counted, member, objects, parsed, read, shown, stream
from extproc.conformance.sse import StreamEvent, events

_FINISHED = ("stop", "length", "tool_calls", "content_filter")


@dataclass(frozen=True, slots=True)
class Call:
    """A call of a tool, put together from its pieces."""

    id: str
    name: str
    arguments: str

    @property
    def item(self) -> Json:
        """As the next request repeats it."""
        function = {"name": self.name, "arguments": self.arguments}
        return {"id": self.id, "type": "function", "function": function}


def reply() -> Judge:
    """Judges a whole answer, of text or of calls."""
    return answer(_completion)


def chunks(*, usage: bool = False) -> Judge:
    """Judges a stream; with `usage`, that the tokens come before its end, as the request asked."""
    return stream(lambda found: _chunks(found, usage=usage))


def calls(*, prefix: str = "", streams: bool) -> Judge:
    """Judges that a tool is called, with whole arguments, and an id that begins with `prefix`."""
    well_formed = chunks() if streams else reply()

    def judged(found: Reply) -> str:
        if wrong := well_formed(found):
            return wrong
        called = streamed_calls(found) if streams else whole_calls(found)
        if not called:
            return "no tool was called, although the request demands it"
        return next((wrong for each in called if (wrong := _call(each, prefix))), "")

    return judged


def whole_calls(found: Reply) -> list[Call]:
    """The calls of a whole answer."""
    listed = objects(member(read(found), "choices", 0, "message", "tool_calls"))
    return [_made(each.get("id"), member(each, "function")) for each in listed]


def streamed_calls(found: Reply) -> list[Call]:
    """The calls of a stream: pieces with the same index are one."""
    made: dict[Any, Json] = {}
    for event in events(found.body):
        for piece in objects(member(parsed(event), "choices", 0, "delta", "tool_calls")):
            one = made.setdefault(str(piece.get("index")), {"id": None, "name": "", "arguments": ""})
            one["id"] = one["id"] or piece.get("id")
            for name in ("name", "arguments"):
                one[name] += str(member(piece, "function", name) or "")
    return [_made(one["id"], one) for one in made.values()]


def _made(name: Any, function: Any) -> Call:
    return Call(str(name or ""), str(member(function, "name") or ""), str(member(function, "arguments") or ""))


def _call(call: Call, prefix: str) -> str:
    if not call.id.startswith(prefix or call.id[:1] or "-"):
        return f"the id of a call is {shown(call.id)}" + (f", which does not begin with {prefix}" if prefix else "")
    if not call.name:
        return "a call does not say which tool"
    try:
        arguments = json.loads(call.arguments or "{}")
    except ValueError:
        return f"the arguments of a call are no JSON: {shown(call.arguments)}"
    return "" if arguments and isinstance(arguments, dict) else "the arguments of a call are lost: they are empty"


def _completion(value: Json) -> str:
    if value.get("object") != "chat.completion":
        return f'object is not "chat.completion": {shown(str(value.get("object")))}'
    message = member(value, "choices", 0, "message")
    if member(message, "role") != "assistant":
        return "choices[0].message is not the assistant's"
    if not isinstance(member(message, "content"), str) and not objects(member(message, "tool_calls")):
        return "choices[0].message has neither content nor tool_calls"
    if member(value, "choices", 0, "finish_reason") not in _FINISHED:
        return f"choices[0].finish_reason is not one of {', '.join(_FINISHED)}"
    return "" if counted(member(value, "usage", "total_tokens")) else "usage.total_tokens is missing"


def _chunks(found: list[StreamEvent], *, usage: bool) -> str:
    if not found or found[-1].data != "[DONE]":
        return "the stream does not end with data: [DONE]"
    values = [parsed(event) for event in found[:-1]]
    wrongs = (_chunk(value, event) for value, event in zip(values, found, strict=False))
    if wrong := next(filter(None, wrongs), ""):
        return wrong
    finished = [reason for value in values if (reason := member(value, "choices", 0, "finish_reason"))]
    if len(finished) != 1 or finished[0] not in _FINISHED:
        return f"finish_reason is said {len(finished)} times, not once, or is not one of {', '.join(_FINISHED)}"
    if usage and not any(counted(member(value, "usage", "total_tokens")) for value in values):
        return "no chunk has the usage that stream_options.include_usage asked for"
    return ""


def _chunk(value: Json, event: StreamEvent) -> str:
    if "error" in value:
        return f"the stream holds an error: {shown(event.data)}"
    if value.get("object") != "chat.completion.chunk":
        return f"an event is no chat.completion.chunk: {shown(event.data)}"
    return "" if isinstance(value.get("choices"), list) else "a chunk has no choices"
