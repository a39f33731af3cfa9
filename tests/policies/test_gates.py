"""Kinds that judge what a request is, more than what it says: roles, where data may go, languages, bots."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from golden.play import rules_of
from policies.kinds import HEAD, exchange, judged, made

from extproc.chain import Chain, Link
from extproc.config.load import load
from extproc.model import ConfigError, Consumer, Exchange
from extproc.policies import POLICIES
from extproc.policies.base import Policy
from extproc.policies.bot_detector import BotDetector, BotSettings, Windows
from extproc.routing import ordered


def with_role(role: str, text: str = "hello", **request: Any) -> dict[str, Any]:
    return {"headers": {"X-User-Role": role}, "request": {"messages": [{"role": "user", "content": text}], **request}}


def function(name: str) -> dict[str, Any]:
    return {"type": "function", "function": {"name": name}}


# --- rbac ---


def test_a_role_that_is_claimed_twice_is_none(tmp_path: Path) -> None:
    policy = made(tmp_path, "rbac", {"deny_if_missing": [], "roles": {"admin": {}, "guest": {}}})
    found = exchange(with_role("guest"), "input")
    assert judged(policy, found, "input") == []
    twice = replace(found, headers=(*found.headers, ("x-user-role", "admin")), decisions=[])
    assert judged(policy, twice, "input") == [("block", "rbac.unknown_role")]


def test_a_role_has_the_least_of_what_it_is_left_out_of(tmp_path: Path) -> None:
    settings = {
        "deny_if_missing": [],
        "roles": {"coder": {"allowed_tools": ["grep"]}},
        "data_access": {"lawyer": {"max_sensitivity": "restricted"}},
    }
    policy = made(tmp_path, "rbac", settings)
    marked, tools = "# CONFIDENTIAL\nOur plan.", [function("grep")]
    for said, expected in (
        (with_role("coder", tools=tools), []),
        (with_role("coder", marked), [("block", "rbac.sensitivity")]),
        (with_role("lawyer", marked), []),
        (with_role("lawyer", tools=tools), [("block", "rbac.tool")]),
        (with_role("cook"), [("block", "rbac.unknown_role")]),
    ):
        assert judged(policy, exchange(said, "input"), "input") == expected


def test_a_denied_tool_is_denied_although_all_are_allowed(tmp_path: Path) -> None:
    settings = {"deny_if_missing": [], "roles": {"coder": {"allowed_tools": ["*"], "denied_tools": ["shell"]}}}
    policy = made(tmp_path, "rbac", settings)
    tools = [function("grep"), function("shell")]
    assert judged(policy, exchange(with_role("coder", tools=tools), "input"), "input") == [("block", "rbac.tool")]


@pytest.mark.parametrize(
    ("settings", "reads"),
    [({}, False), ({"roles": {"a": {}}}, False), ({"data_access": {"a": {"max_sensitivity": "public"}}}, True),
     ({"minimum_necessary": {"enabled": True}}, True)],
)  # fmt: skip
def test_tokens_are_refused_only_where_texts_are_read(tmp_path: Path, settings: dict[str, Any], reads: bool) -> None:
    policy = made(tmp_path, "rbac", {"deny_if_missing": [], **settings})
    assert Chain((Link(policy=policy),), lambda: 0).guards_input(exchange(with_role("a"), "input")) is reads


# --- data-routing-policy ---

BLOCKED = [("block", "data_routing.no_compliant_provider")]


def declaring(*data_policies: dict[str, Any]) -> Exchange:
    return exchange({"targets": data_policies}, "input")


def test_only_targets_that_comply_are_left_and_in_their_order(tmp_path: Path) -> None:
    policy = made(tmp_path, "data-routing-policy", {"require_no_training": True})
    agreed: dict[str, Any] = {"training_opt_out": True}
    for shadow, expected in ((False, ["t1", "t3"]), (True, ["t0", "t1", "t2", "t3"])):
        found = declaring({}, agreed, {"zero_data_retention": True}, agreed)
        assert not list(Chain((Link(policy=policy, shadow=shadow),), lambda: 0).judge_input(found))
        assert [target.id for target in found.targets] == expected


def test_a_condition_that_does_not_hold_takes_no_target_away(tmp_path: Path) -> None:
    policy = made(tmp_path, "data-routing-policy", {"require_no_training": True})
    found = declaring({})
    assert not list(Chain((Link(policy=policy, models=("other",)),), lambda: 0).judge_input(found))
    assert [target.id for target in found.targets] == ["t0"] and found.decisions == []


def test_what_passes_unread_is_judged_by_the_one_target_it_goes_to(tmp_path: Path) -> None:
    policy = made(tmp_path, "data-routing-policy", {"require_no_training": True})
    for found, expected in ((declaring({}), BLOCKED), (declaring({"training_opt_out": True}), []), (declaring(), [])):
        Chain((Link(policy=policy),), lambda: 0).judge_headers(found)
        assert [(each.verdict, each.reason) for each in found.decisions] == expected


TARGETS = """
providers:
  targets:
    - {id: a, provider: openai, base_url: "http://127.0.0.1:1/v1"}
    - {id: b, provider: openai, base_url: "http://127.0.0.1:2/v1", zdr: true}
