"""A message as an event stream: what an event says, how it is edited, how a stream is ended by us."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import orjson

from extproc.dialects import BLOCKED, UnreadableReply, sse
from extproc.dialects.anthropic_messages import fragments
from extproc.dialects.anthropic_messages.errors import error
from extproc.dialects.anthropic_messages.replies import usage
from extproc.dialects.anthropic_messages.texts import opaque
from extproc.dialects.json_text import splice
from extproc.dialects.openai_chat.replies import number, string
from extproc.dialects.texts import Fragment
from extproc.dialects.typed_events import typed
from extproc.model import JsonPath, Response, Text

_ASIDE = ("aside",)
_KIND = ("type",)
_TYPE = frozenset({"type"})
_BLOCK = _TYPE | {"index"}
_IDENTIFIER = frozenset({"id"})
_COUNTS = ("input_tokens", "cache_read_input_tokens", "cache_creation_input_tokens")
_PARTS = (("delta", "text"), ("delta", "thinking"), ("delta", "partial_json"))
"""What clients add up, so that it may come in two events as well as in one."""

_CALLS = frozenset({"tool_use", "server_tool_use", "mcp_tool_use"})
"""What is run once it has ended: Claude Code runs a call with half of its input, and asks on and on (seen: 2.1.331)."""

_WHY = {"type": "refusal", "category": None, "explanation": BLOCKED}

_NEVER = 1 << 62


class Stream:
    """One stream: read its events in order; `response` tells at any time what they said.

    `finished` has the blocks that have ended.
    """

    def __init__(self, *, max_depth: int = 64) -> None:
        self._max_depth = max_depth
        self.id = ""
        self.model = ""
        self.finished: dict[int, str] = {}
        self.done = False
        self._reason = ""
        self._usage: dict[str, Any] = {}
        self._written = 0
        self._read = 0
        self._started = self._stopped = _NEVER  # the numbers of the events that did it; so too for each block
        self._begun: dict[int, int] = {}
        self._ended: dict[int, int] = {}
        self._calls: set[int] = set()

    def read(self, event: sse.Event) -> tuple[Fragment, ...]:
        """The texts of an event. Raises UnreadableReply for what no stream of this API holds."""
        if event.foreign:
            raise UnreadableReply("a line of the stream is no field of an event")
        self._read += 1
        data = event.data.strip()
        value = typed(data, max_depth=self._max_depth) if data else {}
        kind = value.get("type")
        if value and event.name not in ("", kind):  # clients may go by either
            raise UnreadableReply("an event is called by another name than its type")
        aside = () if event.aside == event.name and value else self._aside(event)
        said = (*aside, *self._said(kind, value))
        self._written += sum(len(fragment.value) for fragment in said)
        return said

    def write(self, event: sse.Event, values: Mapping[JsonPath, str]) -> bytes:
        """The event with these texts in place of its own. What stands beside its data goes, where that was edited."""
        if not event.data:
            return b""
        texts = {path: text for path, text in values.items() if path}
        name = "" if _KIND in texts else event.name  # which is the type that stands in the data
        identity = event.id if len(texts) == len(values) else ""
        return sse.encode(name, splice(event.data, texts) if texts else event.data, identity)

    def part(self, event: sse.Event, fragment: Fragment, text: str) -> bytes | None:
        """An event of its own for the beginning of a fragment; None where clients would not add the two up."""
        if fragment.path not in _PARTS:
            return None
        return sse.encode(event.name, splice(event.data, {fragment.path: text}))

    def shown(self, event: sse.Event) -> sse.Event:
        """What the client gets of an event that no policy edits: all of it."""
        return event

    def blocked(self, *, wants_usage: bool, sent: int) -> bytes:
        """The end of a stream that a policy stopped, as if the model had refused: what is open is closed, but for
        calls of tools, and clients show a refusal rather than go on with half an answer.
        """
        if self._stopped <= sent:
            return b""
        events = [] if self._started <= sent else [self._start()]
        events += [{"type": "content_block_stop", "index": index} for index in self._open(sent)]
        delta = {"stop_reason": "refusal", "stop_sequence": None, "stop_details": _WHY}
        events.append({"type": "message_delta", "delta": delta, "usage": {"output_tokens": self._estimated()}})
        events.append({"type": "message_stop"})
        return b"".join(sse.encode(str(each["type"]), orjson.dumps(each)) for each in events)

    def failed(self, message: str, code: str) -> bytes:
        """The end of a stream that must not go on: SDKs raise their API error for it."""
        return sse.encode("error", error(502, message, "upstream_error", code))

    def response(self, texts: tuple[Text, ...] = ()) -> Response:
        """What the stream said so far."""
        reasons = (self._reason,) if self._reason else ()
        return Response(self.id, self.model, texts, reasons, usage(self._usage))

    def _aside(self, event: sse.Event) -> tuple[Fragment, ...]:
        return (Fragment(_ASIDE, (), event.aside, "whole"),) if event.aside else ()

    def _said(self, kind: object, value: dict[str, Any]) -> Iterator[Fragment]:
        match kind:
            case "content_block_delta":
                index = self._index(value)
                yield from fragments.of_delta(_object(value, "delta"), ("delta",), index, self._begun.get(index, 0))
                yield from fragments.of_others(value, _BLOCK | {"delta"})
            case "content_block_start":
                index = self._index(value)
                block = _object(value, "content_block")
                self._begin(index, string(block.get("type")))
                yield from fragments.of_start(block, ("content_block",), index)
                yield from fragments.of_others(value, _BLOCK | {"content_block"})
            case "content_block_stop":
                self._end(self._index(value))
                yield from fragments.of_others(value, _BLOCK)
            case "message_start":
                yield from self._message_start(_object(value, "message"))
                yield from fragments.of_others(value, _TYPE | {"message"})
            case "message_delta":
                self._message_delta(_object(value, "delta"), value.get("usage"))
                yield from fragments.of_others(value, _TYPE)
            case "message_stop":
                self.done, self._stopped = True, self._read
                yield from fragments.of_others(value, _TYPE)
            case "ping" | "error" | None:
                yield from fragments.of_others(value, _TYPE)
            case _:
                yield Fragment(_KIND, _KIND, str(kind), "whole")
                yield from fragments.of_others(value, _TYPE, number(value.get("index")))

    def _message_start(self, message: dict[str, Any]) -> Iterator[Fragment]:
        self._started = min(self._started, self._read)
        self.done, self._stopped = False, _NEVER  # nor is a stream over that goes on with another
        self.id = self.id or _identifier(message.get("id"))
        self.model = self.model or _identifier(message.get("model"))
        self._count(message.get("usage"))
        return fragments.of_message(message)

    def _message_delta(self, delta: dict[str, Any], tokens: object) -> None:
        self._reason = string(delta.get("stop_reason")) or self._reason
        self._count(tokens)
        if self._reason:
            self.finished.update(dict.fromkeys(self._begun, self._reason))

    def _count(self, tokens: object) -> None:
        """Later counts are totals that stand in place of earlier ones; one that is left out has not changed."""
        if isinstance(tokens, dict):
            self._usage.update({name: count for name, count in tokens.items() if count is not None})

    def _index(self, value: dict[str, Any]) -> int:
        index = number(value.get("index"))
        if index is None:
            raise UnreadableReply("an event of a content block does not say which")
        return index

    def _begin(self, index: int, kind: str) -> None:
        (self._calls.add if kind in _CALLS else self._calls.discard)(index)
        self._begun[index] = self._read
        self._ended.pop(index, None)
        self.finished.pop(index, None)

    def _end(self, index: int) -> None:
        self._ended[index] = self._read
        self.finished[index] = ""

    def _open(self, sent: int) -> list[int]:
        """The blocks whose start has been sent, and whose stop has not; no calls of tools, which must not be run."""
        begun = (index for index, at in self._begun.items() if at <= sent and index not in self._calls)
        return sorted(index for index in begun if self._ended.get(index, _NEVER) > sent)

    def _start(self) -> dict[str, object]:
        """A message's start in place of the provider's, with nothing in it that may be words."""
        counts = {name: number(self._usage.get(name)) for name in _COUNTS}
        message: dict[str, object] = {
            "id": self.id,
            "type": "message",
            "role": "assistant",
            "model": self.model,
            "content": [],
            "stop_reason": None,
            "stop_sequence": None,
            "usage": {**counts, "input_tokens": counts["input_tokens"] or 0, "output_tokens": 0},
        }
        return {"type": "message_start", "message": message}

    def _estimated(self) -> int:
        """Four characters a token is a rule of thumb; the provider's count never came."""
        return max(-(-self._written // 4), number(self._usage.get("output_tokens")) or 0)


def _identifier(value: object) -> str:
    """The value where it is an identifier; what may be words is not repeated, for it has not been judged yet."""
    text = string(value)
    return text if opaque("id", text, _IDENTIFIER) else ""


def _object(value: dict[str, Any], name: str) -> dict[str, Any]:
    found = value.get(name)
    if not isinstance(found, dict):
        raise UnreadableReply(f"an event of the stream has no {name}")
    return found
