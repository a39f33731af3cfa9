"""Anthropic's messages and its SDK."""

from __future__ import annotations

import json
import ssl
from collections.abc import Iterable, Iterator
from typing import Any

import anthropic
from anthropic.types import Message, RawMessageStreamEvent
from live import Gateway
from sdk.speaker import TOKENS, Call, Said, Way, Weather, pieces, words

USAGE = {"input_tokens": TOKENS[0], "cache_creation_input_tokens": 0, "cache_read_input_tokens": 3}
HEAD = {"id": "msg_1", "type": "message", "role": "assistant", "model": "claude", "stop_sequence": None}
ASK = {"model": "claude", "max_tokens": 100}


class Messages:
    """The API."""

    name = "anthropic-messages"
    errors = anthropic
    tools = tuple({"name": name, "input_schema": {"type": "object"}} for name in ("look_up", "write_down"))

    def client(self, gateway: Gateway, **settings: Any) -> anthropic.Anthropic:
        """The SDK as people configure it, without retries."""
        web = anthropic.DefaultHttpxClient(verify=ssl.create_default_context(cafile=str(gateway.ca)))
        given = {"base_url": f"https://localhost:{gateway.port}", "api_key": gateway.key, "max_retries": 0, **settings}
        return anthropic.Anthropic(http_client=web, **given)

    def reply(self, said: Said) -> bytes:
        ending = {"stop_reason": _reason(said), "usage": {**USAGE, "output_tokens": TOKENS[1]}}
        return json.dumps({**HEAD, "content": _blocks(said), **ending}).encode()

    def events(self, said: Said) -> list[bytes]:
        start: dict[str, Any] = {**HEAD, "content": [], "stop_reason": None, "usage": {**USAGE, "output_tokens": 1}}
        ending = {"stop_reason": _reason(said), "stop_sequence": None}
        return [
            _event("message_start", message=start),
            _event("ping"),
            *(event for index, block in enumerate(_blocks(said)) for event in _streamed(index, block)),
            _event("message_delta", delta=ending, usage={"output_tokens": TOKENS[1]}),
            _event("message_stop"),
        ]

    def delta(self, text: str) -> bytes:
        return _event("content_block_delta", index=0, delta={"type": "text_delta", "text": text})

    def begin(self, client: anthropic.Anthropic, text: str = "hi") -> anthropic.Stream[RawMessageStreamEvent]:
        asked: Any = {**ASK, "messages": [{"role": "user", "content": text}]}
        found: anthropic.Stream[RawMessageStreamEvent] = client.messages.create(**asked, stream=True)
        return found

    def fetch(self, client: anthropic.Anthropic, way: Way, text: str = "hi", **more: Any) -> Message:
        asked: Any = {**ASK, "messages": [{"role": "user", "content": text}], **more}
        if way == "whole":
            whole: Message = client.messages.create(**asked)
            return whole
        with client.messages.stream(**asked) as stream:
            return stream.get_final_message()

    def ask(self, client: anthropic.Anthropic, way: Way, text: str = "hi", **more: Any) -> Said:
        if way != "events":
            return self.read(self.fetch(client, way, text, **more))
        asked: Any = {**ASK, "messages": [{"role": "user", "content": text}], **more}
        return _added_up(client.messages.create(**asked, stream=True))

    def read(self, message: Message) -> Said:
        text = thought = seal = ""
        calls = []
        for block in message.content:
            match block.type:
                case "text":
                    text += block.text
                case "thinking":
                    thought, seal = thought + block.thinking, seal + block.signature
                case "tool_use":
                    calls.append(Call(block.id, block.name, json.dumps(block.input)))
        said = Said(text, tuple(calls), thought, seal)
        assert message.stop_reason == _reason(said) and message.role == "assistant"
        assert (message.usage.input_tokens, message.usage.output_tokens) == TOKENS
        return said

    def again(self, client: anthropic.Anthropic, way: Way, before: Said) -> Said:
        results = [{"type": "tool_result", "tool_use_id": call.id, "content": "42"} for call in before.calls]
        then: list[Any] = results or [{"type": "text", "text": "and then?"}]
        turns = [("user", "hi"), ("assistant", _blocks(before)), ("user", then)]
        return self.ask(client, way, messages=[{"role": role, "content": content} for role, content in turns])

    def picture(self, client: anthropic.Anthropic, way: Way, data: str, url: str) -> Said:
        sources = [{"type": "base64", "media_type": "image/png", "data": data}, {"type": "url", "url": url}]
        content = [
            *({"type": "image", "source": source} for source in sources),
            {"type": "text", "text": "What is it?"},
        ]
        return self.ask(client, way, messages=[{"role": "user", "content": content}])

    def parse(self, client: anthropic.Anthropic, way: Way, text: str = "hi") -> Weather | None:
        asked: Any = {**ASK, "messages": [{"role": "user", "content": text}], "output_format": Weather}
        if way == "whole":
            return client.messages.parse(**asked).parsed_output
        with client.messages.stream(**asked) as stream:
            return stream.get_final_message().parsed_output

    def error(self, message: str) -> bytes:
        return json.dumps({"type": "error", "error": {"type": "of_the_provider", "message": message}}).encode()

    def broken(self, message: str) -> bytes:
        return b"event: error\ndata: " + self.error(message) + b"\n\n"

    def lament(self, client: anthropic.Anthropic) -> str:
        try:
            list(self.begin(client))
        except anthropic.APIError as error:
            return error.message
        return ""