"""


def test_answers_of_narrowed_targets_are_cached_apart_and_by_what_these_are(tmp_path: Path) -> None:
    text = "pack: {name: a, version: 1.0.0}\nworkflow_cache: {enabled: true}\n" + TARGETS
    text += "policies: {chain: [data-routing-policy]}\n"
    text += "policy: {data-routing-policy: {require_zero_data_retention: true}}\n"
    keys = set()
    for snapshot in (rules_of(text), rules_of(text.replace("id: b", "id: renamed"))):
        found = exchange("hello", "input")
        found.targets = snapshot.route("m", "openai-chat")
        asked = [ordered.clusters(found.targets)]
        assert not list(snapshot.chain.judge_input(found))
        asked.append(ordered.clusters(found.targets))
        assert snapshot.cache and len(asked[0]) == 2 and len(asked[1]) == 1
        keys |= {snapshot.cache.key(Consumer("k", "ana"), each, (b"the question",)) for each in asked}
    assert len(keys) == 2


# --- language-validator ---


def test_only_what_users_say_is_judged_of_a_request(tmp_path: Path) -> None:
    policy = made(tmp_path, "language-validator", {"allowed_languages": ["en"]})
    french = "Il est tard et je ne sais pas où sont les clés de la voiture."
    for role, expected in (("user", [("block", "language.not_allowed")]), ("system", []), ("tool", [])):
        message = {"role": role, "content": french, **({"tool_call_id": "c"} if role == "tool" else {})}
        assert judged(policy, exchange({"request": {"messages": [message]}}, "input"), "input") == expected


def test_a_denied_language_is_denied_although_it_is_allowed(tmp_path: Path) -> None:
    policy = made(tmp_path, "language-validator", {"allowed_languages": ["en"], "denied_languages": ["en"]})
    found = exchange("What do you think of the weather in the north?", "input")
    assert judged(policy, found, "input") == [("block", "language.denied")]


@pytest.mark.parametrize(("apply_to", "holds"), [("input", False), ("output", True), ("both", True)])
def test_streams_are_held_only_where_replies_are_judged(tmp_path: Path, apply_to: str, holds: bool) -> None:
    path = tmp_path / "p.yaml"
    path.write_text(
        f"{HEAD}policies: {{chain: [language-validator]}}\npolicy: {{language-validator: {{apply_to: {apply_to}}}}}\n"
    )
    loaded = load([path], environ={})
    assert any("holds event streams back" in each.message for each in loaded.warnings) is holds
    chain = Chain((Link(policy=POLICIES["language-validator"](loaded.config.chain[0].settings)),), lambda: 0)
    assert chain.guards_output is holds and bool(chain.on_stream(exchange("hello", "input"))) is holds


# --- bot-detector ---


def came(policy: Policy, key: str = "k") -> list[tuple[str, str]]:
    return judged(policy, exchange({"consumer": {"key_id": key}}, "input"), "input")


def detector(clock: Callable[[], float], **settings: Any) -> Policy:
    return BotDetector(BotSettings(**{"action": "block", **settings}), clock)


def test_too_many_are_blocked_until_their_window_has_passed() -> None:
    now = [600.0]
    policy = detector(lambda: now[0], max_requests_per_window=2, profile_window_seconds=60)
    assert [bool(came(policy)) for _ in range(4)] == [False, False, True, True]
    assert came(policy, "other") == []
    now[0] = 659.0
    assert came(policy) == [("block", "bot.too_many_requests")]
    now[0] = 660.0  # all five still lie within the last minute
    assert came(policy) == [("block", "bot.too_many_requests")]
    now[0] = 780.0
    assert came(policy) == []


def test_of_the_window_before_counts_what_the_last_seconds_cover() -> None:
    windows = Windows(10)
    assert [windows.count(b"a", 5.0) for _ in range(4)] == [1, 2, 3, 4]
    assert windows.count(b"a", 15.0) == pytest.approx(4 * 0.5 + 1)
    assert windows.count(b"a", 27.5) == pytest.approx(1 * 0.25 + 1)
    assert windows.count(b"a", 60.0) == 1


def test_no_more_profiles_are_remembered_than_there_is_room_for_and_those_seen_last() -> None:
    windows = Windows(10, most=100)
    for number in range(1000):
        windows.count(b"often", 1.0)
        windows.count(number.to_bytes(4, "big"), 1.0)
    assert len(windows) == 100
    assert windows.count(b"often", 1.0) == 1001
    assert windows.count((0).to_bytes(4, "big"), 1.0) == 1


def test_a_warning_is_recorded_and_hinders_nobody() -> None:
    policy = detector(lambda: 1.0, max_requests_per_window=1, action="warn")
    found = [exchange("hello", "input") for _ in range(2)]
    assert [judged(policy, each, "input") for each in found] == [[], []]
    recorded = [[(each.verdict, each.reason) for each in one.decisions] for one in found]
    assert recorded == [[], [("allow", "bot.too_many_requests")]]


def test_nothing_of_what_a_header_says_is_kept() -> None:
    policy = detector(lambda: 1.0)
    judged(policy, exchange({"headers": {"User-Agent": "very-secret-agent"}}, "input"), "input")
    kept = repr(vars(policy)) + repr([vars(each) for each in vars(policy).values() if isinstance(each, Windows)])
    assert "OrderedDict" in kept and "secret" not in kept


# --- conditions ---


@pytest.mark.parametrize("kind", ["rbac", "bot-detector"])
def test_what_is_judged_by_headers_is_judged_for_some_models_too(tmp_path: Path, kind: str) -> None:
    settings = {"rbac": {}, "bot-detector": {"max_requests_per_window": 1, "action": "block"}}
    policy = made(tmp_path, kind, settings[kind])
    for model, blocked in (("big", True), ("small", False)):
        chain = Chain((Link(policy=policy, models=("big",)),), lambda: 0)
        for _ in range(2):
            found = exchange({"request": {"model": model}}, "input")
            assert chain.judge_headers(found) is None
            with pytest.raises(StopIteration) as ended:
                next(chain.judge_input(found))
        assert bool(ended.value.value) is blocked


@pytest.mark.parametrize(
    ("kind", "settings", "fault"),
    [("data-routing-policy", {"log_provider_selection": False}, "events always name the targets"),
     ("data-routing-policy", {"on_no_compliant_provider": "warn"}, "expected one of block, found 'warn'"),
     ("data-routing-policy", {"max_retention_days": -1}, "expected 0 to 36500, found -1"),
     ("document-analyzer", {"sanitize_code": True}, "sanitize_code: not yet supported"),
     ("document-analyzer", {"allowed_mime_types": ["png"]}, "expected a type like image/png or image/[*], found 'png'"),
     ("document-analyzer", {"max_document_bytes": 0}, "expected 1 to 1.07374e.09, found 0"),
     ("language-validator", {"allowed_languages": ["english"]}, "allowed_languages: 'english' is none of am, ar, bg"),
     ("language-validator", {"denied_languages": ["EN"]}, "denied_languages: 'EN' is none of"),
     ("language-validator", {"min_confidence": 2}, "expected 0 to 1, found 2"),
     ("language-validator", {"apply_to": "all"}, "expected one of input, output, both"),
     ("bot-detector", {"fingerprint_fields": []}, "fingerprint_fields: expected 1 to 6 different header names"),
     ("bot-detector", {"fingerprint_fields": ["a", "A"]}, "expected 1 to 6 different header names"),
     ("bot-detector", {"profile_window_seconds": 0}, "expected 1 to 86400, found 0"),
     ("bot-detector", {"similarity_threshold": 1.1}, "expected 0.01 to 1, found 1.1"),
     ("bot-detector", {"action": "redact"}, "expected one of warn, block"),
     ("rbac", {"data_access": {"a": {}}}, "policy.rbac.data_access.a.max_sensitivity: missing"),
     ("rbac", {"data_access": {"a": {"max_sensitivity": "secret"}}}, "expected one of public, internal, confidential, restricted, found 'secret'"),
     ("rbac", {"roles": {"a": {"allowed_tool": ["x"]}}}, "unknown key 'allowed_tool', did you mean 'allowed_tools'"),
     ("rbac", {"minimum_necessary": True}, "expected a mapping")],
)  # fmt: skip
def test_a_fault_in_the_settings_is_named(tmp_path: Path, kind: str, settings: dict[str, Any], fault: str) -> None:
    with pytest.raises(ConfigError, match=fault):
        made(tmp_path, kind, settings)
