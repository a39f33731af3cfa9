"""OpenAI Responses as an event stream: what an event says, how it is edited, how a stream is ended by us.

A block is `response.failed` with the code `invalid_prompt`, which is what OpenAI itself says of what its own policies
refuse. `response.incomplete` with `content_filter` would say it as well, but Codex takes that for a broken connection
and asks five times more (seen with 0.169.0; tests/e2e/test_codex.py).
"""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping
from typing import Any

import orjson

from extproc.dialects import BLOCKED, UnreadableReply, sse
from extproc.dialects.openai_chat.replies import number, string
from extproc.dialects.openai_chat.texts import opaque
from extproc.dialects.openai_responses import fragments
from extproc.dialects.openai_responses.fragments import DELTA, of_event, once_more, place
from extproc.dialects.openai_responses.replies import finish, usage
from extproc.dialects.openai_responses.texts import WORDLESS, edited
from extproc.dialects.texts import Form, Fragment
from extproc.dialects.typed_events import typed
from extproc.model import JsonPath, Response, Text, Usage

TERMINAL = frozenset({"response.completed", "response.incomplete", "response.failed"})
_DONE = b"[DONE]"
_ASIDE = ("aside",)

_PLAIN: dict[str, Form] = {
    **dict.fromkeys(("response.output_text.delta", "response.refusal.delta", "response.reasoning_text.delta",
                     "response.reasoning_summary_text.delta", "response.custom_tool_call_input.delta"), "growing"),
    **dict.fromkeys(("response.function_call_arguments.delta", "response.mcp_call_arguments.delta"), "json"),
}  # fmt: skip
"""Nearly all events of a stream, and the form of their delta."""

_PLAIN_KEYS = frozenset(
    {"type", "sequence_number", "item_id", "output_index", "content_index", "summary_index", DELTA, "logprobs",
     "obfuscation"}
)  # fmt: skip

_MOST_ITEMS = 1000
"""Of which the ids are noted; a response has a few."""


