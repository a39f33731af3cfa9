"""Kinds that judge what a request is, more than what it says: roles."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from policies.kinds import exchange, judged, made

from extproc.chain import Chain, Link
from extproc.model import ConfigError


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


@pytest.mark.parametrize(
    ("kind", "settings", "fault"),
    [("rbac", {"data_access": {"a": {}}}, "policy.rbac.data_access.a.max_sensitivity: missing"),
     ("rbac", {"data_access": {"a": {"max_sensitivity": "secret"}}}, "expected one of public, internal, confidential, restricted, found 'secret'"),
     ("rbac", {"roles": {"a": {"allowed_tool": ["x"]}}}, "unknown key 'allowed_tool', did you mean 'allowed_tools'"),
     ("rbac", {"minimum_necessary": True}, "expected a mapping")],
)  # fmt: skip
def test_a_fault_in_the_settings_is_named(tmp_path: Path, kind: str, settings: dict[str, Any], fault: str) -> None:
    with pytest.raises(ConfigError, match=fault):
        made(tmp_path, kind, settings)
