"""Zed with `openai_compatible`: its own HTTP client, streams only, no discovery."""

from __future__ import annotations

from typing import Any

from extproc.conformance.check import Ask, Client, Subject
from extproc.conformance.clients.chatting import Messages, calls_tools, hello, streams
from extproc.conformance.clients.shared import bearer, faults, large, post
from extproc.conformance.reading import chat

TITLE = "Zed"


def _ask(subject: Subject, messages: Messages, **members: Any) -> Ask:
    body = {
        "model": subject.model,
        "messages": messages,
        "stream": True,
        "stream_options": {"include_usage": True},
        "max_completion_tokens": 256,
        **members,
    }
    headers = (
        ("content-type", "application/json"),
        bearer(subject.key),
        ("user-agent", "Zed/0.211.0 (linux; x86_64)"),
        ("accept-encoding", "gzip, deflate"),
        ("accept", "*/*"),
    )
    return post("/v1/chat/completions", headers, body)


CLIENT = Client(
    "zed",
    TITLE,
    "openai",
    "read: crates/open_ai of November 2026",
    (
        streams(TITLE, _ask, usage=True),
        calls_tools(TITLE, _ask, streams=True, parallel_tool_calls=False),
        large(TITLE, hello(_ask), chat.chunks()),
        *faults(TITLE, "openai", hello(_ask)),
    ),
)
