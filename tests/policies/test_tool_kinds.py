"""The kinds that judge calls of tools: what their fixtures do not say."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from policies.kinds import exchange, judged, made

from extproc.chain import Chain, Link
from extproc.model import ConfigError, Exchange, Request, ToolResult
from extproc.policies.agent_firewall import amounts
from extproc.policies.schemas import Schema
from extproc.policies.tools import Names, strings

SCHEMA = {"type": "object", "properties": {"card": {"type": "string", "maxLength": 4}}}


def reasons(home: Path, kind: str, settings: dict[str, Any], said: dict[str, Any]) -> list[str]:
    return [reason for _, reason in judged(made(home, kind, settings), exchange(said, "output"), "output")]


@pytest.mark.parametrize(
    ("kind", "settings", "said", "reason"),
    [
        ("tool-validation", {}, {"call": ["a", {}]}, "tool_validation.undeclared"),
        ("tool-validation", {"declared_tools": ["a"], "schemas": {"a": SCHEMA}}, {"call": ["a", {"card": "41111"}]}, "tool_validation.arguments"),
        ("tool-budget", {"budgets": {"a": {"max_tokens": 1}}}, {"calls": [["a", {"b": 1}], ["a", {}]]}, "tool_budget.tokens"),
        ("tool-security", {}, {"call": ["a", {"url": "http://127.0.0.1/"}]}, "tool_security.ssrf"),
        ("tool-security", {}, {"call": ["a", {"path": "../../../etc/passwd"}]}, "tool_security.path_traversal"),
        ("tool-security", {}, {"call": ["a", {"host": "x; rm -rf y"}]}, "tool_security.command_injection"),
        ("tool-security", {}, {"call": ["a", {"id": "1' OR '1'='1"}]}, "tool_security.sql_injection"),
        ("tool-security", {"blocked_entity_types": ["email"]}, {"call": ["a", {"b": "ana@example.net"}]}, "tool_security.sensitive_data"),
        ("agent-firewall", {"blocked_tools": ["a"]}, {"call": ["a", {}]}, "agent_firewall.tool"),
        ("agent-firewall", {"max_actions_per_session": 1}, {"calls": [["a", {}], ["b", {}]]}, "agent_firewall.max_actions"),
        ("agent-firewall", {"rate_limits": {"max_actions_per_session": 1}}, {"calls": [["a", {}], ["b", {}]]}, "agent_firewall.max_actions"),
        ("agent-firewall", {"rate_limits": {"default": 1}}, {"calls": [["a", {}], ["b", {}], ["a", {}]]}, "agent_firewall.rate_limit"),
        ("agent-firewall", {"transaction_limits": {"max_single_transaction": 1}}, {"call": ["a", {"amount": 2}]}, "agent_firewall.transaction"),
        ("agent-firewall", {"transaction_limits": {"require_approval_above": 1}}, {"call": ["a", {"amount": 2}]}, "agent_firewall.approval"),
        ("agent-firewall", {"kill_switches": {"halt_on_pii_in_action": True}}, {"call": ["a", {"b": "ana@example.net"}]}, "agent_firewall.pii"),
        ("agent-firewall", {"kill_switches": {"halt_on_suspicious_pattern": True}}, {"call": ["a", {"b": "$(whoami)"}]}, "agent_firewall.suspicious"),
    ],
)  # fmt: skip
def test_each_reason_is_told(
    tmp_path: Path, kind: str, settings: dict[str, Any], said: dict[str, Any], reason: str
) -> None:
    assert reasons(tmp_path, kind, settings, said) == [reason]


def test_an_amount_above_the_approval_limit_is_escalated(tmp_path: Path) -> None:
    policy = made(tmp_path, "agent-firewall", {"transaction_limits": {"require_approval_above": 1}})
    found = exchange({"call": ["a", {"amount": 2}]}, "output")
    assert judged(policy, found, "output") == [("escalate", "agent_firewall.approval")]


def test_near_the_limit_a_call_passes_and_says_so(tmp_path: Path) -> None:
    settings = {"max_actions_per_session": 4, "monitoring": {"alert_threshold_percent": 75}}
    policy = made(tmp_path, "agent-firewall", settings)
    for calls, reason in ((2, ""), (3, "agent_firewall.near_limit"), (4, "agent_firewall.near_limit")):
        found = exchange({"calls": [["a", {}]] * calls}, "output")
        assert judged(policy, found, "output") == []
        assert [each.reason for each in found.decisions if each.stage == "output"] == [reason]


def test_a_conversation_with_many_failures_is_not_sent(tmp_path: Path) -> None:
    policy = made(tmp_path, "agent-firewall", {"kill_switches": {"max_errors_before_halt": 2}})
    for failures, expected in ((1, []), (2, [("block", "agent_firewall.halted_errors")])):
        found = exchange("hello", "input")
        assert found.request
        results = (*[ToolResult("a", 1, failed=True)] * failures, ToolResult("a", 1))
        found.request = replace(found.request, results=results)
        assert judged(policy, found, "input") == expected


def test_without_that_switch_requests_are_not_its_business(tmp_path: Path) -> None:
    policy = made(tmp_path, "agent-firewall", {"blocked_tools": ["a"]})
    found = exchange("hello", "input")
    assert judged(policy, found, "input") == [] and not found.decisions


def test_the_message_names_the_tool_and_the_place_and_no_value(tmp_path: Path) -> None:
    settings = {"declared_tools": ["pay"], "schemas": {"pay": SCHEMA}}
    found = exchange({"call": ["pay", {"card": "4111111111111111"}]}, "output")
    refused = refusal(made(tmp_path, "tool-validation", settings), found)
    assert refused == "The arguments with which the model called 'pay' do not fit: $.card (maxLength)."


def test_a_tools_name_that_a_model_made_up_is_cut_and_printable(tmp_path: Path) -> None:
    found = exchange({"call": ["\x1b[31m" + "é" * 500, {}]}, "output")
    said = refusal(made(tmp_path, "tool-validation", {}), found)
    assert said.isascii() and said.isprintable() and len(said) < 400


def refusal(policy: Any, found: Exchange) -> str:
    judging = Chain((Link(policy=policy),), lambda: 0).judge_output(found)
    with pytest.raises(StopIteration) as ended:
        next(judging)
    return str(ended.value.value.message)


def test_a_kept_reply_without_its_request_is_held_to_the_declared_tools(tmp_path: Path) -> None:
    for settings, expected in (({}, [("block", "tool_validation.undeclared")]), ({"declared_tools": ["a"]}, [])):
        found = exchange({"tools": ["a"], "call": ["a", {}]}, "output")
        found.request = None
        assert judged_output(made(tmp_path, "tool-validation", settings), found) == expected


def judged_output(policy: Any, found: Exchange) -> list[tuple[str, str]]:
    assert not list(Chain([Link(policy=policy)], lambda: 0).judge_output(found))
    return [(each.verdict, each.reason) for each in found.decisions if each.verdict != "allow"]


def test_only_these_kinds_have_calls_read() -> None:
    from extproc.policies import POLICIES

    reading = {kind for kind, policy in POLICIES.items() if policy.reads_calls}
    assert reading == {"agent-firewall", "tool-budget", "tool-security", "tool-validation"}
    links = [Link(policy=POLICIES["rbac"](POLICIES["rbac"].Settings()))]
    assert not Chain(links, lambda: 0).reads_calls
    links.append(Link(policy=POLICIES["tool-budget"](POLICIES["tool-budget"].Settings())))
    assert Chain(links, lambda: 0).reads_calls


# --- settings ---


@pytest.mark.parametrize(
    ("kind", "settings", "fault"),
    [("tool-validation", {"semantic_validation": {"enabled": True}}, "semantic_validation: not yet supported"),
     ("tool-validation", {"schemas": {"a": {"type": "text"}}}, r"schemas.a: type: 'text' is not valid"),
     ("tool-validation", {"schemas": {"a": {"properties": {"b": {"pattern": "(?=x)"}}}}}, "schemas.a: properties.b.pattern: not a pattern"),
     ("tool-validation", {"schemas": {"a": {"$ref": "https://example.com/a"}}}, r"schemas.a: .ref: only references within the schema"),
     ("tool-validation", {"schemas": {"a": {"patternProperties": {"x": {}}}}}, "schemas.a: patternProperties: not supported"),
     ("tool-validation", {"schemas": {"a": 7}}, "schemas.a: "),
     ("tool-budget", {"budgets": {"a": {}}}, "policy.tool-budget.budgets.a: max_tokens: missing"),
     ("tool-budget", {"budgets": {"a": {"max_tokens": 0}}}, "expected 1 to 1e.09, found 0"),
     ("tool-budget", {"budgets": {"a": {"max_cost_usd": 1}}}, "max_cost_usd: not yet supported"),
     ("tool-security", {"analysis_mode": "external"}, "analysis_mode: external is not yet supported"),
     ("tool-security", {"firewall_endpoint": "https://x"}, "firewall_endpoint: only analysis_mode: external has one"),
     ("tool-security", {"fail_closed": False}, "fail_closed: false has no meaning"),
     ("tool-security", {"blocked_entity_types": ["card"]}, "expected one of pan, ssn, email"),
     ("agent-firewall", {"allowed_tools": ["a"], "rate_limits": {"a": 1}}, "allowed_tools and rate_limits are of two forms"),
     ("agent-firewall", {"blocked_tools": [], "tools": {"roles": {}}}, "blocked_tools and tools are of two forms"),
     ("agent-firewall", {"max_actions_per_session": 1, "rate_limits": {"max_actions_per_session": 2}}, "max_actions_per_session stands here and in rate_limits"),
     ("agent-firewall", {"max_actions_per_session": 0}, "expected 1 to 1e.06, found 0"),
     ("agent-firewall", {"transaction_limits": {"max_daily_total": 5}}, "max_daily_total: not yet supported"),
     ("agent-firewall", {"monitoring": {"alert_on_denied_action": False}}, "alert_on_denied_action: false is not possible"),
     ("agent-firewall", {"tools": {"roles": {"a": {"allow": ["x"]}}}}, "unknown key 'allow', did you mean 'allowed'")],
)  # fmt: skip
def test_a_fault_in_the_settings_is_named(tmp_path: Path, kind: str, settings: dict[str, Any], fault: str) -> None:
    with pytest.raises(ConfigError, match=fault):
        made(tmp_path, kind, settings)


def test_what_json_cannot_say_is_no_schema(tmp_path: Path) -> None:
    import datetime

    with pytest.raises(ConfigError, match=r"schemas.a.const: expected a string, number, true, false or nothing"):
        made(tmp_path, "tool-validation", {"schemas": {"a": {"const": datetime.date(2026, 1, 1)}}})


# --- parts ---


@pytest.mark.parametrize("hostile", ["a" * 50_000 + "!", "ab" * 25_000])
def test_a_schemas_pattern_costs_what_its_text_is_long(hostile: str) -> None:
    from measure import cpu_seconds

    schema = Schema({"type": "string", "pattern": "^(a+)+$"})
    assert schema.misfit(hostile) == "$ (pattern)"
    short, long = (min(cpu_seconds(lambda t=t: schema.misfit(t)) for _ in range(3)) for t in (hostile[:5_000], hostile))
    assert long < 40 * short + 0.01


def test_a_list_of_a_hundred_thousand_different_items_is_unique_in_time() -> None:
    assert Schema({"uniqueItems": True}).misfit([{"n": n} for n in range(100_000)]) is None
    assert Schema({"uniqueItems": True}).misfit([{"a": 1, "b": 2}, {"b": 2, "a": 1}]) == "$ (uniqueItems)"


@given(st.text(alphabet="ab*", max_size=8), st.text(alphabet="abc\n", max_size=8))
def test_a_star_stands_for_any_characters(pattern: str, name: str) -> None:
    def fits(rest: str, left: str) -> bool:
        if not rest:
            return not left
        if rest[0] == "*":
            return any(fits(rest[1:], left[n:]) for n in range(len(left) + 1))
        return left[:1] == rest[0] and fits(rest[1:], left[1:])

    assert (name in Names((pattern,))) == fits(pattern, name)


def test_no_pattern_names_no_tool() -> None:
    assert "" not in Names(()) and "a" not in Names(())


@pytest.mark.parametrize(
    ("arguments", "found"),
    [('{"amount": 5}', [5.0]), ('{"amount": "5"}', [5.0]), ('{"amount": "1,234.50"}', [1234.5]), ('{"amount": "1.234,50"}', [1234.5]),
     ('{"amount": "1.000"}', [1000.0]), ('{"amount": "$ 20"}', [20.0]), ('{"amount": "20 EUR"}', [20.0]), ('{"amount": "5 or 6"}', [float("inf")]),
     ('{"amount": "none"}', [0.0]), ('{"amount": true}', []), ('{"total_price": 5, "n": 6}', [5.0]), ('{"refundTotal": 5}', [5.0]),
     ('{"totally": 5, "amounts": 6, "sumo": 7}', []), ('{"amount": {"value": 5, "currency": "EUR"}}', [5.0, 0.0]), ('{"amount": [1, 2]}', [1.0, 2.0]),
     ("amount=5", []), ("", [])],
)  # fmt: skip
def test_amounts_are_numbers_under_keys_that_name_money(arguments: str, found: list[float]) -> None:
    assert list(amounts(arguments)) == found


@pytest.mark.parametrize(
    ("arguments", "found"),
    [('{"a": "x", "b": ["y", {"c": 4111}]}', [("", "a"), ("a", "x"), ("", "b"), ("b", "y"), ("", "c"), ("c", "4111")]),
     (r'{"a": "\u002e\u002e\ud83d"}', [("", "a"), ("a", "..\ud83d")]), ("not JSON", [("", "not JSON")]), ('"text"', [("", "text")]), ('{"a": true, "b": null}', [("", "a"), ("", "b")])],
)  # fmt: skip
def test_strings_stand_under_their_key(arguments: str, found: list[tuple[str, str]]) -> None:
    assert list(strings(arguments)) == found


def test_a_request_that_is_not_there_has_no_calls() -> None:
    assert Request("m", False, ()).calls == () and Request("m", False, ()).results == ()
