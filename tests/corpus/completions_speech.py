"""How OpenAI's completions stream a text, and what a client hears of a stream."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from itertools import zip_longest
from typing import Any

from extproc.dialects.sse import Framer, encode

CHANNELS = {"text": "0", "second-choice": "1"}
USAGE = {"prompt_tokens": 5, "completion_tokens": 7, "total_tokens": 12}

Cut = Callable[[str], Sequence[str]]


def write(place: str, text: str, cut: Cut) -> bytes:
    """A stream with the text in a choice; another choice speaks in between where there are two."""
    said = [cut(text)] if place == "text" else [cut("the other one says so"), cut(text)]
    rows = [
        *(_choice(index, delta, None) for deltas in zip_longest(*said) for index, delta in enumerate(deltas) if delta),
        *(_choice(index, "", "stop") for index in range(len(said))),
    ]
    head = {"id": "cmpl-1", "object": "text_completion", "created": 1, "model": "m"}
    chunks: list[dict[str, Any]] = [{**head, "choices": [row]} for row in rows]
    chunks.append({**head, "choices": [], "usage": USAGE})
    told = (json.dumps(chunk, ensure_ascii=False).encode() for chunk in chunks)
    return b"".join(encode("", data) for data in (*told, b"[DONE]"))


def _choice(index: int, text: str, finish: str | None) -> dict[str, Any]:
    return {"text": text, "index": index, "logprobs": None, "finish_reason": finish}


def heard(body: bytes) -> dict[str, list[str]]:
    """Each choice's text. Raises ValueError for what is no JSON or not whole."""
    found: dict[str, str] = {}
    for chunk in _chunks(body):
        for choice in chunk.get("choices", ()):
            key = str(choice["index"])
            found[key] = found.get(key, "") + choice["text"]
    return {key: [text] for key, text in found.items()}


def endings(body: bytes) -> list[object]:
    """Finish reasons, usage, and the last word."""
    found: list[object] = []
    for chunk in _chunks(body):
        found += [(each["index"], each["finish_reason"]) for each in chunk.get("choices", ()) if each["finish_reason"]]
        found += [chunk["usage"]] if "usage" in chunk else []
        found += ["done"] if not chunk else []
    return found


def _chunks(body: bytes) -> Iterator[dict[str, Any]]:
    """The data of a stream; nothing stands for `[DONE]`."""
    framer = Framer()
    for each in (*framer.feed(body), *framer.close()):
        if not each.complete:
            raise ValueError("the stream ends within an event")
        if each.data:
            yield {} if each.data == b"[DONE]" else json.loads(each.data)
