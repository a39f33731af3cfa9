"""The configuration that figures are taken with: every kind of the full chain, one provider at PORT."""

from __future__ import annotations

HEAD = """
pack: {name: bench, version: 1.0.0}
providers: {targets: [{id: up, provider: openai, base_url: "http://127.0.0.1:PORT/v1"}]}
"""
CHAIN = """
policies: {chain: [rbac, prompt-injection, pii-detector, dlp-filter, audit-logger]}
policy:
  rbac: {deny_if_missing: []}
  prompt-injection: {}
  pii-detector: {}
  dlp-filter: {detect_patterns: ["ACME-[0-9]{6}"], blocked_terms: ["project nightingale"]}
  audit-logger: {}
"""
NO_CACHE = "workflow_cache: {enabled: false}\n"
"""Of these, HEAD and either of the others or both make a configuration."""
