"""Who may ask from a web page: Envoy's own filter, before keys are looked at, as browsers send none to ask for leave.

The filter stands in the listener whatever the configuration says, and the rules stand at the route, where a reload may
change them. A preflight from an origin that is not allowed is answered without leave, not passed on.
"""

from __future__ import annotations

from extproc.config.cors import Cors
from extproc.gateway.envoy.settings import Json, any_of

NAME = "cors"


def answering() -> Json:
    """The filter, which does nothing where the route has no rules."""
    return {"name": NAME, "typed_config": any_of("extensions.filters.http.cors.v3.Cors")}


def at_route(rules: Cors | None) -> Json:
    """What a route says of it: nothing where there are no rules."""
    return {NAME: _policy(rules)} if rules and rules.enabled else {}


def _policy(rules: Cors) -> Json:
    """The rules of a route. Envoy says an allowed origin back, for `*` too."""
    origins: list[Json] = [
        {"safe_regex": {"regex": ".*"}} if each == "*" else {"exact": each} for each in rules.allow_origins
    ]
    return any_of(
        "extensions.filters.http.cors.v3.CorsPolicy",
        allow_origin_string_match=origins,
        allow_methods=", ".join(rules.allow_methods),
        allow_headers=", ".join(rules.allow_headers),
        expose_headers=", ".join(rules.expose_headers),
        max_age=str(rules.max_age),
        allow_credentials=rules.credentials,
        forward_not_matching_preflights=False,
    )