def _reason(said: Said) -> str:
    return "tool_use" if said.calls else "end_turn"


def _blocks(said: Said) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    if said.thought:
        found.append({"type": "thinking", "thinking": said.thought, "signature": said.seal})
    if said.text:
        found.append({"type": "text", "text": said.text})
    return found + [
        {"type": "tool_use", "id": call.id, "name": call.name, "input": json.loads(call.arguments)}
        for call in said.calls
    ]


def _streamed(index: int, block: dict[str, Any]) -> Iterator[bytes]:
    empty: dict[str, dict[str, Any]] = {"text": {"text": ""}, "thinking": {"thinking": "", "signature": ""}}
    begun = {**block, **empty.get(block["type"], {"input": {}})}
    yield _event("content_block_start", index=index, content_block=begun)
    for delta in _deltas(block):
        yield _event("content_block_delta", index=index, delta=delta)
    yield _event("content_block_stop", index=index)


def _deltas(block: dict[str, Any]) -> list[dict[str, str]]:
    if block["type"] == "text":
        return [{"type": "text_delta", "text": word} for word in words(block["text"])]
    if block["type"] == "thinking":
        thought = [{"type": "thinking_delta", "thinking": word} for word in words(block["thinking"])]
        return [*thought, {"type": "signature_delta", "signature": block["signature"]}]
    return [{"type": "input_json_delta", "partial_json": part} for part in ["", *pieces(json.dumps(block["input"]))]]


def _event(kind: str, **members: Any) -> bytes:
    return f"event: {kind}\ndata: {json.dumps({'type': kind, **members})}\n\n".encode()


def _added_up(events: Iterable[RawMessageStreamEvent]) -> Said:
    told: dict[str, str] = {"text": "", "thinking": "", "signature": ""}
    calls: dict[int, list[str]] = {}
    reason, tokens = None, (0, 0)
    for event in events:
        match event.type:
            case "message_start":
                tokens = (event.message.usage.input_tokens, 0)
            case "content_block_start" if event.content_block.type == "tool_use":
                calls[event.index] = [event.content_block.id, event.content_block.name, ""]
            case "content_block_delta" if event.delta.type == "input_json_delta":
                calls[event.index][2] += event.delta.partial_json
            case "content_block_delta":
                for name in told:
                    told[name] += getattr(event.delta, name, "")
            case "message_delta":
                reason, tokens = event.delta.stop_reason, (tokens[0], event.usage.output_tokens)
    said = Said(told["text"], tuple(Call(*call) for call in calls.values()), told["thinking"], told["signature"])
    assert reason == _reason(said) and tokens == TOKENS
    return said
