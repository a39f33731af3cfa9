"""How OpenAI's Responses stream a text, and what a client hears of a stream: each text wherever it is said again."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from typing import Any

from responses import call, custom, heard_by_item, message, program, reasoning, remote, stream, thinking

from extproc.dialects.sse import Framer

CHANNELS = {
    "text": "response.output_text 0",
    "refusal": "response.refusal 0",
    "summary": "response.reasoning_summary_text 0",
    "reasoning": "response.reasoning_text 0",
    "second-item": "response.output_text 1",
    "arguments": "response.function_call_arguments 0",
    "escaped": "response.function_call_arguments 0",
    "second-call": "response.function_call_arguments 1",
    "custom": "response.custom_tool_call_input 0",
    "remote": "response.mcp_call_arguments 0",
    "program": "response.code_interpreter_call_code 0",
}
CODED = frozenset({"arguments", "escaped", "second-call", "remote"})
_MAKE: dict[str, Callable[[str], list[dict[str, Any]]]] = {
    "text": lambda text: [message(text)],
    "refusal": lambda text: [message(text, "refusal")],
    "summary": lambda text: [reasoning(text), message("so it is done")],
    "reasoning": lambda text: [thinking(text), message("so it is done")],
    "second-item": lambda text: [message("first of all"), {**message(text), "id": "msg_2"}],
    "arguments": lambda text: [call(text)],
    "escaped": lambda text: [call(text)],
    "second-call": lambda text: [call('{"of":"this"}'), {**call(text), "id": "fc_2", "call_id": "call_9"}],
    "custom": lambda text: [custom(text)],
    "remote": lambda text: [remote(text)],
    "program": lambda text: [program(text)],
}

Cut = Callable[[str], Sequence[str]]


def write(place: str, text: str, cut: Cut) -> bytes:
    """A stream whose items have the text at a place."""
    return b"".join(stream(*_MAKE[place](text), cut=cut))


def heard(body: bytes) -> dict[str, list[str]]:
    """Each item's text: as its deltas say it, and as it is repeated. Raises ValueError for what is no JSON or not whole."""
    return {f"{stem} {place}": texts for (stem, place), texts in heard_by_item(body).items()}


def endings(body: bytes) -> list[object]:
    """What every event is, its number, and the state and the tokens of the response."""
    framer = Framer()
    values = [json.loads(each.data) for each in (*framer.feed(body), *framer.close()) if each.data]
    last = values[-1]["response"]
    return [*((each["type"], each["sequence_number"]) for each in values), last["status"], last["usage"]]
