"""Checks of clients that speak Anthropic's messages: the client's file gives the bodies, this one the conversations."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from extproc.conformance.check import Ask, Check, Reply, Subject, Turn, once
from extproc.conformance.clients.shared import CALL, FOUND, HELLO, TOOL, TOOL_SCHEMA
from extproc.conformance.reading import messages

Turns = list[dict[str, Any]]
Asking = Callable[..., Ask]
"""`asking(subject, turns, **members)`: a request of the client with these messages."""

TOOLS = [{"name": TOOL, "description": "Looks it up.", "input_schema": TOOL_SCHEMA}]


def says(text: str) -> Turns:
    """A conversation of one question."""
    return [{"role": "user", "content": [{"type": "text", "text": text}]}]


def hello(asking: Asking) -> Callable[[Subject], Ask]:
    """The client's plainest request."""
    return lambda subject: asking(subject, says(HELLO))


def replies(asking: Asking, breaks: str) -> Check:
    """A whole message."""
    return Check(
        "reply",
        once(hello(asking), messages.message()),
        breaks,
        "answer POST /v1/messages without stream with a whole message",
    )


def streams(asking: Asking, breaks: str) -> Check:
    """A stream that ends as the API promises."""
    return Check(
        "stream",
        once(hello(asking), messages.named_events()),
        breaks,
        "pass every named event as it comes, usage in message_start and message_delta, message_stop last",
    )


def uses_tools(title: str, asking: Asking, *, streams: bool) -> Check:
    """A tool is used, and the conversation goes on with what it gave."""

    def goes_on(subject: Subject, before: tuple[Reply, ...]) -> Ask:
        content = messages.blocks(before[0], streams=streams)
        used = [block["id"] for block in content if block.get("type") == "tool_use"]
        gave = [{"type": "tool_result", "tool_use_id": each, "content": FOUND} for each in used]
        said: Turns = [{"role": "assistant", "content": content}, {"role": "user", "content": gave}]
        return asking(subject, says(CALL) + said, tools=TOOLS)

    return Check(
        "tools",
        (
            Turn(
                lambda subject, _: asking(subject, says(CALL), tools=TOOLS, tool_choice={"type": "any"}),
                messages.uses(streams=streams),
            ),
            Turn(goes_on, messages.named_events() if streams else messages.message()),
        ),
        f"{title} runs tools with empty input, or stops after the first one",
        "pass tool_use blocks and their input_json_delta byte for byte, and take back tool_result",
    )


def counts(path: str, ask: Callable[[Subject], Ask], breaks: str) -> Check:
    """A count of tokens."""
    return Check("count-tokens", once(ask, messages.count()), breaks, f"serve POST {path}")
