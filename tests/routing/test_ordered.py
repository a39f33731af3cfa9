"""Which targets carry a request, and what a client hears when none can."""

from __future__ import annotations

from dataclasses import replace

import pytest

from extproc.model import ClientError, Target
from extproc.routing import ordered

CHAT, RESPONSES = "openai-chat", "openai-responses"
MESSAGES, COUNT = "anthropic-messages", "anthropic-count-tokens"


def target(name: str, model: str = "", *, provider: str = "openai", available: bool = True) -> Target:
    return Target(name, provider, "http", "127.0.0.1", 9, model=model, available=available)


def test_a_target_without_a_credential_is_passed_over() -> None:
    found = ordered.route([target("a", available=False), target("b"), target("c")], "m", CHAT)
    assert ordered.clusters(found) == (
        "target:b",
        "target:c",
    )


def test_where_only_such_targets_serve_the_model_the_client_hears_why() -> None:
    targets = [target("a", "big", available=False), target("b", "small")]
    with pytest.raises(ClientError, match="'big' is available") as caught:
        ordered.route(targets, "big", CHAT)
    assert (caught.value.status, caught.value.kind, caught.value.reason) == (
        503, "upstream_error", "provider_unavailable",
    )  # fmt: skip


def test_a_model_that_nobody_serves_is_a_404_and_only_available_ones_are_listed() -> None:
    targets = [target("a", "big", available=False), target("b", "small")]
    with pytest.raises(ClientError, match=r"Models of this gateway: small\.$") as caught:
        ordered.route(targets, "other", CHAT)
    assert caught.value.status == 404
    assert ordered.models(targets) == ("small",)


def test_a_list_of_no_targets_is_never_told_to_envoy() -> None:
    with pytest.raises(LookupError):
        ordered.clusters(())


MIXED = [
    target("a"),
    target("b", provider="anthropic"),
    target("c", "small", provider="groq"),
    target("d", "opus", provider="anthropic"),
]


@pytest.mark.parametrize(
    ("model", "dialect", "targets"),
    [
        ("any", CHAT, ("target:a", "target:b")),
        ("opus", CHAT, ("target:a", "target:b", "target:d")),
        ("any", RESPONSES, ("target:a",)),
        ("small", RESPONSES, ("target:a", "target:c")),
        ("any", MESSAGES, ("target:b",)),
        ("opus", MESSAGES, ("target:b", "target:d")),
        ("opus", COUNT, ("target:b", "target:d")),
    ],
)
def test_a_request_goes_only_to_targets_that_speak_as_it_does(
    model: str, dialect: str, targets: tuple[str, ...]
) -> None:
    assert ordered.clusters(ordered.route(MIXED, model, dialect)) == targets
    assert targets in ordered.answers(MIXED)


@pytest.mark.parametrize(
    ("targets", "dialect", "served"),
    [
        (MIXED[2:], MESSAGES, "opus"),
        (MIXED[2:], RESPONSES, "small"),
        (MIXED[:1], MESSAGES, "none"),
        (MIXED[1:2], RESPONSES, "none"),
    ],
)
def test_where_none_of_them_speaks_so_the_client_hears_what_is_served(
    targets: list[Target], dialect: str, served: str
) -> None:
    says = f"'demo' is not served here at this URL. Models that are: {served}\\."
    with pytest.raises(ClientError, match=says) as caught:
        ordered.route(targets, "demo", dialect)
    assert (caught.value.status, caught.value.reason) == (404, "model_not_found")


def test_what_is_kept_is_looked_for_once_in_each_account() -> None:
    targets = [
        target("a", "big"),
        target("b", "small"),
        replace(target("c"), secret_env="OTHER_KEY"),
        replace(target("d"), port=10),
        replace(target("e"), port=10, available=False),
        target("f", provider="anthropic"),
    ]
    assert ordered.accounts(targets, RESPONSES) == ("target:a", "target:c", "target:d")
    assert ordered.accounts([target("a", available=False)], RESPONSES) == ()
    assert ordered.accounts([target("f", provider="anthropic")], RESPONSES) is None
