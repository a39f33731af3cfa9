from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from extproc.detect.patterns import PatternSpec, Scanner, check
from extproc.detect.progress import Automaton, NotWatchable, Watch, longest

EMAIL = PatternSpec("email", r"\b[a-z0-9._-]{1,20}@[a-z0-9.-]{1,40}\.[a-z]{2,8}\b", caseless=True)
CARD = PatternSpec("card", r"\b(?:[0-9][ -]?){12,18}[0-9]\b")
ANYWHERE = PatternSpec("email", EMAIL.expression.removeprefix(r"\b"), caseless=True)
TERM = PatternSpec("term", "Project Heron", caseless=True, literal=True)


def unsettled(text: str, *specs: PatternSpec, step: int = 1) -> int:
    watch = Watch(Automaton(specs))
    for at in range(0, len(text), step):
        watch.feed(text[at : at + step])
    return watch.unsettled


@pytest.mark.parametrize(
    ("text", "held"),
    [
        ("", ""),
        ("hello ", ""),
        ("hello", "hello"),
        ("write to bob", "bob"),
        ("write to bob@", "bob@"),
        ("write to bob@example.com", "bob@example.com"),
        ("write to bob@example.com, ", ""),
        ("pay 4111 1111", "4111 1111"),
        ("pay 4111 1111 ", "4111 1111 "),
        ("pay 4111 1111 now. ", ""),
        ("the PROJECT her", "PROJECT her"),
        ("the project herring. ", ""),
        ("é🙂", ""),
    ],
)
def test_only_what_a_rule_may_still_be_in_the_middle_of_is_held(text: str, held: str) -> None:
    for step in (1, 2, 5, 100):
        assert text[len(text) - unsettled(text, EMAIL, CARD, TERM, step=step) :] == held


def test_no_more_is_held_than_the_longest_match() -> None:
    assert longest(EMAIL) == 20 + 1 + 40 + 1 + 8
    assert unsettled("a" * 10_000, EMAIL) == longest(EMAIL)
    assert unsettled("a" * 10_000, ANYWHERE) == unsettled("a" * 10_000, ANYWHERE, step=10_000) == longest(ANYWHERE)
    assert unsettled("a" * 10_000, EMAIL, step=10_000) == 0  # it begins at a word, and this one is too long


def test_a_rule_that_begins_a_word_is_not_in_progress_within_one() -> None:
    word = PatternSpec("word", r"\bkey-[0-9]{2}\b")
    inside = PatternSpec("inside", r"\Bkey-[0-9]{2}")
    assert unsettled("key-1", word) == unsettled("a key-1", word) == unsettled("é" + "key-1", word) == 5
    assert unsettled("monkey-1", word) == unsettled("a key-1", inside) == 0
    assert unsettled("monkey-1", inside) == 5
    assert unsettled("key-12", word) == 6  # whether the word ends here, the next character says
    assert unsettled("key-12 ", word) == 0


@pytest.mark.parametrize("expression", ["a+", "a.*b", r"\pL", r"\d{3,}", "[[:alpha:]]"])
def test_a_pattern_without_a_longest_match_or_of_re2_alone_is_refused_by_its_text(expression: str) -> None:
    with pytest.raises(NotWatchable) as error:
        Automaton((PatternSpec("x", expression),))
    assert repr(expression) in str(error.value)


PIECES = st.sampled_from(
    [
        "a",
        "b",
        "[ab]",
        "[^b]",
        "x",
        ".",
        r"\d",
        r"\w",
        r"\b",
        r"\B",
        r"(?:\ba|b)",
        r"\s",
        "é",
        "(?:ab|x1)",
        "K",
        "^",
        "$",
    ]
)
ITEMS = st.tuples(PIECES, st.sampled_from(["", "?", "{1,3}", "{2}", "{0,2}"])).map(
    lambda pair: pair[0] + (pair[1] if pair[0] not in (r"\b", r"\B", "^", "$") else "")
)
EXPRESSIONS = st.lists(ITEMS, min_size=1, max_size=4).map("".join).filter(lambda text: not check(text))
TEXTS = st.text(alphabet="abx1 -éKkK\n", max_size=24)


@settings(max_examples=400, deadline=None)  # the first caseless pattern folds all of Unicode
@given(st.lists(st.tuples(EXPRESSIONS, st.booleans()), min_size=1, max_size=3), TEXTS, TEXTS)
def test_whatever_comes_next_nothing_changes_in_the_settled_part(
    expressions: list[tuple[str, bool]], text: str, more: str
) -> None:
    specs = [PatternSpec("x", expression, caseless=caseless) for expression, caseless in expressions]
    settled = len(text) - unsettled(text, *specs)
    for spec in specs:
        now = [hit for hit in Scanner((spec,)).find(text) if hit.start < settled]
        later = [hit for hit in Scanner((spec,)).find(text + more) if hit.start < settled]
        assert now == later


@settings(max_examples=400, deadline=None)  # as above
@given(st.lists(st.tuples(EXPRESSIONS, st.booleans()), min_size=1, max_size=3), TEXTS, st.integers(1, 24))
def test_no_match_ends_where_none_was_said_to(expressions: list[tuple[str, bool]], text: str, step: int) -> None:
    specs = [PatternSpec("x", expression, caseless=caseless) for expression, caseless in expressions]
    watch = Watch(Automaton(specs))
    for at in range(0, len(text), step):
        watch.feed(text[at : at + step])
        fed = text[: at + step]
        assert all(hit.end <= watch.ended for spec in specs for hit in Scanner((spec,)).find(fed))


def test_it_is_known_where_a_match_may_have_ended() -> None:
    watch = Watch(Automaton((EMAIL, TERM)))
    seen = []
    for text in ("write to ", "bob@", "example.com", ", or not, ", "a" * 100, " x@y.de" + " " * 100):
        watch.feed(text)
        seen.append(watch.ended)
    assert seen == [0, 0, 24, 24, 134, 241]  # what is longer than any match is not followed to its beginning


@given(TEXTS, st.integers(1, 24))
def test_it_does_not_matter_how_the_text_arrives(text: str, step: int) -> None:
    assert unsettled(text, EMAIL, CARD, TERM, step=step) == unsettled(text, EMAIL, CARD, TERM)
