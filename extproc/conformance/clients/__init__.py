"""The clients, one file each, in the order in which they are checked.

Headers, paths and members of bodies are the client's own; texts are short, so that a run costs little.
"""

from __future__ import annotations

from extproc.conformance.check import Client
from extproc.conformance.clients import (
    aider,
    anthropic_sdk,
    claude_code,
    codex,
    continue_dev,
    cursor,
    gptel,
    openai_sdk,
    zed,
)

CLIENTS: tuple[Client, ...] = (
    claude_code.CLIENT,
    codex.CLIENT,
    cursor.CLIENT,
    zed.CLIENT,
    continue_dev.CLIENT,
    aider.CLIENT,
    gptel.CLIENT,
    openai_sdk.CLIENT,
    anthropic_sdk.CLIENT,
)


def named(name: str) -> Client:
    """The client of that name. Raises KeyError."""
    return {client.name: client for client in CLIENTS}[name]
