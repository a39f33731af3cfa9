from __future__ import annotations

import re._parser  # type: ignore[import-untyped]  # the only place that knows how long a match can become
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from extproc.detect import pii, secrets
from extproc.detect.entities import (
    AFTER,
    BEFORE,
    CLOSING_LINE,
    MAX_CANDIDATES,
    TAIL_CAP,
    EntityRule,
    EntityScanner,
    TooManyCandidates,
)
from extproc.detect.patterns import Hit, check
from extproc.detect.progress import longest

PERSONAL = (*pii.EMAIL, *pii.PHONE, *pii.PCI, *pii.SSN, *pii.IBAN, *pii.IP, *pii.HEALTH)
RULES = (*PERSONAL, *pii.IP_PRIVATE, *secrets.SECRETS)
WORD = EntityRule("WORD", "w[0-9]{1,3}", 4, lambda found, before, after: before[-1:] != "!" and after[:1] != "?")


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: f"{rule.label}-{rule.expression[:24]}")
def test_the_longest_match_of_every_rule_is_bounded_and_declared(rule: EntityRule) -> None:
    width = re._parser.parse(rule.expression).getwidth()[1]
    assert width == rule.max_length < 4096
    assert check(rule.expression) is None and (not rule.gate or check(rule.gate) is None)


@given(st.text(alphabet="w12!? ", max_size=24), st.integers(0, 24))
def test_text_that_came_before_counts_as_context_and_hits_refer_to_the_text(text: str, cut: int) -> None:
    scanner = EntityScanner((WORD,))
    whole = [(hit.start, hit.end) for hit in scanner.find(text)]
    after = [(hit.start, hit.end) for hit in scanner.find(text[cut:], context=text[:cut])]
    assert after == [(max(0, start - cut), end - cut) for start, end in whole if end > cut]


def test_only_the_last_characters_of_the_context_count() -> None:
    scanner = EntityScanner(pii.SSN)
    assert scanner.find("219099998", context="ssn: ")
    assert not scanner.find("219099998", context="ssn: " + "." * BEFORE)


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: f"{rule.label}-{rule.expression[:24]}")
def test_every_rule_can_be_followed_through_a_stream(rule: EntityRule) -> None:
    spec, *_ = EntityScanner((rule,)).watched
    most = rule.max_length + AFTER + TAIL_CAP + (CLOSING_LINE if rule.closing else 0)
    assert rule.max_length + AFTER <= longest(spec) <= most


@given(st.text(alphabet="w12!? é", max_size=24), st.integers(0, 24))
def test_a_search_may_start_anywhere_and_looks_back(text: str, start: int) -> None:
    scanner = EntityScanner((WORD,))
    assert scanner.find(text, start) == [hit for hit in scanner.find(text) if hit.start >= start]


def test_overlapping_hits_are_one_hit_so_that_no_end_is_left_over() -> None:
    scanner = EntityScanner((EntityRule("A", "abc", 3), EntityRule("B", "cdefg", 5), EntityRule("C", "xy", 2)))
    assert scanner.find("-abcdefg-xy") == [Hit("B", 1, 8), Hit("C", 9, 11)]


def test_a_group_is_the_hit_and_the_rest_is_context() -> None:
    assert EntityScanner((EntityRule("PIN", "pin ([0-9]{4})", 8),)).find("é pin 1234") == [Hit("PIN", 6, 10)]


def test_a_tail_belongs_to_the_hit_up_to_a_cap() -> None:
    scanner = EntityScanner((EntityRule("KEY", "k-[a-z]{4}", 6, tail="abcdefghijklmnopqrstuvwxyz"),))
    assert scanner.find("k-" + "a" * 5000 + " b") == [Hit("KEY", 0, 5002)]
    assert scanner.find("k-" + "a" * 30000) == [Hit("KEY", 0, 6 + TAIL_CAP)]


def test_a_text_that_is_too_dense_to_judge_is_not_let_through() -> None:
    with pytest.raises(TooManyCandidates):
        EntityScanner((WORD,)).find("w1 " * (MAX_CANDIDATES + 1))


@settings(deadline=None)  # the first scan builds automata
@given(st.text(alphabet='4111 -.x@+12:abk="é🙂', max_size=80))
def test_any_text_gives_ordered_hits_that_do_not_overlap(text: str) -> None:
    hits = EntityScanner(RULES).find(text)
    assert all(0 <= hit.start < hit.end <= len(text) for hit in hits)
    assert all(a.end <= b.start for a, b in pairwise(hits))


def test_offsets_count_characters_whatever_stands_before() -> None:
    text = "🙂é mail joe@acme.io 🙂 or eve@acme.io"
    assert [text[hit.start : hit.end] for hit in EntityScanner(pii.EMAIL).find(text)] == ["joe@acme.io", "eve@acme.io"]
