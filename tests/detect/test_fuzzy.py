from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from extproc.detect.fuzzy import FuzzyTerms, distance, places_of
from extproc.detect.patterns import Hit


def plain(a: str, b: str) -> int:
    row = list(range(len(b) + 1))
    for i, x in enumerate(a, 1):
        before, row[0] = row[0], i
        for j, y in enumerate(b, 1):
            before, row[j] = row[j], min(row[j] + 1, row[j - 1] + 1, before + (x != y))
    return row[-1]


@given(st.text(alphabet="abcé", max_size=12), st.text(alphabet="abcé", max_size=12))
def test_the_distance_is_levenshteins(a: str, b: str) -> None:
    assert distance(places_of(a), len(a), b) == plain(a, b)


@pytest.mark.parametrize("text", ["a falcon here", "FALCON", "falcno is two", "falkon.", "fal-con", "falconn"])
def test_words_within_the_distance_are_found(text: str) -> None:
    (hit,) = FuzzyTerms("term", ["falcon"], 2).find(text)
    assert text[hit.start : hit.end].lower()[:3] == "fal"


def test_a_term_of_several_words_is_compared_with_as_many_words() -> None:
    assert FuzzyTerms("term", ["project falcon"], 1).find("é the projekt  falcon; x") == [Hit("term", 6, 21)]
    assert not FuzzyTerms("term", ["project falcon"], 1).find("project x falcon")


@pytest.mark.parametrize("text", ["cut", "falcons flew", "fulkan", ""])
def test_other_words_are_not(text: str) -> None:
    assert not FuzzyTerms("term", ["cat"], 1).find("dog " + text.replace("cut", "dot"))
    assert not FuzzyTerms("term", ["falcon"], 0).find(text)


def test_a_short_term_allows_fewer_edits() -> None:
    assert not FuzzyTerms("term", ["ab"], 8).find("ac xb zz") and FuzzyTerms("term", ["ab"], 8).find("AB")


@given(st.text(alphabet="ab Éİ🙂-\ud800", max_size=40))
def test_hits_are_places_of_the_text(text: str) -> None:
    hits = FuzzyTerms("term", ["abab", "ab ab"], 1).find(text)
    assert all(0 <= hit.start < hit.end <= len(text) for hit in hits)
