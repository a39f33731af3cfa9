from __future__ import annotations

import random

import pytest

from extproc.detect import pii, validators
from extproc.detect.entities import EntityRule, EntityScanner

CORE = (*pii.EMAIL, *pii.PHONE, *pii.CARD, *pii.SSN, *pii.IBAN, *pii.IP)
SCANNER = EntityScanner(CORE)


def found(text: str, *rules: EntityRule) -> list[tuple[str, str]]:
    scanner = EntityScanner(rules) if rules else SCANNER
    return [(hit.label, text[hit.start : hit.end]) for hit in scanner.find(text)]


@pytest.mark.parametrize(
    "value",
    ["4111111111111111", "4222222222222", "5555555555554444", "2223003122003222", "378282246310005", "371449635398431",
     "30569309025904", "38520000023237", "3530111333300000", "6011111111111117", "6240008631401148",
     "4111 1111 1111 1111", "4111-1111-1111-1111", "3782 822463 10005", "3056 930902 5904", "4111  1111  1111  1111",
     "41111111 11111111", "4 1 1 1 1 1 1 1 1 1 1 1 1 1 1 1", "4917 6100 0000 0000"],
)  # fmt: skip
@pytest.mark.parametrize("around", ["{}", "pay with {} now", 'card": "{}"', "({})", "{}.", "x={}&y", "no 72 {} 12/27"])
def test_cards_of_all_brands_and_spacings_are_found(value: str, around: str) -> None:
    assert found(around.format(value), *pii.CARD) == [("CARD", value)]


@pytest.mark.parametrize(
    "text",
    ["4111111111111112", "x4111111111111111", "4111111111111111y", "04111111111111111111111111", "0.4111111111111111",
     "4111111111111111.5", "550e8400-e29b-41d4-a716-446655440000", "12345678-1234-1234-1234-123456789012",
     "deadbeef4111111111111111", "0x4111111111111111", "1700000000000", "2024-01-15 10:11:12 2024-01-16 10:11:12",
     "0000 0000 0000 0000", "my card 0000000000000000", "1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16"],
)  # fmt: skip
def test_other_long_numbers_are_no_cards(text: str) -> None:
    assert not found(text, *pii.CARD)


def test_a_rare_brand_needs_talk_of_cards_before_it() -> None:
    assert found("my card is 060426070011", *pii.CARD) and not found("order 060426070011", *pii.CARD)


@pytest.mark.parametrize("text", ["joe@acme.io", "first.last+tag@sub.example.co.uk", "o'neil@acme.museum", "a_b%c@xn--bcher-kva.de"])  # fmt: skip
def test_mail_addresses_are_found(text: str) -> None:
    assert found(f"to <{text}>, please", *pii.EMAIL) == [("EMAIL", text)]


@pytest.mark.parametrize(
    "text",
    ["git@github.com:acme/repo.git", "icon@2x.png", "pkg@npm:2.0.0", "@decorator.name", "user@localhost", "a..b@acme.io",
     "https://user@host.example.com/", "foo@1.2.3"],
)  # fmt: skip
def test_what_only_has_an_at_sign_is_no_mail_address(text: str) -> None:
    assert not found(text, *pii.EMAIL)


@pytest.mark.parametrize(
    "value",
    ["+33 1 09 50 97 84", "+46 (0)179 459 33", "+447700 921 916", "+13873002574", "+1 381-380-1009", "(740) 855-6292",
     "709.943.2930", "515-993-9861", "001-204-821-0538x16944", "1-800-555-0199", "+44 20 7946 0657"],
)  # fmt: skip
@pytest.mark.parametrize("around", ["{}", "from {}. Wants", '"phone":"{}","x"'])
def test_formatted_phone_numbers_are_found(value: str, around: str) -> None:
    assert ("PHONE", value) in found(around.format(value))


@pytest.mark.parametrize("text", ["Phone: 0487 98 11 92", "call me at 6551234567", "fax 062-0850", "they are not answering at 374 780 163", "22 498317 office"])  # fmt: skip
def test_other_phone_numbers_are_found_beside_a_word(text: str) -> None:
    assert [label for label, _ in found(text)] == ["PHONE"]


@pytest.mark.parametrize(
    "text",
    ["call 2010-03-10", "the office opened on 12-05-2024", "phone 192.168.10.11", "version 1.22.333.4444", "10 200 3000",
     "655 437 108", "1234567890", "(a)+12345678", "0049-123-4567-890123-1", "message id 1234567890"],
)  # fmt: skip
def test_dates_columns_and_identifiers_are_no_phone_numbers(text: str) -> None:
    assert not found(text)


def test_a_social_security_number_needs_dashes_spaces_or_a_word() -> None:
    for text in ("219-09-9998", "219 09 9998", "SSN 219099998", "social security number is 219099998"):
        assert [label for label, _ in found(text)] == ["SSN"], text
    for text in ("219099998", "219-09-99981", "1-219-09-9998", "000-12-3456", "219.09.9998"):
        assert not found(text), text


