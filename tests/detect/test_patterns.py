from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from extproc.detect.patterns import Hit, PatternSpec, Scanner, check

SPECS = (
    PatternSpec("id", "ACME-[0-9]{6}"),
    PatternSpec("term", "straße", caseless=True, literal=True),
    PatternSpec("word", r"\bab+\b"),
)


def test_hits_are_counted_in_characters() -> None:
    assert Scanner(SPECS).find("é ACME-123456 STRASSE Straße 🙂 abb") == [
        Hit("id", 2, 13), Hit("term", 22, 28), Hit("word", 31, 34),
    ]  # fmt: skip


def test_hits_that_overlap_are_one_named_by_the_earlier_and_longer() -> None:
    scanner = Scanner((PatternSpec("short", "ab"), PatternSpec("long", "abcd"), PatternSpec("late", "cde")))
    assert scanner.find("abcdef") == [Hit("long", 0, 5)]


@pytest.mark.parametrize("before", ["", "x ", "é 🙂 ", "x"])
def test_a_search_from_the_middle_sees_what_stands_before(before: str) -> None:
    scanner = Scanner((PatternSpec("word", r"\bab\b"), PatternSpec("first", r"^z")))
    expected = [] if before == "x" else [Hit("word", len(before), len(before) + 2)]
    assert scanner.find(before + "ab z", len(before)) == expected


@given(st.text(alphabet="ACME-0123456 straßeab🙂\ud800", max_size=40))
def test_the_answer_is_the_same_without_hyperscan(text: str) -> None:
    assert Scanner(SPECS).find(text) == Scanner(SPECS, prefilter=False).find(text)


@pytest.mark.parametrize("expression", ["(?=a)", r"(a)\1", "a*", "(", "", "x|"])
def test_what_is_not_linear_or_matches_nothing_is_refused(expression: str) -> None:
    assert check(expression)


def test_a_good_pattern_is_accepted() -> None:
    assert check("ACME-[0-9]{6}") is None
