"""What a configuration becomes, in a worker and in a rehearsal alike: its chain, and what is spoken at which path."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

from extproc.chain import Link, Stage
from extproc.config.values import ChainEntry, Config
from extproc.dialects import (
    anthropic_count_tokens,
    anthropic_messages,
    openai_chat,
    openai_completions,
    openai_embeddings,
    openai_responses,
)
from extproc.policies import POLICIES
from extproc.session.rules import Dialect

DIALECTS: Mapping[str, Dialect] = {
    "/v1/chat/completions": openai_chat,
    "/v1/completions": openai_completions,
    "/v1/embeddings": openai_embeddings,
    "/v1/responses": openai_responses,
    "/v1/messages": anthropic_messages,
    "/v1/messages/count_tokens": anthropic_count_tokens,
}
"""By the path of a provider's API."""

_STAGES: Mapping[str, frozenset[Stage]] = {
    "pre-request": frozenset({"input"}),
    "post-request": frozenset({"input"}),
    "pre-response": frozenset({"output"}),
    "post-response": frozenset({"output"}),
}


def links(config: Config, fail_mode: str) -> tuple[Link, ...]:
    """The chain's links in order, each with a policy made for it."""
    return tuple(_link(entry, fail_mode) for entry in config.chain)


def _link(entry: ChainEntry, fail_mode: str) -> Link:
    on_error: Literal["allow", "block"] = "allow" if (entry.on_error or fail_mode) == "allow" else "block"
    return Link(
        policy=POLICIES[entry.kind](entry.settings),
        path=entry.when.path or "",
        headers=tuple((name.lower(), value) for name, value in entry.when.header.items()),
        models=tuple(entry.when.model),
        stages=_STAGES.get(entry.stage or "", frozenset({"input", "output"})),
        shadow=entry.mode == "shadow",
        on_error=on_error,
        buffered=entry.stream == "buffered",
    )
