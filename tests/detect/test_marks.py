from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from extproc.detect.marks import Marks, Placeholders

CARD = "4111 1111 1111 1111"


@pytest.mark.parametrize(
    ("marks", "expected"),
    [(Marks(), "[CARD_REDACTED]"), (Marks(preserve_length=True), "[CARD_REDACTED]****"), (Marks("asterisk"), "********"),
     (Marks("asterisk", True), "*" * 19), (Marks("partial"), "****1111"), (Marks("partial", True), "**** **** **** 1111"),
     (Marks("numbered"), "[CARD_1]"), (Marks("partial", custom={"CARD": "<card>"}), "<card>"),
     (Marks(custom={"SSN": "<ssn>"}), "[CARD_REDACTED]"), (Marks(preserve_length=True, custom={"CARD": "x" * 20}), "*" * 19)],
)  # fmt: skip
def test_every_style_has_its_mark(marks: Marks, expected: str) -> None:
    assert marks.of("CARD", CARD, Placeholders()) == expected


@pytest.mark.parametrize("value", ["123", "12345678"])
def test_a_short_value_shows_nothing(value: str) -> None:
    assert Marks("partial").of("CVV", value, Placeholders()) == "****"
    assert Marks("partial", True).of("CVV", value, Placeholders()) == "*" * len(value)


@given(st.sampled_from(["label", "asterisk", "partial"]), st.text(max_size=40))
def test_a_mark_that_preserves_length_is_as_long_as_its_value(style: str, value: str) -> None:
    assert len(Marks(style, True).of("EMAIL", value, Placeholders())) == len(value)  # type: ignore[arg-type]


def test_the_same_value_has_the_same_number() -> None:
    placeholders = Placeholders()
    values = ["a@b.io", "c@d.io", "a@b.io"]
    assert [placeholders.of("EMAIL", value) for value in values] == ["[EMAIL_1]", "[EMAIL_2]", "[EMAIL_1]"]
    assert placeholders.of("CARD", "a@b.io") == "[CARD_1]"


def test_placeholders_become_values_again() -> None:
    placeholders = Placeholders("c0ffee")
    first, second = placeholders.of("EMAIL", "a@b.io"), placeholders.of("IP", "8.8.8.8")
    assert first == "[EMAIL_1_c0ffee]"
    assert placeholders.find(f"\ud800 {second}{first}.") == [(2, 15, "8.8.8.8"), (15, 31, "a@b.io")]


@pytest.mark.parametrize("text", ["[EMAIL_1]", "[EMAIL_1_abcdef]", "[EMAIL_2_c0ffee]", "[EMAIL_1_c0ffee", "[email_1_c0ffee]", "[SSN_1_c0ffee]"])  # fmt: skip
def test_what_was_not_given_out_stands_for_nothing(text: str) -> None:
    placeholders = Placeholders("c0ffee")
    placeholders.of("EMAIL", "a@b.io")
    assert not placeholders.find(text)
