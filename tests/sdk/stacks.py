"""Gateways that the suite of the SDKs goes through: one guards bodies, one does not; both serve every API."""

from __future__ import annotations

from collections.abc import Callable

GUARDED = """
policies:
  chain: [prompt-injection, pii-detector, dlp-filter]
policy:
  prompt-injection: {}
  pii-detector: {}
  dlp-filter: {detect_patterns: ["ACME-[0-9]{6}", "QUNNRS"]}
"""
OPEN = "policies: {chain: [rbac, audit-logger]}\npolicy: {rbac: {deny_if_missing: []}, audit-logger: {}}"
LARGEST = 64 << 10
FIRST_BYTE = 4.0
SILENCE = 3.0
"""Seconds after which the gateway gives a provider up that says nothing, at first and later."""


def document(chain: str, cache: bool = False) -> Callable[[int], str]:
    """The configuration for a provider at a port, which speaks all APIs."""
    return lambda port: (
        f"""
pack: {{name: sdk, version: 1.0.0}}
workflow_cache: {{enabled: {str(cache).lower()}}}
limits:
  max_body_bytes: {LARGEST}
  first_byte_timeout_seconds: {FIRST_BYTE}
  stream_idle_timeout_seconds: {SILENCE}
providers:
  targets:
    - {{id: o, provider: openai, base_url: 'http://127.0.0.1:{port}/v1', secret_key_ref: {{env: PROVIDER_KEY}}}}
    - {{id: a, provider: anthropic, model: claude, base_url: 'http://127.0.0.1:{port}', secret_key_ref: {{env: PROVIDER_KEY}}}}
{chain}
"""
    )
