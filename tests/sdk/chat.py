"""OpenAI's chat completions and its SDK. Thoughts are as those who serve open models, and OpenRouter, write them."""

from __future__ import annotations

import json
import ssl
from collections.abc import Iterable
from typing import Any

import openai
from live import Gateway
from openai.types.chat import ChatCompletion, ChatCompletionChunk
from sdk.speaker import TOKENS, Call, Said, Way, Weather, pieces, words

USAGE = {
    "prompt_tokens": TOKENS[0],
    "completion_tokens": TOKENS[1],
    "total_tokens": sum(TOKENS),
    "prompt_tokens_details": {"cached_tokens": 4},
}
HEAD = {"id": "chatcmpl-1", "created": 1_790_000_000, "model": "m", "system_fingerprint": "fp_1"}


def client(gateway: Gateway, **settings: Any) -> openai.OpenAI:
    """The SDK as people configure it, without retries."""
    web = openai.DefaultHttpxClient(verify=ssl.create_default_context(cafile=str(gateway.ca)))
    given = {"base_url": gateway.base_url, "api_key": gateway.key, "max_retries": 0, **settings}
    return openai.OpenAI(http_client=web, **given)


class Chat:
    """The API."""

    name = "openai-chat"
    errors = openai
    client = staticmethod(client)
    tools = tuple(
        {"type": "function", "function": {"name": name, "parameters": {"type": "object"}}}
        for name in ("look_up", "write_down")
    )

    def reply(self, said: Said) -> bytes:
        message: dict[str, Any] = {
            "role": "assistant",
            "content": said.text or None,
            "refusal": None,
            "annotations": [],
        }
        if said.calls:
            message["tool_calls"] = [_call(call, call.arguments) for call in said.calls]
        if said.thought:
            message["reasoning_content"] = said.thought
        if said.seal:
            message["reasoning_details"] = [_sealed(said)]
        choice = {"index": 0, "message": message, "logprobs": None, "finish_reason": _finish(said)}
        return json.dumps({**HEAD, "object": "chat.completion", "choices": [choice], "usage": USAGE}).encode()

    def events(self, said: Said) -> list[bytes]:
        deltas: list[dict[str, Any]] = [{"role": "assistant", "content": None if said.calls else "", "refusal": None}]
        if said.thought:
            deltas += [{"reasoning_content": word} for word in words(said.thought)]
        if said.seal:
            deltas.append({"reasoning_details": [_sealed(said)]})
        deltas += [{"content": word} for word in words(said.text) if word]
        for index, call in enumerate(said.calls):
            deltas.append({"tool_calls": [{"index": index, **_call(call, "")}]})
            deltas += [
                {"tool_calls": [{"index": index, "function": {"arguments": each}}]} for each in pieces(call.arguments)
            ]
        rows = [_chunk(delta) for delta in deltas]
        return [*rows, _chunk({}, _finish(said)), _event(choices=[], usage=USAGE), b"data: [DONE]\n\n"]

    def delta(self, text: str) -> bytes:
        return _chunk({"content": text})

    def begin(self, client: openai.OpenAI, text: str = "hi") -> openai.Stream[ChatCompletionChunk]:
        return client.chat.completions.create(model="m", messages=[{"role": "user", "content": text}], stream=True)

    def fetch(self, client: openai.OpenAI, way: Way, text: str = "hi", **more: Any) -> ChatCompletion:
        asked = {"model": "m", "messages": [{"role": "user", "content": text}], **more}
        if way == "whole":
            whole: ChatCompletion = client.chat.completions.create(**asked)
            return whole
        with client.chat.completions.stream(**asked, stream_options={"include_usage": True}) as stream:
            return stream.get_final_completion()

    def ask(self, client: openai.OpenAI, way: Way, text: str = "hi", **more: Any) -> Said:
        if way != "events":
            return self.read(self.fetch(client, way, text, **more))
        asked = {"model": "m", "messages": [{"role": "user", "content": text}], **more}
        asked["stream_options"] = {"include_usage": True}
        return _added_up(client.chat.completions.create(**asked, stream=True))

    def read(self, reply: ChatCompletion) -> Said:
        (choice,) = reply.choices
        message = choice.message
        extra = message.model_extra or {}
        calls = [(call.id, call.function) for call in message.tool_calls or () if call.type == "function"]
        said = Said(
            message.content or "",
            tuple(Call(call_id, function.name, function.arguments) for call_id, function in calls),
            extra.get("reasoning_content", ""),
            extra.get("reasoning_details", [{"data": ""}])[0]["data"],
        )
        assert choice.finish_reason == _finish(said) and message.role == "assistant"
        assert reply.usage and (reply.usage.prompt_tokens, reply.usage.completion_tokens) == TOKENS
        return said

    def again(self, client: openai.OpenAI, way: Way, before: Said) -> Said:
        turn = json.loads(self.reply(before))["choices"][0]["message"]
        results = [{"role": "tool", "tool_call_id": call.id, "content": "42"} for call in before.calls]
        return self.ask(client, way, messages=[{"role": "user", "content": "hi"}, turn, *results])

    def picture(self, client: openai.OpenAI, way: Way, data: str, url: str) -> Said:
        images = [{"type": "image_url", "image_url": {"url": each}} for each in (f"data:image/png;base64,{data}", url)]
        content = [{"type": "text", "text": "What is it?"}, *images]
        return self.ask(client, way, messages=[{"role": "user", "content": content}])

    def parse(self, client: openai.OpenAI, way: Way, text: str = "hi") -> Weather | None:
        asked: Any = {"model": "m", "messages": [{"role": "user", "content": text}], "response_format": Weather}
        if way == "whole":
            return client.chat.completions.parse(**asked).choices[0].message.parsed
        with client.chat.completions.stream(**asked) as stream:
            return stream.get_final_completion().choices[0].message.parsed

    def error(self, message: str) -> bytes:
        return json.dumps(
            {"error": {"message": message, "type": "t", "param": None, "code": "of_the_provider"}}
        ).encode()

    def broken(self, message: str) -> bytes:
        return b"data: " + self.error(message) + b"\n\n"

    def lament(self, client: openai.OpenAI) -> str:
        try:
            list(self.begin(client))
        except openai.APIError as error:
            return error.message
        return ""


