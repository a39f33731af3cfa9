"""The one table of attribute names: fields of an event to OpenTelemetry's GenAI names, or our own."""

from __future__ import annotations

ATTRIBUTES = {
    "request_id": "keeptrusts.request.id",
    "decision": "keeptrusts.decision",
    "verdict": "keeptrusts.verdict",
    "reason": "keeptrusts.reason",
    "policy": "keeptrusts.policy",
    "user": "keeptrusts.consumer.name",
    "team": "keeptrusts.consumer.team",
    "key_id": "keeptrusts.consumer.key_id",
    "provider": "keeptrusts.target",
    "cache_hit": "keeptrusts.cache.hit",
    "cache": "keeptrusts.cache.status",
    "cache_reason": "keeptrusts.cache.reason",
    "usage_estimated": "keeptrusts.usage.estimated",
    "cost_usd": "keeptrusts.cost.usd",
    "estimated_avoided_cost": "keeptrusts.cost.avoided_usd",
    "config": "keeptrusts.config.digest",
    "details": "keeptrusts.envoy.details",
    "dialect": "keeptrusts.dialect",
    "unscanned": "keeptrusts.unscanned",
    "bytes_in": "http.request.body.size",
    "bytes_out": "http.response.body.size",
    "model": "gen_ai.request.model",
    "response_model": "gen_ai.response.model",
    "finish_reasons": "gen_ai.response.finish_reasons",
    "status": "http.response.status_code",
    "method": "http.request.method",
    "path": "url.path",
    "client": "client.address",
    "source": "user_agent.original",
}
"""OpenTelemetry semantic conventions: GenAI spans and HTTP; what they lack is under `keeptrusts.`."""

USAGE = {
    "input_tokens": "gen_ai.usage.input_tokens",
    "output_tokens": "gen_ai.usage.output_tokens",
    "cached_tokens": "gen_ai.usage.cache_read.input_tokens",
    "reasoning_tokens": "gen_ai.usage.reasoning.output_tokens",
}
