"""OpenAI chat completions as an event stream: what an event says, how it is edited, how a stream is ended by us.

Every choice has several texts that grow side by side: content, reasoning, refusal, the arguments of each tool call.
Providers add names of their own (`reasoning_content`, `reasoning`, parts in lists), so every string below a choice is
a text unless it is known to be an identifier. Those in `_GROWING` go on in the next event; any other is judged alone.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import orjson

from extproc.dialects import UnreadableReply, sse
from extproc.dialects.json_text import splice
from extproc.dialects.openai_chat.errors import error
from extproc.dialects.openai_chat.replies import string, usage
from extproc.dialects.openai_chat.texts import ARGUMENTS, REPLY_OPAQUE, repeating
from extproc.dialects.texts import Form, Fragment
from extproc.model import JsonPath, Response, Text, Usage

_GROWING = frozenset(
    {"content", "reasoning_content", "reasoning", "refusal", "text", "thinking", "transcript", "summary"}
)
_WORDLESS = frozenset(
    {"id", "object", "created", "model", "system_fingerprint", "service_tier", "obfuscation", "usage"}
)
"""Top-level members that hold no text of the model's; padding and fingerprints among them."""

_DONE = b"[DONE]"


class Stream:
    """One stream: read its events in order; `response` tells at any time what they said."""

    def __init__(self) -> None:
        self.id = ""
        self.model = ""
        self.created = 0
        self.finished: dict[int, str] = {}
        self.usage = Usage()
        self.done = False
        self._open: set[int] = set()
        self._written = 0

    def read(self, event: sse.Event) -> tuple[Fragment, ...]:
        """The texts of an event. Raises UnreadableReply for what no chat stream holds."""
        if not event.data:
            return ()  # a comment, a ping
        if event.data == _DONE:
            self.done = True
            return ()
        try:
            value = orjson.loads(event.data)
        except orjson.JSONDecodeError as fault:
            raise UnreadableReply(f"an event of the stream is not JSON: {fault}") from fault
        if not isinstance(value, dict):
            raise UnreadableReply("an event of the stream is not an object")
        fragments = tuple(self._fragments(value))
        self._written += sum(len(fragment.value) for fragment in fragments)
        return fragments

    def write(self, event: sse.Event, values: Mapping[JsonPath, str]) -> bytes:
        """The event with these texts in place of its own. Log probabilities would repeat the old ones: they go."""
        gone: dict[JsonPath, str | None] = dict.fromkeys(repeating(orjson.loads(event.data), values), None)
        return sse.encode(event.name, splice(event.data, {**values, **gone}))

    def part(self, event: sse.Event, fragment: Fragment, text: str) -> bytes | None:
        """An event of its own for the beginning of a fragment; None where the event says more than this one text."""
        value = orjson.loads(event.data)
        choices = value.get("choices")
        if (
            value.get("usage")
            or not isinstance(choices, list)
            or len(choices) != 1
            or fragment.path[:1] != ("choices",)
        ):
            return None
        if choices[0].get("finish_reason") is not None or choices[0].get("logprobs") is not None:
            return None
        return sse.encode(event.name, splice(event.data, {fragment.path: text}))

    def blocked(self, *, wants_usage: bool) -> bytes:
        """The end of a stream that a policy stopped, as a provider's own filter would end it."""
        choices: list[dict[str, object]] = [
            {"index": index, "delta": {}, "finish_reason": "content_filter", "logprobs": None}
            for index in sorted(self._open - self.finished.keys()) or [0]
        ]
        events = [self._chunk(choices, None)]
        if wants_usage:
            events.append(self._chunk([], self._estimated()))
        return b"".join((*(sse.encode("", orjson.dumps(each)) for each in events), sse.encode("", _DONE)))

    def failed(self, message: str, code: str) -> bytes:
        """The end of a stream that must not go on: SDKs raise their API error for it."""
        return sse.encode("", error(502, message, "upstream_error", code))

    def response(self, texts: tuple[Text, ...] = ()) -> Response:
        """What the stream said so far."""
        reasons = tuple(self.finished[index] for index in sorted(self.finished))
        return Response(self.id, self.model, texts, reasons, self.usage)

    def _fragments(self, value: dict[str, Any]) -> Iterator[Fragment]:
        self.id = self.id or string(value.get("id"))
        self.model = self.model or string(value.get("model"))
        self.created = self.created or value.get("created") or 0
        if value.get("usage"):
            self.usage = usage(value["usage"])
        choices = value.get("choices") or ()
        if choices and not isinstance(choices, list):
            raise UnreadableReply("an event's choices are no list")
        for place, choice in enumerate(choices):
            if not isinstance(choice, dict):
                raise UnreadableReply("an event's choice is no object")
            yield from self._choice(choice, place)
        for key, child in value.items():
            if key != "choices" and key not in _WORDLESS:
                yield from _strings(child, (key,), (key,))

    def _choice(self, choice: dict[str, Any], place: int) -> Iterator[Fragment]:
        index = choice.get("index", place)
        if not isinstance(index, int):
            raise UnreadableReply("an event's choice has an index that is no number")
        self._open.add(index)
        reason = choice.get("finish_reason")
        if isinstance(reason, str) and reason:
            self.finished[index] = reason
        for key, child in choice.items():
            if key != "logprobs":
                yield from _strings(child, ("choices", place, key), (index, key))

    def _chunk(self, choices: list[dict[str, object]], tokens: dict[str, object] | None) -> dict[str, object]:
        chunk: dict[str, object] = {
            "id": self.id,
            "object": "chat.completion.chunk",
            "created": self.created,
            "model": self.model,
            "choices": choices,
        }
        return chunk if tokens is None else {**chunk, "usage": tokens}

    def _estimated(self) -> dict[str, object]:
        """Four characters a token is OpenAI's own rule of thumb; the provider's count never came."""
        tokens = -(-self._written // 4)
        return {"prompt_tokens": 0, "completion_tokens": tokens, "total_tokens": tokens}


def _strings(value: object, path: JsonPath, key: tuple[str | int, ...]) -> Iterator[Fragment]:
    """Every string below `value`, with the name of the text that it belongs to."""
    if isinstance(value, str):
        if value and path[-1] not in REPLY_OPAQUE:
            yield Fragment(key, path, value, _form(path))
    elif isinstance(value, dict):
        for name, child in value.items():
            if child is not None and (name not in REPLY_OPAQUE or not isinstance(child, str)):
                yield from _strings(child, (*path, name), (*key, name))
    elif isinstance(value, list):
        for place, child in enumerate(value):
            # the list's own numbering, where it has one: a call's arguments come in many events
            number = child.get("index", place) if isinstance(child, dict) else place
            yield from _strings(child, (*path, place), (*key, number))


def _form(path: JsonPath) -> Form:
    if path[-1] == ARGUMENTS:
        return "json"
    return "growing" if path[-1] in _GROWING else "whole"
