"""Which changes of a configuration keep the cache, and which begin a new one."""

from __future__ import annotations

import pytest
from golden.play import rules_of

from extproc.model import Consumer
from extproc.routing import ordered
from extproc.session import Rules

BASE = """
pack: {name: t, version: 1.0.0}
workflow_cache: {enabled: true}
providers:
  targets:
    - {id: a, provider: openai, base_url: "http://127.0.0.1:1/v1"}
    - {id: b, provider: openai, base_url: "http://127.0.0.1:2/v1", model: small}
policies: {chain: [dlp-filter]}
policy: {dlp-filter: {detect_patterns: ["ACME-[0-9]{6}"]}}
"""


def key(rules: Rules, model: str) -> bytes:
    assert rules.cache
    return rules.cache.key(
        Consumer("tok_1", "ana"), ordered.clusters(rules.route(model, "openai-chat")), (b"the question",)
    )


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("name: t, version: 1.0.0", "name: other, version: 2.0.0"),
        ("pack:", "limits: {max_body_bytes: 2048, policy_timeout_seconds: 1}\npack:"),
        ("{enabled: true}", "{enabled: true, ttl_seconds: 5, max_entries: 7, excluded_models: [x]}"),
        ("ACME-", "BETA-"),
        ("chain: [dlp-filter]", "chain: [dlp-filter, audit-logger]"),
        ('/v1"}', '/v1", api_key_header: x-api-key, secret_key_ref: {file: /k}}'),
        ("id: a,", "id: renamed,"),
    ],
)
def test_keys_limits_rules_and_names_keep_every_entry(old: str, new: str) -> None:
    assert old in BASE
    before, after = rules_of(BASE), rules_of(BASE.replace(old, new))
    assert [key(before, model) for model in ("small", "any")] == [key(after, model) for model in ("small", "any")]


def test_the_order_of_targets_keeps_every_entry() -> None:
    lines = BASE.splitlines()
    turned = "\n".join([*lines[:5], lines[6], lines[5], *lines[7:]])
    assert turned != BASE and key(rules_of(turned), "small") == key(rules_of(BASE), "small")


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("127.0.0.1:1", "127.0.0.1:9"),
        ("http://127.0.0.1:1", "https://127.0.0.1:1"),
        ('127.0.0.1:1/v1"', '127.0.0.1:1/eu/v1"'),
    ],
)
def test_another_provider_begins_anew(old: str, new: str) -> None:
    assert old in BASE
    assert key(rules_of(BASE), "any") != key(rules_of(BASE.replace(old, new)), "any")


def test_targets_that_no_snapshot_describes_count_by_name() -> None:
    rules = rules_of(BASE).cache
    assert rules
    who = Consumer("tok_1", "ana")
    assert rules.key(who, ("target:x",), ()) != rules.key(who, ("target:y",), ())
