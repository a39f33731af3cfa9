"""Reads a whole reply."""

from __future__ import annotations

from collections.abc import Iterator

from extproc.dialects import UnreadableReply
from extproc.dialects.json_text import parse
from extproc.dialects.openai_chat.logprobs import LOGPROBS, spelled
from extproc.dialects.openai_chat.names import NAMES
from extproc.dialects.openai_chat.texts import HOLDS_TEXT, REPLY_OPAQUE, WORDLESS, strings, words
from extproc.model import ClientError, Response, Text, Usage


def read_response(body: bytes, *, max_depth: int = 64) -> Response:
    """A JSON reply as texts. Raises UnreadableReply for anything but a chat completion."""
    try:
        value = parse(body, max_depth=max_depth)
    except ClientError as error:
        raise UnreadableReply(str(error)) from error
    choices = value.get("choices") if isinstance(value, dict) else None
    if not isinstance(choices, list) or not all(isinstance(choice, dict) for choice in choices):
        raise UnreadableReply("the reply has no list of choices")
    return Response(
        id=string(value.get("id")),
        model=string(value.get("model")),
        texts=tuple(_texts(value, choices)),
        finish_reasons=tuple(string(choice.get("finish_reason")) for choice in choices),
        usage=usage(value.get("usage")),
    )


def read_error(body: bytes, *, max_depth: int = 64) -> Response:
    """A provider's error as texts: it may repeat what it was sent. Raises UnreadableReply for no JSON object."""
    try:
        value = parse(body, max_depth=max_depth)
    except ClientError as error:
        raise UnreadableReply(str(error)) from error
    if not isinstance(value, dict):
        raise UnreadableReply("the error is not an object")
    return Response(id="", model="", texts=tuple(strings(value, (), "error", frozenset())))


def _texts(value: dict[str, object], choices: list[dict[str, object]]) -> Iterator[Text]:
    for index, choice in enumerate(choices):
        for key, child in choice.items():
            if key not in NAMES:
                yield from words(key, ("choices", index), "assistant")
            if key == LOGPROBS:
                said = spelled(child)
                yield from (Text(("choices", index, key, name), "assistant", text) for name, text in said if text)
            elif isinstance(child, HOLDS_TEXT):
                yield from strings(child, ("choices", index, key), "assistant", REPLY_OPAQUE)
    for key, child in value.items():
        if key not in NAMES:
            yield from words(key, (), "assistant")
        if key != "choices" and isinstance(child, HOLDS_TEXT):
            yield from strings(child, (key,), "assistant", WORDLESS if isinstance(child, str) else REPLY_OPAQUE)


MOST = 1 << 53
"""Numbers from here on are no count or time; many readers of JSON cannot hold them, and our own writer cannot."""


def string(value: object) -> str:
    """The value where it is a string, with "?" for lone surrogates, which no record can hold."""
    return value.encode("utf-8", "replace").decode() if isinstance(value, str) else ""


def number(value: object) -> int | None:
    """The value where it is a whole number that can be one of something."""
    return value if isinstance(value, int) and not isinstance(value, bool) and 0 <= value < MOST else None


def usage(value: object) -> Usage:
    """The tokens of a reply's `usage`; None for what it does not say."""
    if not isinstance(value, dict):
        return Usage()
    return Usage(
        _count(value, "prompt_tokens"),
        _count(value, "completion_tokens"),
        _count(value.get("prompt_tokens_details"), "cached_tokens"),
        _count(value.get("completion_tokens_details"), "reasoning_tokens"),
    )


def _count(value: object, key: str) -> int | None:
    return number(value.get(key)) if isinstance(value, dict) else None
