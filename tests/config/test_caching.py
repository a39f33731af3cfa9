"""The cache's sections: documented keys, defaults, and what is refused because it is not there."""

from __future__ import annotations

from pathlib import Path

import pytest

from extproc.config.load import load, load_shared
from extproc.config.values import CacheSettings
from extproc.model import ConfigError

REST = """
pack: {name: t, version: 1.0.0}
providers: {targets: [{id: a, provider: openai, base_url: "http://127.0.0.1:1"}]}
policies: {chain: []}
"""


def settings(tmp_path: Path, section: str) -> CacheSettings:
    path = tmp_path / "policy-config.yaml"
    path.write_text(section + REST)
    found = load([path], environ={}).config.cache
    assert load_shared([path])[0] == found
    return found


def faults(tmp_path: Path, section: str) -> str:
    with pytest.raises(ConfigError) as caught:
        settings(tmp_path, section)
    return str(caught.value)


def test_the_cache_is_on_where_nothing_is_said(tmp_path: Path) -> None:
    assert settings(tmp_path, "") == CacheSettings(enabled=True, tier="org_shared", ttl_seconds=86_400)


def test_every_documented_key_is_taken(tmp_path: Path) -> None:
    section = """
workflow_cache:
  enabled: true
  default_tier: private_edge_cache
  org_shared_enabled: true
  direct_semantic_replay_enabled: false
  ttl_seconds: 60
  max_entry_size_bytes: 2048
  max_entry_tokens: 100
  excluded_models: [o3]
  single_flight_enabled: true
  single_flight_timeout_ms: 1500
  routing_rules:
    - {match: {team_id: search}, tier: org_shared}
    - {match: {team_id: search}, tier: private_edge}
"""
    found = settings(tmp_path, section)
    assert (found.tier, dict(found.team_tiers)) == ("private_edge", {"search": "org_shared"})
    assert (found.ttl_seconds, found.max_entry_bytes, found.max_entry_tokens) == (60, 2048, 100)
    assert (found.excluded_models, found.flight_seconds) == (("o3",), 1.5)


def test_without_the_shared_tier_everybody_has_their_own(tmp_path: Path) -> None:
    section = "workflow_cache: {org_shared_enabled: false, routing_rules: [{match: {team_id: a}, tier: org_shared}]}"
    found = settings(tmp_path, section)
    assert (found.tier, dict(found.team_tiers)) == ("private_edge", {"a": "private_edge"})


def test_without_single_flight_nobody_waits(tmp_path: Path) -> None:
    assert settings(tmp_path, "workflow_cache: {single_flight_enabled: false}").flight_seconds == 0


def test_the_older_section_says_the_same(tmp_path: Path) -> None:
    found = settings(tmp_path, "cache: {enabled: true, mode: exact, max_entries: 5}")
    assert (found.enabled, found.ttl_seconds, found.max_entries) == (True, 3600, 5)
    assert not settings(tmp_path, "cache: {enabled: false}").enabled


@pytest.mark.parametrize(
    ("section", "fault"),
    [
        ("workflow_cache: {similarity_threshold: 0.9}", "1:18: workflow_cache.similarity_threshold: not yet supported"),
        ("workflow_cache: {fabric: {}}", "workflow_cache.fabric: not yet supported"),
        ("workflow_cache: {excluded_agents: [a]}", "workflow_cache.excluded_agents: not yet supported"),
        ("workflow_cache: {codebase_identity_mode: monorepo_group}", "codebase_identity_mode: not yet supported"),
        ("workflow_cache: {direct_semantic_replay_enabled: true}", "an answer to another question is not served"),
        ("workflow_cache: {routing_rules: [{match: {repo_id: r}, tier: org_shared}]}", "unknown key 'repo_id'"),
        ("workflow_cache: {default_tier: everyone}", "workflow_cache.default_tier: expected one of"),
        ("workflow_cache: {ttl_seconds: 0}", "workflow_cache.ttl_seconds: expected 1 to"),
        ("workflow_cache: {ttl_second: 1}", "did you mean 'ttl_seconds'?"),
        ("workflow_cache: []", "workflow_cache: expected a mapping"),
        ("cache: {mode: semantic}", "cache: mode: an answer to another question is not served"),
        ("cache: {}\nworkflow_cache: {}", "keep one of the two"),
    ],
)
def test_what_is_not_there_or_makes_no_sense_is_named_with_its_place(tmp_path: Path, section: str, fault: str) -> None:
    assert fault in faults(tmp_path, section)


@pytest.mark.parametrize("text", [None, "", "workflow_cache: ["])
def test_a_file_that_cannot_be_read_is_named_to_the_keeper_too(tmp_path: Path, text: str | None) -> None:
    path = tmp_path / "policy-config.yaml"
    if text is not None:
        path.write_text(text)
    with pytest.raises(ConfigError, match=r"policy-config\.yaml"):
        load_shared([path])
