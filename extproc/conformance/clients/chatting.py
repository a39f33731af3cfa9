"""Checks of clients that speak chat completions: the client's file gives the bodies, this one the conversations."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from extproc.conformance.check import Ask, Check, Reply, Subject, Turn, once
from extproc.conformance.clients.shared import CALL, FOUND, HELLO, TOOL, TOOL_SCHEMA
from extproc.conformance.reading import chat

Messages = list[dict[str, Any]]
Asking = Callable[..., Ask]
"""`asking(subject, messages, **members)`: a request of the client with these messages."""

TOOLS = [{"type": "function", "function": {"name": TOOL, "description": "Looks it up.", "parameters": TOOL_SCHEMA}}]


def says(text: str) -> Messages:
    """A conversation of one question."""
    return [{"role": "system", "content": "You are a coding assistant."}, {"role": "user", "content": text}]


def hello(asking: Asking) -> Callable[[Subject], Ask]:
    """The client's plainest request."""
    return lambda subject: asking(subject, says(HELLO))


def replies(title: str, asking: Asking, breaks: str) -> Check:
    """A whole answer."""
    return Check(
        "reply",
        once(hello(asking), chat.reply()),
        f"{title} {breaks}",
        "answer POST /v1/chat/completions without stream with a whole chat.completion",
    )


def streams(title: str, asking: Asking, *, usage: bool) -> Check:
    """A stream that ends as the API promises."""
    told = " and the tokens of the stream" if usage else ""
    return Check(
        "stream",
        once(hello(asking), chat.chunks(usage=usage)),
        f"{title} shows nothing, half an answer, or waits for an end that never comes{'; it counts 0 tokens' * usage}",
        f"pass every chunk as it comes{told}, one finish_reason, then data: [DONE]",
    )


def calls_tools(title: str, asking: Asking, *, streams: bool, prefix: str = "", **members: Any) -> Check:
    """A tool is called, and the conversation goes on with what it gave."""
    offered = {"tools": TOOLS, "tool_choice": "required", **members}
    after = {"tools": TOOLS, **members}
    read = chat.streamed_calls if streams else chat.whole_calls

    def goes_on(subject: Subject, before: tuple[Reply, ...]) -> Ask:
        called = read(before[0])
        said: Messages = [{"role": "assistant", "content": None, "tool_calls": [each.item for each in called]}]
        gave = [{"role": "tool", "tool_call_id": each.id, "content": FOUND} for each in called]
        return asking(subject, says(CALL) + said + gave, **after)

    return Check(
        "tools",
        (
            Turn(lambda subject, _: asking(subject, says(CALL), **offered), chat.calls(prefix=prefix, streams=streams)),
            Turn(goes_on, chat.chunks() if streams else chat.reply()),
        ),
        f"{title} runs tools with empty arguments, or stops after the first one: agents and edits do not work",
        "pass tool_calls byte for byte, and take back the assistant's tool_calls and messages with the role tool",
    )
