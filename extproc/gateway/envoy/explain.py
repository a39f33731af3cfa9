"""What Envoy sends to the workers, route by route, and what for: read from the very routes that Envoy gets."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from typing import Any

from extproc.config.values import Config
from extproc.gateway.envoy import routes
from extproc.gateway.envoy.settings import EnvoySettings

_OWN = "Envoy answers; nothing is sent"
_BODIES = "headers and bodies, both ways; of event streams piece by piece"


def lines(settings: EnvoySettings, config: Config, guards: Collection[str]) -> list[str]:
    """One for each route in Envoy's order, then what requests and replies are needed for. `guards` are the kinds that
    judge replies.
    """
    rendered: Any = routes.route_configuration(settings)
    found = [(_match(route["match"]), _sent(route)) for route in rendered["virtual_hosts"][0]["routes"]]
    width = max(len(match) for match, _ in found)
    return [
        *(f"{match:{width}}  {sent}" for match, sent in found),
        f"requests are sent for: {', '.join(_requests_needed(config))}",
        f"replies are sent for: {', '.join(_replies_needed(config, guards))}",
    ]


def _match(match: dict[str, Any]) -> str:
    where = match.get("path") or match.get("path_separated_prefix") or match.get("prefix")
    return " ".join([str(where), *map(_header, match.get("headers", []))])


def _header(matcher: dict[str, Any]) -> str:
    name = matcher["name"]
    match matcher:
        case {"range_match": {"start": start}}:
            return f"{name}>={start}"
        case {"present_match": False}:
            return f"no-{name}"
        case {"string_match": {"safe_regex": {"regex": regex}}}:
            return str(regex)
    return str(name)


def _sent(route: dict[str, Any]) -> str:
    policy = route.get("typed_per_filter_config", {}).get("policy", {})
    if policy.get("disabled"):
        return _OWN
    overrides = policy.get("overrides", {})
    if overrides.get("processing_mode", {}).get("request_body_mode") == "NONE":
        return "workers: headers, and no body in either direction"
    service = overrides.get("grpc_service", {"envoy_grpc": {"cluster_name": "workers"}})
    return f"{service['envoy_grpc']['cluster_name']}: {_BODIES}"


def _requests_needed(config: Config) -> Iterator[str]:
    yield "access keys"
    yield "the model, which decides the target"
    yield from dict.fromkeys(entry.kind for entry in config.chain)
    if config.cache.enabled:
        yield "the cache"


def _replies_needed(config: Config, guards: Collection[str]) -> Iterator[str]:
    """Never nothing: whose tokens they were is part of the record (design D2)."""
    yield "tokens and outcome in the record"
    yield from dict.fromkeys(entry.kind for entry in config.chain if entry.kind in guards)
    if config.cache.enabled:
        yield "the cache"
