"""The parts of a message: Responses', chats', and Anthropic's."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from extproc.dialects.cursor.refusal import only, refused, wrong

Json = dict[str, Any]

THOUGHT = ("thinking", "redacted_thinking")
"""Parts of what a model thought, which no chat takes back."""

_BREAK = "prompt_cache_breakpoint"
"""Where the provider's own cache may cut; both APIs have it at texts and images."""

_TEXT = frozenset({"type", "text", "annotations", "logprobs", "cache_control", _BREAK})
_OF_CHATS = ("image_url", "input_audio", "file", "refusal")
"""Parts that a chat has by these names; what is in them passes."""


def content(value: list[Any], where: str, *, strict: bool, wordless: bool = True) -> object:
    """What a message says: a string where it is one text, else parts. None among the parts only keeps a place.

    Without `strict` this is a chat's message: nothing is made a string of, and what is unknown passes. In a message
    of another than the user's nothing may be `wordless`, as pictures are.
    """
    given = ((f"{where}[{at}]", each) for at, each in enumerate(value) if each is not None)
    parts = [found for at, each in given if (found := _allowed(part(each, at, strict=strict), at, wordless=wordless))]
    return parts[0]["text"] if strict and len(parts) == 1 and parts[0].keys() == {"type", "text"} else parts


def _allowed(value: Json | None, where: str, *, wordless: bool) -> Json | None:
    if value is not None and not wordless and value.get("type") not in ("text", "refusal"):
        raise refused(f"{where}.type", "in chats only a user's message may hold more than text")
    return value


def part(value: object, where: str, *, strict: bool) -> Json | None:
    """A part as chats have it; None for one of thoughts."""
    if not isinstance(value, dict):
        raise wrong(where, "an object", value)
    kind = value.get("type")
    if kind in THOUGHT:
        return None
    if kind == "text" and not strict:
        return value
    if kind in _OF_CHATS and isinstance(value.get(kind), dict if kind == "image_url" else dict | str):
        return value
    if isinstance(kind, str) and kind in _PARTS:
        return _PARTS[kind](value, where)
    if strict:
        raise refused(f"{where}.type", f"{json.dumps(kind)[:40]} is no part of a chat's message")
    return value


def texts(value: object, where: str) -> object:
    """What a tool gave: chats take texts alone."""
    if isinstance(value, str):
        return value
    if not isinstance(value, list):
        raise wrong(where, "a string or a list of parts", value)
    parts = [part(each, f"{where}[{at}]", strict=True) for at, each in enumerate(value)]
    for at, each in enumerate(parts):
        if each is not None and each.get("type") != "text":
            raise refused(f"{where}[{at}].type", "what a tool gives may be text alone")
    found = [each for each in parts if each is not None]
    return found[0]["text"] if len(found) == 1 else found or ""


def _text(value: Json, where: str) -> Json:
    only(where, value, _TEXT)
    if not isinstance(value.get("text"), str):
        raise wrong(f"{where}.text", "a string", value.get("text"))
    return {"type": "text", "text": value["text"], **_break(value)}


def _image(value: Json, where: str) -> Json:
    only(where, value, frozenset({"type", "image_url", "detail", "cache_control", _BREAK}))
    if not isinstance(value.get("image_url"), str):
        raise wrong(f"{where}.image_url", "a string", value.get("image_url"))
    detail = {"detail": value["detail"]} if value.get("detail") is not None else {}
    return {"type": "image_url", "image_url": {"url": value["image_url"], **detail}, **_break(value)}


def _break(value: Json) -> Json:
    return {_BREAK: value[_BREAK]} if value.get(_BREAK) is not None else {}


def _file(value: Json, where: str) -> Json:
    only(where, value, frozenset({"type", "file_id", "file_data", "filename"}))
    return {"type": "file", "file": {key: each for key, each in value.items() if key != "type" and each is not None}}


def _picture(value: Json, where: str) -> Json:
    """Anthropic's."""
    source = value.get("source")
    match source:
        case {"type": "base64", "media_type": str(kind), "data": str(data)}:
            url = f"data:{kind};base64,{data}"
        case {"type": "url", "url": str(url)}:
            pass
        case _:
            raise refused(f"{where}.source", "it is neither base64 nor a url")
    return {"type": "image_url", "image_url": {"url": url}}


_PARTS: dict[str, Callable[[Json, str], Json]] = {
    "input_text": _text,
    "output_text": _text,
    "text": _text,
    "input_image": _image,
    "image_url": _image,
    "input_file": _file,
    "image": _picture,
}
