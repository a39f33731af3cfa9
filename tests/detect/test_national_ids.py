"""Identity, tax and document numbers: each is found by its form, its check digits and the word before it, and no other."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from extproc.detect import checksums
from extproc.detect.entities import EntityScanner
from extproc.detect.national_ids import MACHINES, NATIONAL_IDS

SCANNER = EntityScanner((*NATIONAL_IDS, *MACHINES))

CHECKED = {
    "AU_ABN": "51 824 753 556", "AU_ACN": "ACN 004 085 616", "AU_TFN": "tax file number 876 543 210",
    "AU_MEDICARE": "Medicare 2123 45670 1", "BE_NATIONAL_NUMBER": "85.07.30-033.28", "BR_CNPJ": "11.222.333/0001-81",
    "BR_CPF": "111.444.777-35", "CA_SIN": "130 692 544", "CN_RESIDENT_ID": "11010519491231002X",
    "DE_SOCIAL_SECURITY": "15070649C103", "DE_TAX_ID": "Steuer-ID 86095742719", "ES_NIE": "X1234567L",
    "ES_NIF": "12345678Z", "FI_PERSONAL_IDENTITY_CODE": "131052-308T", "IT_FISCAL_CODE": "RSSMRA85T10A562S",
    "KR_BRN": "123-45-67891", "NL_BSN": "BSN: 111222333", "PL_PESEL": "44051401359", "SE_PERSONNUMMER": "811218-9876",
    "SG_NRIC_FIN": "S1234567D", "TR_NATIONAL_ID": "10000000146", "UK_NHS": "NHS number 943 476 5919",
    "ZA_ID_NUMBER": "SA ID 8001015009087", "CRYPTO": "1A1zP1eP5QGefi2DMPTfTL5SLmv7DivfNa",
}  # fmt: skip
"""Numbers that their authorities or textbooks print as examples."""

FORMED = {
    "DE_ID_CARD": "Personalausweis L01X00T47", "DE_PASSPORT": "Reisepass C01X00T47", "ES_PASSPORT": "pasaporte AAA123456",
    "IN_PAN": "ABCPE1234F", "KR_RRN": "900101-1234567", "MAC_ADDRESS": "00:1a:2b:3c:4d:5e", "MX_CURP": "HEGG560427MVZRRL04",
    "UK_DRIVING_LICENCE": "MORGA753116SM9IJ", "UK_NINO": "AB 12 34 56 C", "US_DRIVER_LICENSE": "driver's license D1234567",
    "US_ITIN": "912-70-1234", "US_MBI": "1EG4-TE5-MK73", "US_PASSPORT": "passport number 340020013",
}  # fmt: skip


def found(text: str) -> list[tuple[str, str]]:
    return [(hit.label, text[hit.start : hit.end]) for hit in SCANNER.find(text)]


@pytest.mark.parametrize(("label", "said"), [*CHECKED.items(), *FORMED.items()])
def test_a_number_is_found_within_a_sentence(label: str, said: str) -> None:
    assert [name for name, value in found(f"it is {said}, thanks") if said.endswith(value)] == [label]


@pytest.mark.parametrize(("label", "said"), CHECKED.items())
def test_another_digit_makes_it_another_number(label: str, said: str) -> None:
    """Of the last two, since some numbers end in a digit that no check covers; one other may pass where two letters share a rest."""
    at = [place for place, each in enumerate(said) if each.isdigit()][-2]
    others = [said[:at] + digit + said[at + 1 :] for digit in "0123456789" if digit != said[at]]
    assert sum(label in dict(found(f"it is {each}, thanks")) for each in others) <= 1


@pytest.mark.parametrize(
    "said", [said for said in CHECKED.values() if said.split()[0].isalpha() and not said.isupper()]
)
def test_what_proves_little_needs_its_word(said: str) -> None:
    digits = "".join(each for each in said if each.isdigit() or each == " ").strip()
    assert found(f"row {digits} of the table") == []


@pytest.mark.parametrize(
    "text",
    ["1718000000004", "order 6011096282569 shipped", "https://x.io/12345678Z", "v10000000146-beta", "2024-07-11T13:10:00",
     "id=44051401359", "00:00:00:00:00:00", "ff:ff:ff:ff:ff:ff", "tel 020 7946 0958", "chatcmpl-44051401359", "a passport photo",
     "12345678A", "900231-1234567", "0x1A1zP1eP5QGefi2DMPTfTL5SLmv7DivfNa"],
)  # fmt: skip
def test_what_only_looks_like_one_is_left_alone(text: str) -> None:
    assert found(text) == []


def test_the_page_names_every_number() -> None:
    page = (Path(__file__).parents[2] / "docs/policies.md").read_text()
    assert [rule.label for rule in (*NATIONAL_IDS, *MACHINES) if f"`{rule.label}`" not in page] == []


@given(st.text("0123456789", min_size=11, max_size=11))
def test_one_check_digit_at_most_completes_a_number(digits: str) -> None:
    for valid in (checksums.verhoeff, checksums.mod11_10):
        assert sum(valid(digits + each) for each in "0123456789") <= 1


@given(st.text("0123456789", min_size=4, max_size=11), st.integers(0, 9), st.data())
def test_verhoeff_notices_every_single_error(digits: str, wrong: int, data: st.DataObject) -> None:
    whole = next(digits + each for each in "0123456789" if checksums.verhoeff(digits + each))
    at = data.draw(st.integers(0, len(whole) - 1))
    changed = whole[:at] + str(wrong) + whole[at + 1 :]
    assert checksums.verhoeff(changed) is (changed == whole)


def test_addresses_of_bitcoin_are_checked_whatever_their_form() -> None:
    good = "bc1qw508d6qejxtdg4y5r3zarvary0c5xw7kv8f3t4"
    assert checksums.bech32(good) and not checksums.bech32(good[:-1] + "5")
    assert not checksums.base58check("1A1zP1eP5QGefi2DMPTfTL5SLmv7DivfNb") and not checksums.base58check("0" * 34)
