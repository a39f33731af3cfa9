"""OpenAI chat completions as an event stream: what an event says, how it is edited, how a stream is ended by us."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any, Literal

import orjson

from extproc.dialects import UnreadableReply, sse
from extproc.dialects.json_text import parse, splice
from extproc.dialects.openai_chat import fragments
from extproc.dialects.openai_chat.errors import error
from extproc.dialects.openai_chat.replies import number, string, usage
from extproc.dialects.openai_chat.texts import without_repeats
from extproc.dialects.openai_chat.usage import gone, without_null
from extproc.dialects.texts import Fragment, about_tokens
from extproc.model import ClientError, JsonPath, Response, Text, Usage

_DONE = b"[DONE]"
_ASIDE = ("aside",)


class Stream:
    """One stream: read its events in order; `response` tells at any time what they said.

    `kind`, `texts_of` and `filtered` are what completions have differently.
    """

    kind = "chat.completion.chunk"

    def __init__(self, *, max_depth: int = 64, hides_usage: bool = False) -> None:
        self._max_depth = max_depth
        self._hides_usage = hides_usage
        self._chunk_usage: Literal["", "null", "alone"] = ""  # of the event that was read last
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
        self._chunk_usage = ""
        if event.foreign:
            raise UnreadableReply("a line of the stream is no field of an event")
        aside = (Fragment(_ASIDE, (), event.aside, "whole"),) if event.aside else ()
        data = event.data.strip()
        if data == _DONE:
            self.done = True
            return aside
        return (*aside, *self._said(data)) if data else aside

    def shown(self, event: sse.Event) -> sse.Event:
        """What the client gets of the event that was read last, if no policy edits it."""
        if not self._hides_usage or not self._chunk_usage:
            return event
        return gone(event) if self._chunk_usage == "alone" else without_null(event)

    def write(self, event: sse.Event, values: Mapping[JsonPath, str]) -> bytes:
        """The event with these texts in place of its own. What stands beside its data goes, where that was edited."""
        texts = {path: text for path, text in values.items() if path}
        name, identity = (event.name, event.id) if len(texts) == len(values) else ("", "")
        if not event.data:
            return b""
        data = splice(event.data, without_repeats(json.loads(event.data), texts)) if texts else event.data
        return sse.encode(name, data, identity)

    def part(self, event: sse.Event, fragment: Fragment, text: str) -> bytes | None:
        """An event of its own for the beginning of a fragment; None where the event says more than this one text."""
        value = json.loads(event.data)
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

    def blocked(self, *, wants_usage: bool, sent: int) -> bytes:
        """The end of a stream that a policy stopped, as a provider's own filter would end it.

        Before anything has left, the provider's names for it have not been judged, and are not repeated.
        """
        choices = [self.filtered(index) for index in sorted(self._open - self.finished.keys()) or [0]]
        events = [self._chunk(choices, None, named=sent > 0)]
        if wants_usage:
            events.append(self._chunk([], self._estimated(), named=sent > 0))
        return b"".join((*(sse.encode("", orjson.dumps(each)) for each in events), sse.encode("", _DONE)))

    def failed(self, message: str, code: str) -> bytes:
        """The end of a stream that must not go on: SDKs raise their API error for it."""
        return sse.encode("", error(502, message, "upstream_error", code))

    def filtered(self, index: int) -> dict[str, object]:
        """The last word of a choice that a policy stopped."""
        return {"index": index, "delta": {}, "finish_reason": "content_filter", "logprobs": None}

    def texts_of(self, choice: dict[str, Any], place: int, index: int) -> Iterator[Fragment]:
        """The texts of the choice at this place of an event."""
        return fragments.of_choice(choice, place, index)

    def response(self, texts: tuple[Text, ...] = ()) -> Response:
        """What the stream said so far."""
        reasons = tuple(self.finished[index] for index in sorted(self.finished))
        untold = self.usage == Usage()
        tokens = Usage(output_tokens=about_tokens(self._written)) if untold else self.usage
        return Response(self.id, self.model, texts, reasons, tokens, usage_estimated=untold)

    def _said(self, data: bytes) -> tuple[Fragment, ...]:
        try:
            value = parse(data, max_depth=self._max_depth)
        except ClientError as fault:
            raise UnreadableReply(f"an event of the stream: {fault}") from fault
        if not isinstance(value, dict):
            raise UnreadableReply("an event of the stream is not an object")
        self._note(value)
        said = (*self._choices(value.get("choices") or ()), *fragments.of_others(value))
        self._written += sum(len(fragment.value) for fragment in said)
        return said

    def _note(self, value: dict[str, Any]) -> None:
        self.id = self.id or string(value.get("id"))
        self.model = self.model or string(value.get("model"))
        self.created = self.created or number(value.get("created")) or 0
        if value.get("usage"):
            self.usage = usage(value["usage"])
            self._chunk_usage = "" if value.get("choices") else "alone"
        elif "usage" in value:
            self._chunk_usage = "null"

    def _choices(self, choices: object) -> Iterator[Fragment]:
        if not isinstance(choices, list | tuple):
            raise UnreadableReply("an event's choices are no list")
        for place, choice in enumerate(choices):
            if not isinstance(choice, dict):
                raise UnreadableReply("an event's choice is no object")
            index = number(choice.get("index", place))
            if index is None:
                raise UnreadableReply("an event's choice has an index that is no number")
            self._open.add(index)
            reason = string(choice.get("finish_reason"))
            if reason:
                self.finished[index] = reason
            yield from self.texts_of(choice, place, index)

    def _chunk(
        self, choices: list[dict[str, object]], tokens: dict[str, object] | None, *, named: bool
    ) -> dict[str, object]:
        chunk: dict[str, object] = {
            "id": self.id if named else "",
            "object": self.kind,
            "created": self.created,
            "model": self.model if named else "",
            "choices": choices,
        }
        return chunk if tokens is None else {**chunk, "usage": tokens}

    def _estimated(self) -> dict[str, object]:
        """The provider's count never came."""
        tokens = about_tokens(self._written)
        return {"prompt_tokens": 0, "completion_tokens": tokens, "total_tokens": tokens}
