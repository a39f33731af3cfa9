"""Aider, through LiteLLM and OpenAI's SDK: temperature 0, edits as text and not as tools."""

from __future__ import annotations

from typing import Any

from extproc.conformance.check import Ask, Client, Subject
from extproc.conformance.clients.chatting import Messages, hello, replies, streams
from extproc.conformance.clients.shared import bearer, faults, post, stainless

TITLE = "Aider"


def _ask(subject: Subject, messages: Messages, **members: Any) -> Ask:
    headers = (
        ("accept-encoding", "gzip, deflate"),
        ("accept", "application/json"),
        ("content-type", "application/json"),
        ("user-agent", "OpenAI/Python 2.20.0"),
        *stainless("python", "2.20.0", "CPython", "3.11.7"),
        ("x-stainless-async", "false"),
        ("x-stainless-raw-response", "true"),
        ("x-stainless-read-timeout", "600.0"),
        bearer(subject.key),
    )
    return post(
        "/v1/chat/completions",
        headers,
        {"messages": messages, "model": subject.model, "temperature": 0, **members},
    )


def _streamed(subject: Subject, messages: Messages, **members: Any) -> Ask:
    return _ask(subject, messages, stream=True, **members)


CLIENT = Client(
    "aider",
    TITLE,
    "openai",
    "recorded: Aider 0.86.2",
    (
        replies(TITLE, _ask, "writes no commit messages and cannot shorten a long history"),
        streams(TITLE, _streamed, usage=False),
        *faults(TITLE, "openai", hello(_streamed)),
    ),
)
