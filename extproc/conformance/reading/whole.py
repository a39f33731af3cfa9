"""What holds for every reply: its status, its type, that it is whole, that it is JSON."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from extproc.conformance.check import Judge, Reply
from extproc.conformance.sse import StreamEvent, events

Json = dict[str, Any]

LONGEST = 100
"""Bytes or characters of what a gateway sent, in a sentence about it."""


def read(reply: Reply) -> Json:
    """A JSON object that was judged before; of anything else an empty one."""
    try:
        found = json.loads(reply.body)
    except (ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}


def answer(judge: Callable[[Json], str]) -> Judge:
    """Judges the object of a 200 in JSON."""

    def judged(reply: Reply) -> str:
        if wrong := _head(reply, 200, "application/json"):
            return wrong
        value = read(reply)
        return judge(value) if value else f"the body is no JSON object: {shown(reply.body)}"

    return judged


def stream(judge: Callable[[list[StreamEvent]], str]) -> Judge:
    """Judges the events of a 200 that streams."""

    def judged(reply: Reply) -> str:
        if wrong := _head(reply, 200, "text/event-stream"):
            return wrong
        return judge(list(events(reply.body))) or (f"the stream broke off: {reply.cut}" if reply.cut else "")

    return judged


def member(value: Any, *path: str | int) -> Any:
    """What stands at a path; None where the path leads nowhere."""
    for step in path:
        if isinstance(value, dict) and isinstance(step, str):
            value = value.get(step)
        elif isinstance(value, list) and isinstance(step, int) and -len(value) <= step < len(value):
            value = value[step]
        else:
            return None
    return value


def objects(value: Any) -> list[Json]:
    """The objects of a list; of anything else none."""
    return [each for each in value if isinstance(each, dict)] if isinstance(value, list) else []


def parsed(event: StreamEvent) -> Json:
    """An event's object; of anything else an empty one."""
    return read(Reply(200, {}, event.data.encode()))


def counted(value: Any) -> bool:
    """Whether it is a number of tokens."""
    return isinstance(value, int) and not isinstance(value, bool) and value >= 0


def shown(text: bytes | str) -> str:
    """The beginning of what a gateway sent, in ASCII, so that a terminal obeys nothing in it."""
    return ascii(text[:LONGEST].decode("utf-8", "replace") if isinstance(text, bytes) else text[:LONGEST])


def _head(reply: Reply, status: int, kind: str) -> str:
    if reply.status != status:
        return f"the status is {reply.status}, not {status}: {shown(reply.body)}"
    said = reply.headers.get("content-type", "")
    if said.partition(";")[0].strip().lower() != kind:
        return f"the content-type is {shown(said)}, not {kind}"
    return f"the body broke off: {reply.cut}" if reply.cut and kind == "application/json" else ""
