"""What the operator says about the cache, as a snapshot holds it, and the key that follows from it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from extproc.cache.key import digest
from extproc.model import Consumer

Tier = Literal["org_shared", "private_edge"]


@dataclass(frozen=True, slots=True, kw_only=True)
class CacheRules:
    """`secret` keys the digests; `flight_seconds` is how long one waits for another's answer, 0 for never.

    `answers` has for each list of targets a digest of what they are, whatever their order: another provider or model
    gives other answers, while keys, limits, prices and detector rules do not change them (design D14). Lists that are
    not there count by name.
    """

    secret: bytes = field(repr=False)
    answers: Mapping[tuple[str, ...], bytes] = field(default_factory=dict)
    tier: Tier = "org_shared"
    team_tiers: Mapping[str, Tier] = field(default_factory=dict)
    excluded_models: frozenset[str] = frozenset()
    ttl_seconds: float = 86400.0
    max_entry_bytes: int = 524_288
    max_entry_tokens: int = 32_000
    flight_seconds: float = 30.0

    def key(self, who: Consumer, targets: tuple[str, ...], facts: tuple[bytes, ...]) -> bytes:
        """The key of a question. The scope comes from the access key alone, never from what a client says."""
        who_answers = self.answers.get(targets) or "\n".join(targets).encode()
        return digest(self.secret, (*self._scope(who), who_answers, *facts))

    def _scope(self, who: Consumer) -> tuple[bytes, ...]:
        shared = self.team_tiers.get(who.team, self.tier) == "org_shared"
        return (b"org", who.org.encode(), b"") if shared else (b"key", who.org.encode(), who.key_id.encode())
