"""The corpus is what it says: values are checked another way than they were made."""

from __future__ import annotations

import base64
import json
import zlib
from collections import Counter
from ipaddress import ip_address
from uuid import UUID

import pytest
from corpus import harmless as negatives
from corpus import keys, people
from corpus.values import HARMLESS, SENSITIVE, harmless, sensitive
from cryptography.hazmat.primitives.serialization import load_pem_private_key

EACH = 120
VALUES = sensitive(seed=7, each=EACH)
NEGATIVES = harmless(seed=7, each=EACH)
DOUBLED = (0, 2, 4, 6, 8, 1, 3, 5, 7, 9)


def of(kind: str) -> list[str]:
    found = [value.text for value in (*VALUES, *NEGATIVES) if value.kind == kind]
    assert len(found) == EACH
    return found


def digits(text: str) -> list[int]:
    return [int(character) for character in text if character.isdigit()]


def passes_luhn(number: list[int]) -> bool:
    return (sum(number[-1::-2]) + sum(DOUBLED[digit] for digit in number[-2::-2])) % 10 == 0


def test_the_same_seed_gives_the_same_values_and_another_one_others() -> None:
    assert sensitive(seed=7, each=EACH) == VALUES
    assert harmless(seed=7, each=EACH) == NEGATIVES
    again = {value.text for value in VALUES} & {value.text for value in sensitive(seed=8, each=EACH)}
    assert len(again) < len(VALUES) / 100  # names and hosts are few, so that an address may come twice


@pytest.mark.parametrize("kind", [*SENSITIVE, *HARMLESS])
def test_values_differ(kind: str) -> None:
    assert len(set(of(kind))) >= EACH - 2


@pytest.mark.parametrize("kind", [*SENSITIVE, *HARMLESS])
def test_more_values_begin_with_the_fewer(kind: str) -> None:
    few = [value.text for value in (*sensitive(seed=7, each=5), *harmless(seed=7, each=5)) if value.kind == kind]
    assert of(kind)[:5] == few


def test_cards_pass_luhn_in_every_brand_and_spacing() -> None:
    assert all(passes_luhn(digits(card)) for card in of("card"))
    lengths = {row[2] for row in people.BRANDS}
    assert {len(digits(card)) for card in of("card")} == lengths == {12, 13, 14, 15, 16, 19}
    assert {"".join({c for c in card if not c.isdigit()}) for card in of("card")} == {"", " ", "-", "\u00a0"}
    assert any(card.startswith("3") and [len(part) for part in card.split(" ")] == [4, 6, 5] for card in of("card"))


def test_ibans_pass_mod_97_in_the_length_of_their_country() -> None:
    lengths = {}
    for iban in of("iban"):
        whole = iban.replace(" ", "")
        moved = whole[4:] + whole[:4]
        remainder = 0
        for character in moved:
            remainder = int(f"{remainder}{int(character, 36)}") % 97
        assert remainder == 1
        lengths[whole[:2]] = len(whole)
    assert len(lengths) == len(people.IBANS)
    known = {
        "DE": 22,
        "FR": 27,
        "GB": 22,
        "NO": 15,
        "MT": 31,
        "BE": 16,
        "CH": 21,
        "IT": 27,
        "BR": 29,
        "SA": 24,
        "TR": 26,
    }
    assert {country: lengths[country] for country in known} == known


def test_social_security_numbers_are_ones_that_can_be_given_out() -> None:
    for ssn in of("ssn"):
        area, group, serial = ssn.replace(" ", "-").split("-")
        assert (len(area), len(group), len(serial)) == (3, 2, 4)
        assert 0 < int(area) < 900 and area != "666" and int(group) and int(serial)


def test_phone_numbers_have_as_many_digits_as_phones_have() -> None:
    for phone in of("phone"):
        assert 9 <= len(digits(phone)) <= 13
        assert phone[0] in "+(0" or [len(part) for part in phone.replace(".", "-").split("-")] == [3, 3, 4]
    assert len({phone[:3] for phone in of("phone") if phone[0] == "+"}) >= 20


def test_addresses_are_addresses() -> None:
    assert {ip_address(text).version for text in of("ipv4")} == {4}
    assert {ip_address(text).version for text in of("ipv6")} == {6}
    assert Counter(ip_address(text).is_private for text in of("ipv4")) == {False: 90, True: 30}
    for address in of("email"):
        local, host = address.split("@")
        assert 0 < len(local) < 65 and not host.startswith(".") and "." in host and ".." not in address


def test_web_tokens_have_three_parts_that_decode() -> None:
    for token in of("jwt"):
        header, claims, signature = (base64.urlsafe_b64decode(part + "==") for part in token.split("."))
        assert len(signature) * 8 == int(json.loads(header)["alg"].removeprefix("HS"))
        assert json.loads(claims)["sub"].isdigit()


def test_pem_keys_that_can_be_loaded_are() -> None:
    for index, pem in enumerate(of("pem")):
        lines = pem.splitlines()
        label = lines[0].removeprefix("-----BEGIN ").removesuffix("-----")
        assert lines[-1] == f"-----END {label}-----"
        assert len(base64.b64decode("".join(lines[1:-1]), validate=True)) > 40
        if index % 4 < 2:
            assert load_pem_private_key(pem.encode(), None)


def test_provider_keys_are_of_at_least_twenty_providers_and_checksums_are_right() -> None:
    assert len({form.kind for form in keys.FORMS} | set(keys.CHECKED.values())) >= 20
    assert len(set(of("key"))) == EACH
    for key in of("key"):
        assert any(key.startswith(form.parts[0]) for form in keys.FORMS if isinstance(form.parts[0], str)) or (
            key[:4] in keys.CHECKED or key[:10].isdigit()
        )
        if key[:4] in keys.CHECKED:
            value = 0
            for character in key[-6:]:
                value = value * 62 + ord(character) - (48 if character < ":" else 55 if character < "[" else 61)
            assert value == zlib.crc32(key[4:-6].encode()) and len(key) == 40


def test_order_numbers_fail_luhn() -> None:
    assert not any(passes_luhn(digits(number)) for number in of("order-number"))
    assert {len(number) for number in of("order-number")} == {13, 14, 15, 16}


def test_versions_are_no_addresses() -> None:
    for version in of("version"):
        with pytest.raises(ValueError, match="appear to be"):
            ip_address(version)


def test_book_numbers_uuids_and_ids_are_well_formed() -> None:
    for isbn in of("isbn"):
        assert sum(digit * (3 if place % 2 else 1) for place, digit in enumerate(digits(isbn))) % 10 == 0
    assert {UUID(text).version for text in of("uuid")} == {4}
    assert all(any(text.startswith(prefix) for prefix, _, _ in negatives.LLM_IDS) for text in of("llm-id"))
