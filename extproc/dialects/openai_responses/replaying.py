"""A stored reply as the stream that a client asked for: every item as it would have come, then the whole response."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import orjson

from extproc.dialects import sse

Event = dict[str, Any]

_TEXTS = {"output_text": "text", "refusal": "refusal", "reasoning_text": "text"}
"""The parts that a reply's content has, and the member that is their text."""


def replay(body: bytes, *, wants_usage: bool) -> bytes:  # every Responses stream ends with its usage
    """The events, numbered from 0."""
    response = orjson.loads(body)
    events = (
        _of_response("response.created", _begun(response)),
        _of_response("response.in_progress", _begun(response)),
        *(event for place, item in enumerate(response["output"]) for event in _item(place, item)),
        _of_response(f"response.{response['status']}", response),
    )
    numbered = ({"type": event["type"], "sequence_number": n, **event} for n, event in enumerate(events))
    return b"".join(sse.encode(event["type"], orjson.dumps(event)) for event in numbered)


def _of_response(kind: str, response: Event) -> Event:
    return {"type": kind, "response": response}


def _begun(response: Event) -> Event:
    """The response before anything was said."""
    ended: Event = {"status": "in_progress", "output": [], "usage": None}
    return {**response, **ended, **({"completed_at": None} if "completed_at" in response else {})}


def _item(place: int, item: Event) -> Iterator[Event]:
    lists: Event = {key: [] for key in ("content", "summary") if isinstance(item.get(key), list)}
    status = {"status": "in_progress"} if "status" in item else {}
    yield {"type": "response.output_item.added", "output_index": place, "item": {**item, **lists, **status}}
    about = {"item_id": item.get("id", ""), "output_index": place}
    for number, part in enumerate(item.get("summary") or ()):
        at = {**about, "summary_index": number}
        yield from _part("response.reasoning_summary_part", "response.reasoning_summary_text", at, part, "text")
    for number, part in enumerate(item.get("content") or ()):
        kind = part.get("type")
        at = {**about, "content_index": number}
        yield from _part("response.content_part", f"response.{kind}", at, part, _TEXTS.get(kind, ""))
    yield {"type": "response.output_item.done", "output_index": place, "item": item}


def _part(part_kind: str, text_kind: str, at: Event, part: Event, member: str) -> Iterator[Event]:
    """A part begins, is said in one piece, and ends. One of another kind comes whole with its end."""
    empty = {member: ""} if member else {}
    begun = {**part, **empty, **({"annotations": []} if "annotations" in part else {})}
    yield {"type": f"{part_kind}.added", **at, "part": begun}
    if member and isinstance(part.get(member), str):
        spelled = {"logprobs": part.get("logprobs") or []} if text_kind == "response.output_text" else {}
        yield {"type": f"{text_kind}.delta", **at, "delta": part[member], **spelled}
        for number, annotation in enumerate(part.get("annotations") or ()):
            about = {**at, "annotation_index": number, "annotation": annotation}
            yield {"type": "response.output_text.annotation.added", **about}
        yield {"type": f"{text_kind}.done", **at, member: part[member], **spelled}
    yield {"type": f"{part_kind}.done", **at, "part": part}
