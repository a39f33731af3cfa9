from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from extproc.detect import pii
from extproc.detect.entities import EntityScanner
from extproc.detect.folding import folded

SCANNER = EntityScanner((*pii.CARD, *pii.SSN, *pii.EMAIL))
CARD = "4111 1111 1111 1111"


@given(st.text())
def test_places_stay_the_same_and_folding_again_changes_nothing(text: str) -> None:
    assert len(folded(text)) == len(text)
    assert folded(folded(text)) == folded(text)


@given(st.text(alphabet=st.characters(codec="ascii")))
def test_ascii_is_left_alone(text: str) -> None:
    assert folded(text) == text


@pytest.mark.parametrize("text", ["Größe, Ærø, naïve", "我们今天去公园", "привет", "🙂 ½ ² ﬁ", "“quoted” … ‘so’"])
def test_letters_and_signs_of_other_scripts_are_left_alone(text: str) -> None:
    assert folded(text) == text.replace("²", "2")


@pytest.mark.parametrize(
    "written",
    [CARD.replace(" ", "\u00a0"), CARD.replace(" ", "\u2009"), CARD.replace(" ", "\u2011"), CARD.replace(" ", "\u2013"),
     "".join(chr(0xFF10 + int(c)) if c.isdigit() else c for c in CARD), "".join(chr(0x660 + int(c)) if c.isdigit() else c for c in CARD),
     "".join(chr(0x1D7CE + int(c)) if c.isdigit() else c for c in CARD), "".join(chr(0x966 + int(c)) if c.isdigit() else c for c in CARD)],
)  # fmt: skip
def test_a_card_in_other_digits_spaces_or_dashes_is_a_card(written: str) -> None:
    text = f"é card {written} 🙂"
    assert [text[hit.start : hit.end] for hit in SCANNER.find(text)] == [written]


def test_an_address_in_full_width_letters_is_an_address() -> None:
    text = "write \uff4a\uff4f\uff45\uff20\uff41\uff43\uff4d\uff45\uff0e\uff49\uff4f now"
    assert [(hit.start, hit.end) for hit in SCANNER.find(text)] == [(6, 17)]
