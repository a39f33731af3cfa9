"""Which targets carry a request, and what a client hears when none can."""

from __future__ import annotations

import pytest

from extproc.model import ClientError, Target
from extproc.routing import ordered


def target(name: str, model: str = "", *, available: bool = True) -> Target:
    return Target(name, "openai", "http", "127.0.0.1", 9, model=model, available=available)


def test_a_target_without_a_credential_is_passed_over() -> None:
    assert ordered.route([target("a", available=False), target("b"), target("c")], "m") == ("target:b", "target:c")


def test_where_only_such_targets_serve_the_model_the_client_hears_why() -> None:
    targets = [target("a", "big", available=False), target("b", "small")]
    with pytest.raises(ClientError, match="'big' is available") as caught:
        ordered.route(targets, "big")
    assert (caught.value.status, caught.value.kind, caught.value.reason) == (
        503, "upstream_error", "provider_unavailable",
    )  # fmt: skip


def test_a_model_that_nobody_serves_is_a_404_and_only_available_ones_are_listed() -> None:
    targets = [target("a", "big", available=False), target("b", "small")]
    with pytest.raises(ClientError, match=r"Models of this gateway: small\.$") as caught:
        ordered.route(targets, "other")
    assert caught.value.status == 404
    assert ordered.models(targets) == ("small",)
