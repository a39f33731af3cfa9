"""OpenAI's completions and its SDK, which has no helper for their streams: ours adds the chunks up."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

import openai
from openai.types import Completion
from sdk.chat import HEAD, USAGE, Chat, client
from sdk.speaker import TOKENS, Said, Way, words


class Completions:
    """The API. Its errors are those of chat completions."""

    name = "openai-completions"
    errors = openai
    client = staticmethod(client)
    error = Chat.error
    broken = Chat.broken

    def reply(self, said: Said) -> bytes:
        return json.dumps(_chunk([_choice(said.text, "stop")], usage=USAGE)).encode()

    def events(self, said: Said) -> list[bytes]:
        deltas = [self.delta(word) for word in words(said.text)]
        ending = (_chunk([_choice("", "stop")]), _chunk([], usage=USAGE))
        return [*deltas, *map(_event, ending), b"data: [DONE]\n\n"]

    def delta(self, text: str) -> bytes:
        return _event(_chunk([_choice(text, None)]))

    def begin(self, client: openai.OpenAI, text: str = "hi") -> openai.Stream[Completion]:
        return client.completions.create(model="m", prompt=text, stream=True)

    def fetch(self, client: openai.OpenAI, way: Way, text: str = "hi", **more: Any) -> Completion:
        asked = {"model": "m", "prompt": text, **more}
        if way == "whole":
            whole: Completion = client.completions.create(**asked)
            return whole
        return _added_up(client.completions.create(**asked, stream=True, stream_options={"include_usage": True}))

    def ask(self, client: openai.OpenAI, way: Way, text: str = "hi", **more: Any) -> Said:
        return self.read(self.fetch(client, way, text, **more))

    def read(self, reply: Completion) -> Said:
        (choice,) = reply.choices
        assert choice.finish_reason == "stop" and choice.index == 0
        assert reply.usage and (reply.usage.prompt_tokens, reply.usage.completion_tokens) == TOKENS
        return Said(choice.text)

    def lament(self, client: openai.OpenAI) -> str:
        try:
            list(self.begin(client))
        except openai.APIError as error:
            return error.message
        return ""


def _chunk(choices: list[dict[str, Any]], **members: Any) -> dict[str, Any]:
    return {**HEAD, "object": "text_completion", "choices": choices, **members}


def _choice(text: str, finish: str | None) -> dict[str, Any]:
    return {"text": text, "index": 0, "logprobs": None, "finish_reason": finish}


def _event(chunk: dict[str, Any]) -> bytes:
    return b"data: " + json.dumps(chunk).encode() + b"\n\n"


def _added_up(chunks: Iterable[Completion]) -> Completion:
    first, *rest = chunks
    for chunk in rest:
        assert chunk.id == first.id
        for choice in chunk.choices:
            first.choices[0].text += choice.text
            first.choices[0].finish_reason = choice.finish_reason
    first.usage = rest[-1].usage
    return first
