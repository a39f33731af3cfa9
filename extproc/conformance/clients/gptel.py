"""gptel, in Emacs, through curl: no discovery, tool ids that begin with `call_`."""

from __future__ import annotations

from typing import Any

from extproc.conformance.check import Ask, Client, Subject
from extproc.conformance.clients.chatting import Messages, calls_tools, hello, replies, streams
from extproc.conformance.clients.shared import bearer, faults, post

TITLE = "gptel"


def _ask(subject: Subject, messages: Messages, **members: Any) -> Ask:
    body = {"model": subject.model, "messages": messages, "stream": False, "temperature": 1.0, **members}
    headers = (
        ("user-agent", "curl/8.5.0"),
        ("accept", "*/*"),
        ("accept-encoding", "gzip, deflate"),
        ("content-type", "application/json"),
        bearer(subject.key),
    )
    return post("/v1/chat/completions", headers, body)


def _streamed(subject: Subject, messages: Messages, **members: Any) -> Ask:
    return _ask(subject, messages, stream=True, **members)


CLIENT = Client(
    "gptel",
    TITLE,
    "openai",
    "read: gptel-openai.el",
    (
        replies(TITLE, _ask, "answers nothing where gptel-stream is off, and writes no rewrites"),
        streams(TITLE, _streamed, usage=False),
        calls_tools(TITLE, _streamed, streams=True, prefix="call_", parallel_tool_calls=True),
        *faults(TITLE, "openai", hello(_streamed)),
    ),
)
