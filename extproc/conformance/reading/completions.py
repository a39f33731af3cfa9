"""OpenAI completions, which editors ask for what to write next."""

from __future__ import annotations

from extproc.conformance.check import Judge
from extproc.conformance.reading.whole import member, parsed, shown, stream
from extproc.conformance.sse import StreamEvent


def pieces() -> Judge:
    """Judges a stream of `text_completion`s."""
    return stream(_pieces)


def _pieces(found: list[StreamEvent]) -> str:
    if not found or found[-1].data != "[DONE]":
        return "the stream does not end with data: [DONE]"
    for event in found[:-1]:
        value = parsed(event)
        if value.get("object") != "text_completion":
            return f"an event is no text_completion: {shown(event.data)}"
        choice = member(value, "choices", 0)
        if choice and not isinstance(member(choice, "text"), str) and not member(choice, "finish_reason"):
            return "a choice has no text"
    return "" if len(found) > 1 else "the stream has no text"