def _finish(said: Said) -> str:
    return "tool_calls" if said.calls else "stop"


def _call(call: Call, arguments: str) -> dict[str, Any]:
    return {"id": call.id, "type": "function", "function": {"name": call.name, "arguments": arguments}}


def _sealed(said: Said) -> dict[str, Any]:
    return {"type": "reasoning.encrypted", "data": said.seal, "id": "rs_1", "format": "x", "index": 0}


def _chunk(delta: dict[str, Any], finish: str | None = None) -> bytes:
    return _event(choices=[{"index": 0, "delta": delta, "logprobs": None, "finish_reason": finish}])


def _event(**members: Any) -> bytes:
    return b"data: " + json.dumps({**HEAD, "object": "chat.completion.chunk", **members}).encode() + b"\n\n"


def _added_up(chunks: Iterable[ChatCompletionChunk]) -> Said:
    text = thought = seal = ""
    calls: dict[int, list[str]] = {}
    *deltas, last = chunks
    for chunk in deltas:
        delta = chunk.choices[0].delta
        extra = delta.model_extra or {}
        text += delta.content or ""
        thought += extra.get("reasoning_content", "")
        seal += "".join(each["data"] for each in extra.get("reasoning_details", ()))
        for part in delta.tool_calls or ():
            call, function = calls.setdefault(part.index, ["", "", ""]), part.function
            for place, more in enumerate((part.id, function and function.name, function and function.arguments)):
                call[place] += more or ""
    assert last.usage and (last.usage.prompt_tokens, last.usage.completion_tokens) == TOKENS
    assert deltas[-1].choices[0].finish_reason == ("tool_calls" if calls else "stop")
    return Said(text, tuple(Call(*call) for call in calls.values()), thought, seal)
