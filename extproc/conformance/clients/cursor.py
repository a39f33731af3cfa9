"""Cursor: its servers ask, in Responses or chats as the model has it, and read chat chunks; its editor checks the key.

The bodies are put together from what gateways report of it: no Cursor was recorded here.
"""

from __future__ import annotations

from typing import Any

from extproc.conformance.check import Ask, Check, Client, Pairs, Reply, Subject, Turn, once
from extproc.conformance.clients.chatting import Messages, calls_tools, says
from extproc.conformance.clients.shared import CALL, FOUND, HELLO, TOOL, TOOL_SCHEMA, bearer, faults, get, large, post
from extproc.conformance.reading import chat, leave, listing

TITLE = "Cursor"
ORIGIN = "vscode-file://vscode-app"
_CHAT = "/v1/chat/completions"
_FLAT = {"type": "function", "name": TOOL, "description": "Looks it up.", "parameters": TOOL_SCHEMA}
_NESTED = {"type": "function", "function": {"name": f"{TOOL}_nested", "parameters": TOOL_SCHEMA}}


def _servers(subject: Subject) -> Pairs:
    return (
        ("accept", "application/json"),
        ("content-type", "application/json"),
        ("user-agent", "OpenAI/JS 6.49.0"),
        bearer(subject.key),
        ("accept-encoding", "gzip, deflate"),
    )


def _editors(subject: Subject) -> Pairs:
    return (("origin", ORIGIN), ("content-type", "application/json"), bearer(subject.key), ("accept", "*/*"))


def _item(role: str, text: str) -> dict[str, Any]:
    kind = "output_text" if role == "assistant" else "input_text"
    return {"role": role, "content": [{"type": kind, "text": text}]}


def _responses(subject: Subject, items: list[dict[str, Any]], **members: Any) -> Ask:
    body = {
        "model": subject.model,
        "input": [_item("system", "You are a coding assistant."), *items],
        "stream": True,
        "stream_options": {"include_usage": True},
        "store": False,
        "include": ["reasoning.encrypted_content"],
        "user": "conformance",
        "metadata": {"cursorConversationId": "conformance"},
        "tools": [_FLAT, _NESTED],
        "tool_choice": "auto",
        **members,
    }
    return post(_CHAT, _servers(subject), body)


def _hello(subject: Subject) -> Ask:
    return _responses(subject, [_item("user", HELLO)])


def _chat(subject: Subject, messages: Messages, **members: Any) -> Ask:
    body = {
        "model": subject.model,
        "messages": messages,
        "stream": True,
        "stream_options": {"include_usage": True},
        **members,
    }
    return post(_CHAT, _servers(subject), body)


def _goes_on(subject: Subject, before: tuple[Reply, ...]) -> Ask:
    called = chat.streamed_calls(before[0])
    made = [
        {"type": "function_call", "call_id": each.id, "name": each.name, "arguments": each.arguments} for each in called
    ]
    gave = [{"type": "function_call_output", "call_id": each.id, "output": FOUND} for each in called]
    return _responses(subject, [_item("user", CALL), *made, *gave])


def _preflight(_: Subject) -> Ask:
    asks = (
        ("origin", ORIGIN),
        ("access-control-request-method", "POST"),
        ("access-control-request-headers", "authorization,content-type"),
    )
    return Ask("OPTIONS", _CHAT, asks)


def _verify(subject: Subject) -> Ask:
    body = {"model": subject.model, "messages": [{"role": "user", "content": "Testing. Just say hi and nothing else."}]}
    return post(_CHAT, _editors(subject), body)


CLIENT = Client(
    "cursor",
    TITLE,
    "openai",
    "read: what gateways that serve it say of it",
    (
        Check(
            "preflight",
            once(_preflight, leave.preflight(ORIGIN, "POST", "authorization", "content-type")),
            "the key cannot be verified in the settings: the editor is a web page and may not ask",
            f"answer OPTIONS without a key; allow the origin {ORIGIN}, the headers authorization and content-type",
        ),
        Check(
            "models",
            once(
                lambda subject: get("/v1/models", _editors(subject)),
                leave.readable(ORIGIN, listing.models("openai")),
            ),
            "the key cannot be verified in the settings",
            f"answer GET /v1/models with OpenAI's list, readable from the origin {ORIGIN}",
        ),
        Check(
            "key",
            once(_verify, leave.readable(ORIGIN, chat.reply())),
            "the key cannot be verified in the settings",
            f"answer POST {_CHAT}, readable from the origin {ORIGIN}",
        ),
        Check(
            "stream",
            once(_hello, chat.chunks(usage=True)),
            "nothing is answered by models for which Cursor sends Responses",
            "take an input of items, and answer with chat.completion.chunk",
        ),
        Check(
            "tools",
            (
                Turn(
                    lambda subject, _: _responses(subject, [_item("user", CALL)], tool_choice="required"),
                    chat.calls(streams=True),
                ),
                Turn(_goes_on, chat.chunks()),
            ),
            "the agent cannot read or edit a file with models for which Cursor sends Responses",
            "take flat tools and nested ones in one list, and function_call and function_call_output among the items",
        ),
        Check(
            "chat",
            once(lambda subject: _chat(subject, says(HELLO)), chat.chunks(usage=True)),
            "nothing is answered by models for which Cursor sends chats",
            "take messages at the same path",
        ),
        Check(
            "chat-tools",
            calls_tools(TITLE, _chat, streams=True).turns,
            "the agent cannot read or edit a file with models for which Cursor sends chats",
            "take messages with tools at the same path",
        ),
        large(TITLE, _hello, chat.chunks()),
        *faults(TITLE, "openai", _hello),
    ),
    below="/cursor",
)
