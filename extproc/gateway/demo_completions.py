"""What the demo provider says to completions and embeddings."""

from __future__ import annotations

import base64
import hashlib
import struct
from typing import Any

import orjson

_FLOATS = 8
"""How many numbers an embedding has."""


def completions(value: dict[str, Any], echo: str) -> dict[str, Any]:
    """A reply with a choice per prompt."""
    said = _each(value.get("prompt"))
    choices = [_choice(index, echo + each, "stop") for index, each in enumerate(said)]
    return {**_head(value), "choices": choices, "usage": _usage(said, choices)}


def completion_events(value: dict[str, Any], echo: str) -> bytes:
    """The same as a stream's bytes, word by word."""
    whole = completions(value, echo)
    rows = [[_choice(c["index"], word, None)] for c in whole["choices"] for word in _words(c["text"])]
    rows += [[_choice(c["index"], "", "stop")] for c in whole["choices"]]
    chunks = [{**_head(value), "choices": row} for row in rows]
    if (value.get("stream_options") or {}).get("include_usage"):
        chunks.append({**_head(value), "choices": [], "usage": whole["usage"]})
    return b"".join(b"data: " + orjson.dumps(chunk) + b"\n\n" for chunk in chunks) + b"data: [DONE]\n\n"


def embeddings(value: dict[str, Any]) -> dict[str, Any]:
    """Numbers that follow from the text alone, between 0 and 1."""
    said = _each(value.get("input"))
    coded = value.get("encoding_format") == "base64"
    data = [{"object": "embedding", "index": n, "embedding": _embedding(each, coded)} for n, each in enumerate(said)]
    tokens = sum(len(each.split()) for each in said)
    usage = {"prompt_tokens": tokens, "total_tokens": tokens}
    return {"object": "list", "data": data, "model": value.get("model"), "usage": usage}


def _each(said: object) -> list[str]:
    """The texts; a list of tokens is one text."""
    if isinstance(said, list) and said and not isinstance(said[0], int):
        return [each if isinstance(each, str) else str(each) for each in said]
    return [said if isinstance(said, str) else str(said)]


def _embedding(text: str, coded: bool) -> list[float] | str:
    numbers = [byte / 256 for byte in hashlib.sha256(text.encode()).digest()[:_FLOATS]]
    return base64.b64encode(struct.pack(f"<{_FLOATS}f", *numbers)).decode() if coded else numbers


def _head(value: dict[str, Any]) -> dict[str, Any]:
    return {"id": "cmpl-demo", "object": "text_completion", "created": 0, "model": value.get("model")}


def _choice(index: int, text: str, finish: str | None) -> dict[str, Any]:
    return {"text": text, "index": index, "logprobs": None, "finish_reason": finish}


def _words(text: str) -> list[str]:
    return text.replace(" ", " \0").split("\0")


def _usage(said: list[str], choices: list[dict[str, Any]]) -> dict[str, int]:
    asked = sum(len(each.split()) for each in said)
    answered = sum(len(each["text"].split()) for each in choices)
    return {"prompt_tokens": asked, "completion_tokens": answered, "total_tokens": asked + answered}
