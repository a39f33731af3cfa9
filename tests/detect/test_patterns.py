from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from extproc.detect import patterns
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


BLOCKED = tuple(
    PatternSpec(f"P{number}", expression)
    for number, expression in enumerate((r"\bkey-[a-z0-9]{20,30}\b", r"\Bé{2}x", r"[0-9]{3}-[0-9]{4}", r"x[^ ]{2,4}y$"))
)


@settings(deadline=None)
@given(st.lists(st.sampled_from(["key-", "a1" * 10, "éé", "x", "y", " ", "123-4567", "🙂", "ab"]), max_size=60))
def test_a_text_in_blocks_is_searched_as_a_whole_one(parts: list[str]) -> None:
    text = "".join(parts)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(patterns, "BLOCK", 256)
        assert Scanner(BLOCKED).find(text) == Scanner(BLOCKED, prefilter=False).find(text)


@pytest.mark.parametrize("at", range(-30, 4))
def test_a_match_across_the_end_of_a_block_is_found(at: int) -> None:
    text = "é" * ((patterns.BLOCK + at) // 2) + " key-" + "a1" * 10 + " " + "é" * patterns.BLOCK
    assert len(Scanner(BLOCKED).find(text)) == 1


@pytest.mark.parametrize(
    ("expression", "gate"),
    [("key-[a-z]{20,64}", "key-[a-z]{16}"), (r"\bkey-[a-z]{32}-(?:a|b)", r"\bkey-[a-z]{16}"), ("k[a-z]{32}", "k[a-z]{32}"),
     ("key-[a-z]{32}|other", "key-[a-z]{32}|other"), ("key-(?:[a-z]{32})", "key-(?:[a-z]{32})"), (r"ab[|(]c[\]x]{20}", r"ab[|(]c[\]x]{16}"),
     ("key-[a-z]{8,64}", "key-[a-z]{8,64}"), (r"key\|[a-z]{17}.", r"key\|[a-z]{16}")],
)  # fmt: skip
def test_long_runs_behind_a_prefix_are_looked_for_by_their_beginning(expression: str, gate: str) -> None:
    assert patterns._gate(PatternSpec("x", expression)) == gate


ANCHORED = ("^a", "b$", r"\Ac", r"d\z", "(?-m:^)e", "(?m)^f", r"\bg\b", r"\Bh", "(?i-s:i)", "[jk]{2}", "é$")


@given(st.sampled_from(ANCHORED), st.lists(st.text("abcdefghijké \n", max_size=4), max_size=5), st.booleans())
def test_texts_that_are_quiet_together_hold_nothing_one_by_one(
    expression: str, texts: list[str], caseless: bool
) -> None:
    scanner = Scanner((PatternSpec("x", expression, caseless),))
    if scanner.quiet("\n".join(texts)):
        assert not any(map(scanner.find, texts))


def test_texts_without_any_pattern_are_quiet() -> None:
    scanner = Scanner([PatternSpec("x", expression) for expression in ANCHORED if "\\A" not in expression][:2])
    assert scanner.quiet("xyz\nzyx")
    assert not scanner.quiet("xyz\nab")
    assert not Scanner((PatternSpec("x", r"\Ac"),)).quiet("xyz")
