"""OpenAI's Responses and its SDK."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

import openai
import responses
from openai.types.responses import Response, ResponseStreamEvent
from sdk.chat import Chat, client
from sdk.speaker import TOKENS, Call, Said, Way, Weather, pieces

USAGE = {**responses.USAGE, "input_tokens": TOKENS[0], "output_tokens": TOKENS[1], "total_tokens": sum(TOKENS)}


class Responses:
    """The API. Its errors are those of chat completions."""

    name = "openai-responses"
    errors = openai
    client = staticmethod(client)
    error = Chat.error
    tools = tuple(
        {"type": "function", "name": name, "parameters": {"type": "object"}, "strict": False}
        for name in ("look_up", "write_down")
    )

    def reply(self, said: Said) -> bytes:
        return json.dumps(responses.response(_items(said), usage=USAGE)).encode()

    def events(self, said: Said) -> list[bytes]:
        return responses.stream(*_items(said), cut=pieces, usage=USAGE)

    def delta(self, text: str) -> bytes:
        at = {"item_id": "msg_1", "output_index": 0, "content_index": 0}
        return responses.event("response.output_text.delta", 5, **at, delta=text)

    def begin(self, client: openai.OpenAI, text: str = "hi") -> openai.Stream[ResponseStreamEvent]:
        return client.responses.create(model="m", input=text, store=False, stream=True)

    def fetch(self, client: openai.OpenAI, way: Way, text: str = "hi", **more: Any) -> Response:
        asked = {"model": "m", "input": text, "store": False, **more}
        if way == "whole":
            whole: Response = client.responses.create(**asked)
            return whole
        with client.responses.stream(**asked) as stream:
            return stream.get_final_response()

    def ask(self, client: openai.OpenAI, way: Way, text: str = "hi", **more: Any) -> Said:
        if way != "events":
            return self.read(self.fetch(client, way, text, **more))
        return _added_up(client.responses.create(**{"model": "m", "input": text, "store": False, **more}, stream=True))

    def read(self, response: Response) -> Said:
        thought = seal = ""
        calls = []
        for item in response.output:
            if item.type == "reasoning":
                thought += "".join(part.text for part in item.summary)
                seal += item.encrypted_content or ""
            elif item.type == "function_call":
                calls.append(Call(item.call_id, item.name, item.arguments))
        assert response.status == "completed"
        assert response.usage and (response.usage.input_tokens, response.usage.output_tokens) == TOKENS
        return Said(response.output_text, tuple(calls), thought, seal)

    def again(self, client: openai.OpenAI, way: Way, before: Said) -> Said:
        results = [{"type": "function_call_output", "call_id": call.id, "output": "42"} for call in before.calls]
        then = results or [{"role": "user", "content": "and then?"}]
        return self.ask(client, way, input=[{"role": "user", "content": "hi"}, *_items(before), *then])

    def picture(self, client: openai.OpenAI, way: Way, data: str, url: str) -> Said:
        urls = (f"data:image/png;base64,{data}", url)
        images = [{"type": "input_image", "image_url": each, "detail": "auto"} for each in urls]
        content = [{"type": "input_text", "text": "What is it?"}, *images]
        return self.ask(client, way, input=[{"role": "user", "content": content}])

    def parse(self, client: openai.OpenAI, way: Way, text: str = "hi") -> Weather | None:
        if way == "whole":
            return client.responses.parse(model="m", input=text, store=False, text_format=Weather).output_parsed
        with client.responses.stream(model="m", input=text, store=False, text_format=Weather) as stream:
            return stream.get_final_response().output_parsed

    def broken(self, message: str) -> bytes:
        return responses.event("error", 3, message=message, code="of_the_provider", param=None)

    def lament(self, client: openai.OpenAI) -> str:
        *_, last = self.begin(client)
        return last.message if last.type == "error" else ""


def _items(said: Said) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    if said.thought:
        found.append({**responses.reasoning(said.thought), "encrypted_content": said.seal})
    if said.text:
        found.append(responses.message(said.text))
    for number, call in enumerate(said.calls):
        names = {"id": f"fc_{number}", "call_id": call.id, "name": call.name}
        found.append({**responses.call(call.arguments), **names})
    return found


def _added_up(events: Iterable[ResponseStreamEvent]) -> Said:
    """What the deltas say; the last event's response says the same."""
    told = {"response.output_text.delta": "", "response.reasoning_summary_text.delta": ""}
    calls: dict[int, list[str]] = {}
    *rest, last = events
    for event in rest:
        if event.type in told:
            told[event.type] += event.delta  # type: ignore[operator, union-attr]
        elif event.type == "response.output_item.added" and event.item.type == "function_call":
            calls[event.output_index] = [event.item.call_id, event.item.name, ""]
        elif event.type == "response.function_call_arguments.delta":
            calls[event.output_index][2] += event.delta
    assert [event.sequence_number for event in (*rest, last)] == list(range(len(rest) + 1))
    assert last.type == "response.completed"
    whole = Responses().read(last.response)
    text, thought = told.values()
    assert whole == Said(text, tuple(Call(*call) for call in calls.values()), thought, whole.seal)
    return whole
