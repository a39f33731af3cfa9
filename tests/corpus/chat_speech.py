"""How OpenAI's chat completions, and those who speak like them, stream a text, and what a client hears of a stream."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from itertools import zip_longest
from typing import Any

from corpus.streams import heard as heard_in_choices

from extproc.dialects.sse import Framer, encode

CHANNELS = {
    "text": "0 content",
    "refusal": "0 refusal",
    "reasoning": "0 reasoning_content",
    "second-choice": "1 content",
    "arguments": "0 arguments.0",
    "escaped": "0 arguments.0",
    "second-call": "0 arguments.1",
}
CODED = frozenset({"arguments", "escaped", "second-call"})
USAGE = {"prompt_tokens": 5, "completion_tokens": 7, "total_tokens": 12}
_HEAD = {"id": "chatcmpl-1", "object": "chat.completion.chunk", "created": 1, "model": "m"}
_MEMBERS = {"refusal": "refusal", "reasoning": "reasoning_content"}

Cut = Callable[[str], Sequence[str]]


def write(place: str, text: str, cut: Cut) -> bytes:
    """A stream with the text at a place: another choice speaks in between, or another call comes before it."""
    choices = 2 if place == "second-choice" else 1
    rows = [_row(index, {"role": "assistant", "content": "", "refusal": None}) for index in range(choices)]
    if place in CODED:
        rows += _calls(['{"of":"this"}', text] if place == "second-call" else [text], cut)
    elif choices == 2:
        said = zip_longest(cut("the other one says so"), cut(text))
        rows += [_row(index, {"content": each}) for deltas in said for index, each in enumerate(deltas) if each]
    else:
        rows += [_row(0, {_MEMBERS.get(place, "content"): each}) for each in cut(text)]
    if place == "reasoning":
        rows += [_row(0, {"content": each}) for each in cut("so it is done")]
    reason = "tool_calls" if place in CODED else "stop"
    rows += [_row(index, {}, reason) for index in range(choices)]
    chunks: list[dict[str, Any]] = [
        *({**_HEAD, "choices": [row]} for row in rows),
        {**_HEAD, "choices": [], "usage": USAGE},
    ]
    told = (json.dumps(chunk, ensure_ascii=False).encode() for chunk in chunks)
    return b"".join(encode("", data) for data in (*told, b"[DONE]"))


def _calls(texts: Sequence[str], cut: Cut) -> list[dict[str, Any]]:
    rows = []
    for index, text in enumerate(texts):
        named = {
            "index": index,
            "id": f"call_{index}",
            "type": "function",
            "function": {"name": "note", "arguments": ""},
        }
        parts = [{"index": index, "function": {"arguments": each}} for each in cut(text)]
        rows += [_row(0, {"tool_calls": [call]}) for call in (named, *parts)]
    return rows


def _row(index: int, delta: dict[str, Any], finish: str | None = None) -> dict[str, Any]:
    return {"index": index, "delta": delta, "logprobs": None, "finish_reason": finish}


def heard(body: bytes) -> dict[str, list[str]]:
    """Each text by its choice and name. Raises ValueError for what is no JSON or not whole."""
    return {f"{choice} {name}": [text] for (choice, name), text in heard_in_choices(body).items()}


def endings(body: bytes) -> list[object]:
    """Roles, names of calls, finish reasons and usage in their order, and the last word."""
    return [each for event in _data(body) for each in _told(event)]


def _data(body: bytes) -> Iterator[bytes]:
    framer = Framer()
    return (each.data for each in (*framer.feed(body), *framer.close()) if each.data)


def _told(data: bytes) -> Iterator[object]:
    if data == b"[DONE]":
        yield "done"
        return
    chunk = json.loads(data)
    yield from (chunk[key] for key in ("usage",) if key in chunk)
    for choice in chunk["choices"]:
        delta = choice["delta"]
        yield from ((choice["index"], each) for each in (delta.get("role"), choice["finish_reason"]) if each)
        yield from (call["id"] for call in delta.get("tool_calls", ()) if "id" in call)
