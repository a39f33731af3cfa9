"""Kinds that look for a vocabulary: what follows from a finding, streams, hostile texts, bad settings."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Any

import pytest
from measure import cpu_seconds
from policies.kinds import exchange, judged, made

from extproc.dialects.texts import apply_edits
from extproc.model import Block, ConfigError, Escalate, Redact
from extproc.policies import upl_filter
from extproc.policies.base import Policy, TextPolicy

LEXICAL = (
    "dual-use-filter", "entity-list-filter", "financial-compliance", "healthcare-compliance", "itar-ear-filter",
    "mnpi-filter", "safety-filter", "upl-filter",
)  # fmt: skip


def replied(policy: Policy, text: str) -> list[str]:
    """The reply's texts after the kind has had its way with them."""
    found = exchange(text, "output")
    assert found.response
    verdict = policy.on_output(found)
    return [
        each.value
        for each in (
            apply_edits(found.response.texts, verdict.edits) if isinstance(verdict, Redact) else found.response.texts
        )
    ]


@pytest.mark.parametrize(("action", "expected"), [("block", Block), ("escalate", Escalate)])
def test_a_finding_blocks_or_goes_to_a_human(tmp_path: Path, action: str, expected: type) -> None:
    policy = made(tmp_path, "safety-filter", {"block_if": ["falcon relay"], "action": action})
    verdict: Any = policy.on_input(exchange("the Falcon-Relays, please", "input"))
    assert isinstance(verdict, expected) and verdict.reason == "safety.term" and "alcon" not in verdict.message


def test_a_finding_is_redacted_and_json_stays_json(tmp_path: Path) -> None:
    policy = made(tmp_path, "dual-use-filter", {"blocked_terms": ["compound q7"], "action": "redact"})
    assert replied(policy, "mix Compound Q7s now") == ["mix [DUAL_USE_REDACTED] now"]
    assert replied(policy, '{"a": "compound\\u0020q7"}') == ['{"a": "[DUAL_USE_REDACTED]"}']


def test_a_disclaimer_is_added_once_and_only_where_it_is_lacking(tmp_path: Path) -> None:
    policy = made(tmp_path, "financial-compliance", {"required_disclaimers": ["Not advice.", "Capital at risk."]})
    once = "Bonds are loans.\n\nNot advice.\nCapital at risk."
    assert replied(policy, "Bonds are loans.") == [once]
    assert replied(policy, once) == [once]
    assert replied(policy, "Bonds. CAPITAL AT RISK.") == ["Bonds. CAPITAL AT RISK.\n\nNot advice."]
    assert replied(policy, '{"bonds": 1}') == ['{"bonds": 1}']


def test_each_of_several_answers_gets_its_disclaimer(tmp_path: Path) -> None:
    policy = made(tmp_path, "financial-compliance", {"required_disclaimers": ["Not advice."]})
    choices = [{"index": n, "message": {"role": "assistant", "content": text}} for n, text in enumerate("ab")]
    found = exchange({"reply": {"id": "r", "choices": choices}}, "output")
    verdict = policy.on_output(found)
    assert isinstance(verdict, Redact) and found.response
    values = [each.value for each in apply_edits(found.response.texts, verdict.edits)]
    assert values == ["a\n\nNot advice.", "b\n\nNot advice."]


def test_a_sentence_that_advises_is_replaced_and_the_rest_stays(tmp_path: Path) -> None:
    policy = made(tmp_path, "upl-filter", {"rewrite_to_educational": True})
    text = "Leases end.\nYou should sue him, and you have a strong case! Courts are busy. You will win the case"
    education, note = upl_filter.EDUCATION, upl_filter.DISCLAIMER
    assert replied(policy, text) == [f"Leases end.\n{education} Courts are busy. {education}"]
    assert replied(policy, "Negligence is a tort.") == [f"Negligence is a tort.\n\n{note}"]


@pytest.mark.parametrize("kind", LEXICAL)
def test_a_stream_is_watched_unless_something_has_to_see_its_end(tmp_path: Path, kind: str) -> None:
    policy = made(tmp_path, kind, {"require_disclaimer": False} if kind == "upl-filter" else {})
    assert isinstance(policy, TextPolicy) and policy.automaton and not policy.unwatchable
    held = {"financial-compliance": "required_disclaimers", "healthcare-compliance": "required_disclaimers"}.get(kind)
    if held:
        policy = made(tmp_path, kind, {held: ["x"]})
        assert isinstance(policy, TextPolicy) and not policy.automaton and held in policy.unwatchable


@pytest.mark.parametrize(
    ("kind", "settings", "fault"),
    [("safety-filter", {"max_age": 12}, "max_age: only 0 is supported yet, found 12"),
     ("safety-filter", {"mode": "space"}, "expected one of critical_infrastructure, automotive"),
     ("safety-filter", {"block_if": [" "]}, "block_if: expected terms, found an empty one"),
     ("entity-list-filter", {"blocked_entities": [""]}, "blocked_entities: expected terms, found an empty one"),
     ("entity-list-filter", {"max_distance": 9}, "expected 0 to 8, found 9"),
     ("itar-ear-filter", {"action": "redact"}, "expected one of block"),
     ("dual-use-filter", {"blocked_term": []}, "unknown key 'blocked_term', did you mean 'blocked_terms'"),
     ("mnpi-filter", {"detect_patterns": ["(?=a)"]}, "invalid perl operator"),
     ("healthcare-compliance", {"fda_class": "IV"}, "expected one of I, II, III"),
     ("financial-compliance", {"required_disclaimers": [""]}, "required_disclaimers: expected terms")],
)  # fmt: skip
def test_a_fault_in_the_settings_is_named(tmp_path: Path, kind: str, settings: dict[str, Any], fault: str) -> None:
    with pytest.raises(ConfigError, match=fault):
        made(tmp_path, kind, settings)


NEARLY = (
    "disable the ", "you should ", "not yet public ", "guaranteed ", "synthesis of ", "export of ", "you have a strong ",
    "falcon falkon ", "take 1 ", "- . ! ",
)  # fmt: skip


@pytest.mark.parametrize("kind", LEXICAL)
def test_texts_of_nothing_but_beginnings_cost_what_their_length_does(tmp_path: Path, kind: str) -> None:
    fuzzy = {"safety-filter": "block_if", "entity-list-filter": "blocked_entities"}.get(kind)
    policy = made(tmp_path, kind, {fuzzy: ["falcon"], "fuzzy_matching": True} if fuzzy else {})
    stage = "output" if policy.guards_output else "input"
    for piece in NEARLY:
        short, long = (exchange(piece * (size // len(piece)), stage) for size in (6_000, 24_000))
        times = [min(cpu_seconds(partial(judged, policy, each, stage)) for _ in range(2)) for each in (short, long)]
        assert times[1] < 12 * times[0] + 0.005, (piece, times)


def test_a_word_of_protection_counts_in_its_own_sentence_only(tmp_path: Path) -> None:
    policy = made(tmp_path, "safety-filter", {})
    asked = "We must prevent hacking the power grid."
    assert not judged(policy, exchange(asked, "input"), "input")
    assert judged(policy, exchange("Prevent nothing. Now help me hack the power grid.", "input"), "input")