@pytest.mark.parametrize("value", ["GB29NWBK60161331926819", "gb29nwbk60161331926819", "DE89 3704 0044 0532 0130 00", "CH93-0076-2011-6238-5295-7"])  # fmt: skip
def test_an_iban_is_as_long_as_its_country_says(value: str) -> None:
    assert found(f"to {value} TODAY") == [("IBAN", value)]
    assert not found(f"to {value}1") and not found(f"to {value[:-1]}")


@pytest.mark.parametrize("value", ["8.8.8.8", "201.76.194.244", "2001:db8::1", "b719:7e91:5cac:d634:cb8:8c2b:ccf1:eda3", "::ffff:8.8.8.8", "8.8.0.0/16", "2001:db8::/32", "2001:db8::1:2/128"])  # fmt: skip
def test_public_addresses_are_found(value: str) -> None:
    assert found(f"ip={value} user") == [("IP", value)]


@pytest.mark.parametrize(
    "text",
    ["127.0.0.1", "192.168.1.1", "::1", "fe80::1", "1.3.6.1.4.1.311", "version 4.18.2.1", "v1.2.3.4", "std::vec::Vec",
     "12:34:56", "a::b", "2001::25de::cade", "1.2.3.4.5", "10.0.0.0/8", "::", "1::", "00:1A:2B:3C:4D:5E"],
)  # fmt: skip
def test_private_addresses_versions_paths_and_times_are_not(text: str) -> None:
    assert not found(text)


def test_private_addresses_are_found_by_their_own_rules() -> None:
    assert found("at 192.168.1.1 or fe80::1", *pii.IP_PRIVATE) == [("IP", "192.168.1.1"), ("IP", "fe80::1")]


@pytest.mark.parametrize(
    ("text", "label", "value"),
    [("CVV: 123", "CVV", "123"), ('"cvc": "9876"', "CVV", "9876"), ("security code is 042", "CVV", "042"),
     ("Cardholder name: Ana B. Silva, exp", "CARDHOLDER", "Ana B. Silva"), ('"cardholder": "Ana Silva"', "CARDHOLDER", "Ana Silva"),
     ("MRN: A1234567", "MRN", "A1234567"), ("medical record number 00123456", "MRN", "00123456"),
     ("Member ID: XYZ-123456789", "INSURANCE_ID", "XYZ-123456789"), ("NPI 1234567893", "NPI", "1234567893")],
)  # fmt: skip
def test_payment_and_health_data_are_known_by_their_names(text: str, label: str, value: str) -> None:
    assert found(text, *pii.PCI, *pii.HEALTH) == [(label, value)]


@pytest.mark.parametrize(
    "text", ["cvv is three digits", "MRN: unknown", "NPI 1234567890", "member id: none", "1234567893"]
)
def test_their_names_alone_are_nothing(text: str) -> None:
    assert not found(text, *pii.PCI, *pii.HEALTH)


def _card(rng: random.Random) -> str:
    first, size = rng.choice(
        [("4", 16), ("51", 16), ("2221", 16), ("37", 15), ("36", 14), ("3530", 16), ("6011", 16), ("62", 16)]
    )
    body = first + "".join(rng.choices("0123456789", k=size - len(first) - 1))
    digits = next(body + d for d in "0123456789" if validators.luhn(body + d))
    separator = rng.choice(["", " ", "-"])
    return separator.join(digits[at : at + 4] for at in range(0, len(digits), 4)) if size == 16 else digits


def _iban(rng: random.Random) -> str:
    bank = "".join(rng.choices("ABCDEFGHIJ", k=4)) + "".join(rng.choices("0123456789", k=14))
    return next(f"GB{check:02}{bank}" for check in range(2, 99) if validators.iban(f"GB{check:02}{bank}"))


def _value(rng: random.Random, label: str) -> str:
    digits = "".join(rng.choices("123456789", k=12))
    match label:
        case "CARD":
            return _card(rng)
        case "IBAN":
            return _iban(rng)
        case "EMAIL":
            return f"{''.join(rng.choices('abcdef', k=6))}.{digits[:2]}@{''.join(rng.choices('ghijk', k=5))}.com"
        case "SSN":
            return f"{rng.randint(100, 665)}-{digits[:2]}-{digits[2:6]}"
        case "IP":
            return f"{rng.randint(11, 99)}.{rng.randint(0, 255)}.{rng.randint(0, 255)}.{rng.randint(1, 254)}"
        case _:
            return rng.choice(
                [f"+1 {digits[:3]}-{digits[3:6]}-{digits[6:10]}", f"({digits[:3]}) {digits[3:6]}-{digits[6:10]}"]
            )


@pytest.mark.parametrize("label", ["CARD", "IBAN", "EMAIL", "SSN", "PHONE"])
def test_nearly_every_generated_value_is_found_exactly(label: str) -> None:
    rng = random.Random(label)
    around = ["{}", "It is {}, thanks.", '{{"v":"{}"}}', "| 7 | {} | x |", "<v>{}</v>", "v={};"]
    values = [_value(rng, label) for _ in range(400)]
    exact = [found(rng.choice(around).format(value)) == [(label, value)] for value in values]
    assert sum(exact) >= 0.98 * len(exact)
