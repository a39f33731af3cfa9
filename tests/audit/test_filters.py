"""Which events a filter finds, and which filters are refused."""

from __future__ import annotations

import pytest

from extproc.audit.filters import FILTERS, WORDS, FilterError, filters, matches, verdict
from extproc.audit.merge import VERDICTS

DECISIONS = [
    {"policy": "pii-detector", "verdict": "redact", "reason": "pii.email", "enforced": True},
    {"policy": "dlp-filter", "verdict": "block", "reason": "dlp.term", "enforced": False},
    {"policy": "rbac", "verdict": "allow", "reason": "", "enforced": True},
]


def found(event: dict[str, object], *given: str) -> bool:
    return matches(event, filters(given))


@pytest.mark.parametrize("name", [name for name, values in FILTERS.items() if not values])
def test_each_filter_finds_its_value_and_no_other(name: str) -> None:
    assert found({name: "this"}, f"{name}=this")
    assert not found({name: "other"}, f"{name}=this")
    assert not found({}, f"{name}=this")


def test_a_value_may_hold_an_equals_sign_and_a_number_is_its_digits() -> None:
    assert found({"model": "a=b", "status": 200}, "model=a=b", "status=200")


def test_all_filters_hold() -> None:
    event: dict[str, object] = {"user": "ana", "team": "payments"}
    assert found(event, "user=ana", "team=payments")
    assert not found(event, "user=ana", "team=search")
    assert found(event)


@pytest.mark.parametrize(("said", "hit"), [(True, "true"), (False, "false"), (None, "false"), ("true", "false")])
def test_a_hit_is_a_hit_only_where_the_event_says_so(said: object, hit: str) -> None:
    event = {"cache_hit": said} if said is not None else {}
    assert [each for each in FILTERS["cache_hit"] if found(event, f"cache_hit={each}")] == [hit]


@pytest.mark.parametrize(("decision", "word"), VERDICTS.items())
def test_a_decision_is_found_by_its_own_word_and_by_the_verdict(decision: str, word: str) -> None:
    event: dict[str, object] = {"decision": decision, "verdict": word}
    assert found(event, f"decision={decision}") and found(event, f"decision={word}") and found(event, f"verdict={word}")
    assert not any(found(event, f"verdict={other}") for other in WORDS if other != word)
    assert verdict({"decision": decision}) == word


def test_a_model_is_found_by_the_name_that_was_asked_and_the_one_that_answered() -> None:
    event: dict[str, object] = {"model": "fast", "response_model": "gpt-4o-2024-08-06"}
    assert found(event, "model=fast") and found(event, "model=gpt-4o-2024-08-06")
    assert not found(event, "model=gpt-4o")


def test_a_policy_is_found_where_it_decided_or_redacted_but_not_where_it_only_watched() -> None:
    event: dict[str, object] = {"policy": "prompt-injection", "decisions": DECISIONS}
    assert [
        each for each in ("prompt-injection", "pii-detector", "dlp-filter", "rbac") if found(event, f"policy={each}")
    ] == ["prompt-injection", "pii-detector"]


@pytest.mark.parametrize(
    ("given", "words"),
    [
        (["nope=1"], "'nope' is none of cache, cache_hit, decision, "),
        (["team"], "KEY=VALUE"),
        (["team=a", "team=b"], "'team' stands twice"),
        (["cache_hit=yes"], "cache_hit is never 'yes'; it is one of true, false"),
        (["decision=denied"], "decision is never 'denied'; it is one of allowed, blocked, "),
        (["verdict=blocked"], "verdict is never 'blocked'; it is one of allow, block, "),
        ([""], "'' is none of"),
    ],
)
def test_a_filter_that_can_hold_for_nothing_is_refused(given: list[str], words: str) -> None:
    with pytest.raises(FilterError) as caught:
        filters(given)
    assert words in str(caught.value)
