"""The `workflow_cache` section, and the older `cache` that says less (keeptrusts-operations.md, 2.7 and 2.8)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Annotated, Literal

import yaml

from extproc.config.binder import Binder
from extproc.config.values import CacheSettings, Tier
from extproc.policies.base import Between

_SEMANTIC = "an answer to another question is not served, however similar (docs/cache.md)"
NOT_YET = {
    "similarity_threshold": _SEMANTIC,
    "monorepo_group_id": "repositories are not told apart yet",
    "monorepo_repo_ids": "repositories are not told apart yet",
    "codebase_identity_mode": "repositories are not told apart yet",
    "excluded_agents": "agents are not told apart yet",
    "fabric": "knowledge about repositories is not built",
    "provider_prefix_optimization": "prompts are not reordered",
}
"""Documented keys that we do not have, and why each is refused rather than ignored."""

_TIERS: Mapping[str, Tier] = {
    "org_shared": "org_shared",
    "org_shared_cache": "org_shared",
    "private_edge": "private_edge",
    "private_edge_cache": "private_edge",
}
TierName = Literal["org_shared", "org_shared_cache", "private_edge", "private_edge_cache"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Match:
    """Whose questions a routing rule is about."""

    team_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RoutingRule:
    """The first rule that matches says the tier."""

    match: Match
    tier: TierName


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkflowCache:
    """The section as written; `memory_bytes`, `disk_bytes` and `max_entries` are ours."""

    enabled: bool = True
    default_tier: TierName = "org_shared"
    org_shared_enabled: bool = True
    direct_semantic_replay_enabled: bool = False
    ttl_seconds: Annotated[float, Between(1, 31_536_000)] = 86_400
    max_entry_size_bytes: Annotated[int, Between(1024, 16 << 20)] = 524_288
    max_entry_tokens: Annotated[int, Between(1, 10_000_000)] = 32_000
    excluded_models: tuple[str, ...] = ()
    single_flight_enabled: bool = True
    single_flight_timeout_ms: Annotated[int, Between(1, 600_000)] = 30_000
    routing_rules: tuple[RoutingRule, ...] = ()
    max_entries: Annotated[int, Between(1, 100_000_000)] = 10_000
    memory_bytes: Annotated[int, Between(1 << 20, 1 << 40)] = 64 << 20
    disk_bytes: Annotated[int, Between(1 << 20, 1 << 50)] = 1 << 30

    def __post_init__(self) -> None:
        """What the fields mean together."""
        if self.direct_semantic_replay_enabled:
            raise ValueError(f"direct_semantic_replay_enabled: {_SEMANTIC}")


@dataclass(frozen=True, slots=True, kw_only=True)
class ResponseCache:
    """The older section."""

    enabled: bool = True
    mode: Literal["exact", "semantic"] = "exact"
    ttl_seconds: Annotated[float, Between(1, 31_536_000)] = 3600
    max_entries: Annotated[int, Between(1, 100_000_000)] = 10_000

    def __post_init__(self) -> None:
        """What the fields mean together."""
        if self.mode == "semantic":
            raise ValueError(f"mode: {_SEMANTIC}")


@dataclass(slots=True)
class Caching:
    """Reads whichever section there is."""

    binder: Binder
    members: Mapping[str, yaml.Node] = field(default_factory=dict)

    def settings(self) -> CacheSettings:
        """The settings; defaults where no section says anything."""
        new, old = self.members.get("workflow_cache"), self.members.get("cache")
        if new and old:
            self.binder.fault(old, "cache", "'workflow_cache' says the same; keep one of the two")
        if new:
            return self._workflow(new)
        return self._response(old) if old else CacheSettings()

    def _workflow(self, node: yaml.Node) -> CacheSettings:
        members = self.binder.mapping(node, "workflow_cache")
        for key in members.keys() & NOT_YET.keys():
            self.binder.fault(members[key][0], f"workflow_cache.{key}", f"not yet supported: {NOT_YET[key]}")
        if members.keys() & NOT_YET.keys():
            return CacheSettings()
        said: WorkflowCache | None = self.binder.bind(node, WorkflowCache, "workflow_cache")
        if said is None:
            return CacheSettings()
        shared = said.org_shared_enabled
        tiers = {rule.match.team_id: _tier(rule.tier, shared) for rule in reversed(said.routing_rules)}
        return CacheSettings(
            enabled=said.enabled,
            tier=_tier(said.default_tier, shared),
            team_tiers=tiers,
            ttl_seconds=said.ttl_seconds,
            max_entry_bytes=said.max_entry_size_bytes,
            max_entry_tokens=said.max_entry_tokens,
            excluded_models=said.excluded_models,
            flight_seconds=said.single_flight_timeout_ms / 1000 if said.single_flight_enabled else 0.0,
            max_entries=said.max_entries,
            memory_bytes=said.memory_bytes,
            disk_bytes=said.disk_bytes,
        )

    def _response(self, node: yaml.Node) -> CacheSettings:
        said: ResponseCache | None = self.binder.bind(node, ResponseCache, "cache")
        if said is None:
            return CacheSettings()
        return CacheSettings(enabled=said.enabled, ttl_seconds=said.ttl_seconds, max_entries=said.max_entries)


def _tier(name: TierName, shared: bool) -> Tier:
    return _TIERS[name] if shared else "private_edge"
