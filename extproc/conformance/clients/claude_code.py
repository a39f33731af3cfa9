"""Claude Code: messages with `?beta=true`, beta headers, and members that no other client sends."""

from __future__ import annotations

from typing import Any

from extproc.conformance.check import Ask, Check, Client, Pairs, Subject, once
from extproc.conformance.clients.messaging import Turns, counts, hello, replies, says, streams, uses_tools
from extproc.conformance.clients.shared import HELLO, bearer, faults, get, large, post, stainless
from extproc.conformance.reading import listing, messages

TITLE = "Claude Code"
_VERSION = "2.1.197"
_BETAS = "claude-code-20250219,interleaved-thinking-2025-05-14,context-management-2025-06-27"
_COUNT = "/v1/messages/count_tokens?beta=true"
_DISCOVER = "/v1/models?limit=1000"


def _headers(key: tuple[str, str], betas: str = _BETAS) -> Pairs:
    return (
        ("accept", "application/json"),
        key,
        ("content-type", "application/json"),
        ("user-agent", f"claude-cli/{_VERSION} (external, sdk-cli)"),
        ("x-claude-code-session-id", "abb1ebfe-e524-4867-9a7d-1f37bab1a9c7"),
        *stainless("js", "0.94.0", "node", "v26.3.0"),
        ("x-stainless-timeout", "600"),
        ("anthropic-beta", betas),
        ("anthropic-dangerous-direct-browser-access", "true"),
        ("anthropic-version", "2023-06-01"),
        ("x-app", "cli"),
        ("accept-encoding", "gzip, deflate"),
    )


def _body(subject: Subject, turns: Turns, **members: Any) -> dict[str, Any]:
    system = [
        {"type": "text", "text": "x-anthropic-billing-header: cc_version=2.1.197.d7d; cc_entrypoint=sdk-cli;"},
        {"type": "text", "text": "You are an agent.", "cache_control": {"type": "ephemeral"}},
    ]
    return {
        "model": subject.model,
        "messages": turns,
        "system": system,
        "metadata": {"user_id": '{"device_id":"conformance","account_uuid":"","session_id":"conformance"}'},
        "max_tokens": 1024,
        "thinking": {"type": "disabled"},
        **members,
    }


def _ask(subject: Subject, turns: Turns, **members: Any) -> Ask:
    return post("/v1/messages?beta=true", _headers(bearer(subject.key)), _body(subject, turns, **members))


def _streamed(subject: Subject, turns: Turns, **members: Any) -> Ask:
    return _ask(subject, turns, stream=True, **members)


def _extras(subject: Subject) -> Ask:
    kept = {"edits": [{"type": "clear_tool_uses_20250919"}]}
    return _streamed(subject, says(HELLO), context_management=kept)


def _discover(key: tuple[str, str]) -> Ask:
    agent = ("user-agent", f"claude-code/{_VERSION}")
    return get(_DISCOVER, (key, agent, ("anthropic-version", "2023-06-01"), ("accept", "*/*")))


def _count(subject: Subject) -> Ask:
    headers = _headers(bearer(subject.key), f"{_BETAS},token-counting-2024-11-01")
    return post(_COUNT, headers, {"model": subject.model, "messages": says(HELLO), "tools": []})


CLIENT = Client(
    "claude-code",
    TITLE,
    "anthropic",
    f"recorded: Claude Code {_VERSION}",
    (
        Check(
            "models",
            once(lambda subject: _discover(bearer(subject.key)), listing.models("anthropic")),
            "with CLAUDE_CODE_ENABLE_GATEWAY_MODEL_DISCOVERY=1, /model offers none of the gateway's models",
            f"answer GET {_DISCOVER} in Anthropic's shape to whoever sends anthropic-version",
        ),
        Check(
            "key",
            once(lambda subject: _discover(("x-api-key", subject.key)), listing.models("anthropic")),
            "whoever sets ANTHROPIC_API_KEY in place of ANTHROPIC_AUTH_TOKEN is refused",
            "accept the key in x-api-key as well as in authorization",
        ),
        replies(_ask, "there is no answer where Claude Code falls back from a stream that failed"),
        streams(_streamed, "Claude Code hangs, shows half an answer, or counts 0 tokens and never compacts"),
        uses_tools(TITLE, _streamed, streams=True),
        counts(_COUNT, _count, "Claude Code guesses how full its context is, or reports errors"),
        Check(
            "extras",
            once(_extras, messages.named_events()),
            "each new version of Claude Code may fail until the gateway learns its members",
            "pass anthropic-beta, ?beta=true and members that the gateway does not know as they are",
        ),
        large(TITLE, hello(_streamed), messages.named_events()),
        *faults(TITLE, "anthropic", hello(_streamed)),
    ),
)