class Stream:
    """One stream: read its events in order; `response` tells at any time what they said."""

    def __init__(self, *, max_depth: int = 64) -> None:
        self._max_depth = max_depth
        self.id = ""
        self.model = ""
        self.created = 0
        self.usage = Usage()
        self.done = False
        self._reasons: tuple[str, ...] = ()
        self._ended: set[str] = set()
        self._open: dict[int, set[str]] = {}
        self._items: dict[str, None] = {}
        self._events = 0
        self._sequence = -1
        self._written = 0

    @property
    def finished(self) -> Collection[str]:
        """The texts that have come to their end, by name."""
        return self._ended

    def read(self, event: sse.Event) -> tuple[Fragment, ...]:
        """The texts of an event. Raises UnreadableReply for what no Responses stream holds."""
        if event.foreign:
            raise UnreadableReply("a line of the stream is no field of an event")
        data = event.data.strip()
        if not data or data == _DONE:
            return self._aside(event)
        value = typed(data, max_depth=self._max_depth)
        kind = value["type"]
        self._events += 1
        self._sequence = max(self._sequence, number(value.get("sequence_number")) or 0)
        named = event.aside == event.name == kind and opaque("type", kind, WORDLESS)
        return self._said(value, kind) if named else (*self._aside(event), *self._said(value, kind))

    def write(self, event: sse.Event, values: Mapping[JsonPath, str]) -> bytes:
        """The event with these texts in place of its own. What stands beside its data goes, where that was edited."""
        texts = {path: text for path, text in values.items() if path}
        name, identity = (event.name, event.id) if len(texts) == len(values) else ("", "")
        if not event.data:
            return b""
        return sse.encode(name, edited(event.data, json.loads(event.data), texts) if texts else event.data, identity)

    def part(self, event: sse.Event, fragment: Fragment, text: str) -> bytes | None:
        """An event of its own for the beginning of a delta; None where the event says more than this one text."""
        if fragment.path != (DELTA,):
            return None
        value = json.loads(event.data)
        return None if value.get("logprobs") else sse.encode(event.name, edited(event.data, value, {(DELTA,): text}))

    def shown(self, event: sse.Event) -> sse.Event:
        """What the client gets of an event that no policy edits: all of it."""
        return event

    def blocked(self, *, wants_usage: bool, sent: int) -> bytes:  # a Responses stream always ends with its usage
        """The end of a stream that a policy stopped."""
        return self._failure({"code": "invalid_prompt", "message": BLOCKED})

    def failed(self, message: str, code: str) -> bytes:
        """The end of a stream that must not go on: SDKs raise their API error for the `error` beside the response."""
        outer = {"message": message, "type": "upstream_error", "param": None, "code": code}
        return self._failure({"code": "server_error", "message": message}, error=outer)

    def response(self, texts: tuple[Text, ...] = ()) -> Response:
        """What the stream said so far."""
        return Response(self.id, self.model, texts, self._reasons, self.usage, items=tuple(self._items))

    def _aside(self, event: sse.Event) -> tuple[Fragment, ...]:
        return (Fragment(_ASIDE, (), event.aside, "whole"),) if event.aside else ()

    def _said(self, value: dict[str, Any], kind: str) -> tuple[Fragment, ...]:
        form = _PLAIN.get(kind)
        delta = value.get(DELTA)
        if form and delta and isinstance(delta, str) and value.keys() <= _PLAIN_KEYS and self._has_ids_alone(value):
            found: tuple[Fragment, ...] = (Fragment((place(value, kind), DELTA), (DELTA,), delta, form),)
        else:
            self._note(value, kind)
            found = tuple(of_event(value, kind, self._events))
        self._keep_account(value, kind, found)
        return found

    def _has_ids_alone(self, value: dict[str, Any]) -> bool:
        """Whether nothing but the delta is a text."""
        if value.get("logprobs") or number(value.get("sequence_number", 0)) is None:
            return False
        strings = ((key, value.get(key, "")) for key in ("item_id", "obfuscation"))
        return all(isinstance(each, str) and opaque(key, each, WORDLESS) for key, each in strings)

    def _keep_account(self, value: dict[str, Any], kind: str, found: tuple[Fragment, ...]) -> None:
        """Note which texts grow, and which an event ends: its own, those of its item, arguments that it has whole."""
        item = fragments.output_index(value)
        for fragment in found:
            if fragment.path[:1] == (DELTA,):
                self._written += len(fragment.value)
            if fragment.key[0] == once_more(self._events):
                self._ended |= {str(fragment.key[0])} if fragment.form == "json" else set()
            else:
                self._open.setdefault(item, set()).add(str(fragment.key[0]))
        if kind == "response.output_item.done":
            self._ended |= self._open.pop(item, set())
        elif kind.endswith(".done"):
            self._ended |= self._open.get(item, set()) & {place(value, kind)}

    def _note(self, value: dict[str, Any], kind: str) -> None:
        item, said = value.get("item"), value.get("response")
        if isinstance(item, dict) and len(self._items) < _MOST_ITEMS and (name := string(item.get("id"))):
            self._items[name] = None
        if not isinstance(said, dict):
            return
        self.id = self.id or string(said.get("id"))
        self.model = self.model or string(said.get("model"))
        self.created = self.created or number(said.get("created_at")) or 0
        if said.get("usage"):
            self.usage = usage(said["usage"])
        if kind in TERMINAL:
            self.done = True
            self._reasons = (finish(said),)

    def _failure(self, why: dict[str, str], **beside: object) -> bytes:
        """`response.failed`, with every member that clients in typed languages insist on."""
        tokens = -(-self._written // 4)  # OpenAI's own rule of thumb; the provider's count never came
        response = {
            "id": self.id, "object": "response", "created_at": self.created, "status": "failed", "error": why,
            "incomplete_details": None, "instructions": None, "metadata": {}, "model": self.model, "output": [],
            "parallel_tool_calls": True, "temperature": None, "tool_choice": "auto", "tools": [], "top_p": None,
            "usage": {
                "input_tokens": 0, "input_tokens_details": {"cached_tokens": 0}, "output_tokens": tokens,
                "output_tokens_details": {"reasoning_tokens": 0}, "total_tokens": tokens,
            },
        }  # fmt: skip
        kind = "response.failed"
        event = {"type": kind, "sequence_number": self._sequence + 1, "response": response, **beside}
        return sse.encode(kind, orjson.dumps(event))
