"""OpenAI embeddings: `/v1/embeddings`. Texts go in and numbers come out, as a list or in Base64; nothing streams.

A reply's numbers are no text. What stands in their place, if it is not the Base64 of whole bytes, is one.
"""

from __future__ import annotations

import binascii
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

from extproc.dialects import UnreadableReply, sse
from extproc.dialects.json_text import parse
from extproc.dialects.openai_chat import block, error, members, read_error, write
from extproc.dialects.openai_chat.replies import string, usage
from extproc.dialects.openai_chat.texts import REPLY_OPAQUE, WORDLESS, strings, words
from extproc.dialects.openai_completions.prompts import has_tokens
from extproc.dialects.openai_completions.prompts import texts as texts_of
from extproc.dialects.texts import Fragment
from extproc.model import ClientError, JsonPath, Request, Response, Text

__all__ = [
    "assemble", "block", "complete", "error", "essence", "name", "read_error", "read_request",
    "read_response", "replay", "stream", "uncacheable", "unstorable", "with_usage", "write",
]  # fmt: skip

name = "openai-embeddings"

_SPOKEN = frozenset({"input"})


def read_request(body: bytes, *, max_depth: int = 64) -> Request:
    """A request body as texts. Raises ClientError: 400 for what is no JSON, 422 for what asks for no embedding."""
    value = members.parsed(body, max_depth=max_depth)
    model = members.model(value)
    unread = "input" if has_tokens(value.get("input"), "input") else ""
    return Request(model, False, tuple(texts_of(value, _SPOKEN)), unread=unread)


def read_response(body: bytes, *, max_depth: int = 64) -> Response:
    """A JSON reply as texts, of which there are none as a rule. Raises UnreadableReply for anything but embeddings."""
    try:
        value = parse(body, max_depth=max_depth)
    except ClientError as fault:
        raise UnreadableReply(str(fault)) from fault
    data = value.get("data") if isinstance(value, dict) else None
    if not isinstance(data, list) or not all(isinstance(each, dict) for each in data):
        raise UnreadableReply("the reply has no list of embeddings")
    texts, tokens = tuple(_texts(value, data)), replace(usage(value.get("usage")), output_tokens=0)
    return Response(id=string(value.get("id")), model=string(value.get("model")), texts=texts, usage=tokens)


def _texts(value: dict[str, Any], data: list[dict[str, Any]]) -> Iterator[Text]:
    for place, each in enumerate(data):
        for key, child in each.items():
            yield from words(key, ("data", place), "assistant")
            if key != "embedding" or not _numbers(child):
                yield from strings(child, ("data", place, key), "assistant", REPLY_OPAQUE | {"object"})
    for key, child in value.items():
        yield from words(key, (), "assistant")
        if key != "data":
            yield from strings(child, (key,), "assistant", WORDLESS if isinstance(child, str) else REPLY_OPAQUE)


def _numbers(embedding: object) -> bool:
    """Whether it is numbers and nothing else; there are thousands of them, so they are not walked one by one."""
    if isinstance(embedding, list):
        return set(map(type, embedding)) <= {int, float}
    try:
        binascii.a2b_base64(embedding if isinstance(embedding, str) else "=", strict_mode=True)
    except ValueError:
        return False
    return True


# --- the cache: the same text has the same embedding, so there is no better hit ---


def essence(body: Mapping[str, Any]) -> dict[str, Any]:
    """What of a question makes its answer."""
    return {key: value for key, value in body.items() if key != "user"}


def uncacheable(body: Mapping[str, Any]) -> str:
    """Why a question must reach a provider each time: never."""
    return ""


def complete(reply: Response) -> bool:
    """Whether a reply has come to its natural end: embeddings have no other."""
    return True


def unstorable(reply: Mapping[str, Any]) -> str:
    """Why a whole reply must not be given to anyone else, as a word; '' where it may."""
    data = reply.get("data")
    if not isinstance(data, list) or not data or reply.get("error"):
        return "no_answer"
    return "" if all(isinstance(each, dict) and each.get("embedding") for each in data) else "no_answer"


def assemble(events: bytes) -> bytes:
    """There are no streams of embeddings. Raises UnreadableReply."""
    raise UnreadableReply("embeddings do not come as a stream")


def replay(body: bytes, *, wants_usage: bool) -> bytes:
    """Never asked for, as no request streams; the reply as it is."""
    return body


def with_usage(body: bytes) -> bytes:
    """The request as it is: its reply tells the tokens in any case."""
    return body


def stream(*, max_depth: int = 64, hides_usage: bool = False) -> NoStream:
    """What refuses a stream that came all the same."""
    return NoStream()


class NoStream:
    """Of an event stream in place of embeddings nothing passes."""

    done = False
    finished: Mapping[int, str] = {}

    def read(self, event: sse.Event) -> tuple[Fragment, ...]:
        """Raises UnreadableReply, whatever the event."""
        raise UnreadableReply("embeddings do not come as a stream")

    def shown(self, event: sse.Event) -> sse.Event:
        """The event as it is."""
        return event

    def write(self, event: sse.Event, values: Mapping[JsonPath, str]) -> bytes:
        """Nothing was read, so nothing is written."""
        return b""

    def part(self, event: sse.Event, fragment: Fragment, text: str) -> bytes | None:
        """Nothing was read, so nothing can be parted."""
        return None

    def blocked(self, *, wants_usage: bool, sent: int) -> bytes:
        """No text was read that a policy could have stopped."""
        return b""

    def failed(self, message: str, code: str) -> bytes:
        """The end of what should not have begun."""
        return sse.encode("", error(502, message, "upstream_error", code))

    def response(self, texts: tuple[Text, ...] = ()) -> Response:
        """It said nothing."""
        return Response("", "", texts)
