"""Codex: Responses, streams only."""

from __future__ import annotations

from typing import Any

from extproc.conformance.check import Ask, Check, Client, Pairs, Reply, Subject, Turn, once
from extproc.conformance.clients.shared import CALL, FOUND, HELLO, bearer, faults, get, large, post
from extproc.conformance.reading import listing, responses

TITLE = "Codex"
_VERSION = "0.169.0"
_SESSION = "01a21079-ea56-7190-a07f-45ef448b4099"
_TOOLS = [
    {
        "type": "function",
        "name": "exec_command",
        "description": "Runs a command in a PTY.",
        "strict": False,
        "parameters": {
            "type": "object",
            "properties": {"cmd": {"type": "string", "description": "Shell command to execute."}},
            "required": ["cmd"],
            "additionalProperties": False,
        },
    }
]


def _headers(subject: Subject) -> Pairs:
    return (
        ("x-codex-beta-features", "remote_compaction_v2"),
        ("x-codex-window-id", f"{_SESSION}:0"),
        ("x-client-request-id", _SESSION),
        ("session-id", _SESSION),
        ("thread-id", _SESSION),
        ("accept", "text/event-stream"),
        ("content-type", "application/json"),
        bearer(subject.key),
        ("originator", "codex_exec"),
        ("user-agent", f"codex_exec/{_VERSION} (Debian 12.0.0; x86_64) unknown (codex_exec; {_VERSION})"),
    )


def _says(role: str, text: str) -> dict[str, Any]:
    return {"type": "message", "role": role, "content": [{"type": "input_text", "text": text}]}


def _ask(subject: Subject, items: list[dict[str, Any]], **members: Any) -> Ask:
    body = {
        "model": subject.model,
        "stream": True,
        "input": [_says("developer", "You are a coding agent."), *items],
        "tools": _TOOLS,
        "tool_choice": "auto",
        "parallel_tool_calls": True,
        "reasoning": None,
        "store": False,
        "include": [],
        "prompt_cache_key": _SESSION,
        **members,
    }
    return post("/v1/responses", _headers(subject), body)


def _hello(subject: Subject) -> Ask:
    return _ask(subject, [_says("user", HELLO)])


def _extras(subject: Subject) -> Ask:
    return _ask(subject, [_says("user", HELLO)], client_metadata={"session_id": _SESSION, "x-codex-window-id": "0"})


def _goes_on(subject: Subject, before: tuple[Reply, ...]) -> Ask:
    called = responses.called_in(before[0])
    gave = [{"type": "function_call_output", "call_id": each.get("call_id"), "output": FOUND} for each in called]
    return _ask(subject, [_says("user", CALL), *called, *gave])


CLIENT = Client(
    "codex",
    TITLE,
    "openai",
    f"recorded: Codex {_VERSION}",
    (
        Check(
            "models",
            once(
                lambda subject: get(f"/v1/models?client_version={_VERSION}", _headers(subject)),
                listing.codexs(),
            ),
            "Codex reports an error twice a run",
            "answer GET /v1/models?client_version=… with a list models, empty or of Codex's own descriptions",
        ),
        Check(
            "stream",
            once(_hello, responses.typed_events()),
            "Codex says that the stream closed before response.completed, and asks five times again",
            "pass every event as it comes, response.completed last",
        ),
        Check(
            "tools",
            (
                Turn(lambda subject, _: _ask(subject, [_says("user", CALL)]), responses.calls()),
                Turn(_goes_on, responses.typed_events()),
            ),
            "Codex cannot run a command or edit a file",
            "pass function_call items byte for byte, and take them back with function_call_output",
        ),
        Check(
            "extras",
            once(_extras, responses.typed_events()),
            "each new version of Codex may fail until the gateway learns its members",
            "pass client_metadata and other members that the gateway does not know as they are",
        ),
        large(TITLE, _hello, responses.typed_events()),
        *faults(TITLE, "openai", _hello),
    ),
)
