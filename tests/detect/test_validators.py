from __future__ import annotations

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from extproc.detect import validators


def check_digit(body: str) -> str:
    return next(d for d in "0123456789" if validators.luhn(body + d))


@given(st.text(alphabet="0123456789", min_size=2, max_size=19))
def test_exactly_one_check_digit_fits(body: str) -> None:
    assert sum(validators.luhn(body + digit) for digit in "0123456789") == 1


@given(st.text(alphabet="0123456789", min_size=12, max_size=18), st.data())
def test_luhn_finds_every_single_wrong_digit(body: str, data: st.DataObject) -> None:
    good = body + check_digit(body)
    at = data.draw(st.integers(0, len(good) - 1))
    wrong = data.draw(st.sampled_from([d for d in "0123456789" if d != good[at]]))
    assert not validators.luhn(good[:at] + wrong + good[at + 1 :])


@pytest.mark.parametrize(
    ("first", "lengths"),
    [("4111", (19, 16, 13)), ("5105", (16,)), ("2221", (16,)), ("2131", (15,)), ("3782", (15,)), ("3530", (19, 16)),
     ("3056", (16, 14)), ("6011", (19, 16)), ("6240", (19, 16)), ("8171", (16,)), ("1800", (15,)),
     ("9999", ()), ("7000", ()), ("2199", ()), ("2721", ()), ("", ())],
)  # fmt: skip
def test_a_brand_is_known_by_its_first_digits(first: str, lengths: tuple[int, ...]) -> None:
    assert validators.card_lengths(first) == lengths


@pytest.mark.parametrize("iban", ["GB29NWBK60161331926819", "DE89370400440532013000", "NO9386011117947", "MT84MALT011000012345MTLCAST001S"])  # fmt: skip
def test_an_iban_checks_and_no_digit_may_change(iban: str) -> None:
    assert validators.iban(iban)
    assert not validators.iban(iban + "0") and not validators.iban(iban[:-1]) and not validators.iban("ZZ" + iban[2:])
    for at in range(4, len(iban)):
        if iban[at].isdigit():
            assert not validators.iban(iban[:at] + str((int(iban[at]) + 1) % 10) + iban[at + 1 :])


@pytest.mark.parametrize(
    ("digits", "good"),
    [("001010001", True), ("772129999", True), ("000121234", False), ("666121234", False), ("900121234", False),
     ("123001234", False), ("123120000", False), ("078051120", False)],
)  # fmt: skip
def test_a_social_security_number_has_area_group_and_serial(digits: str, good: bool) -> None:
    assert validators.ssn(digits) is good


def test_an_npi_is_checked_with_its_issuer() -> None:
    assert validators.npi("1234567893") and not validators.npi("1234567890") and not validators.npi("3234567893")


@pytest.mark.parametrize("text", ["10.0.0.1", "127.0.0.1", "192.168.1.9", "172.16.0.1", "172.31.9.9", "169.254.1.1", "100.64.0.1", "0.0.0.0", "224.0.0.1", "255.255.255.255"])  # fmt: skip
def test_addresses_that_name_nobody_are_private(text: str) -> None:
    assert validators.ipv4(text) and validators.ipv4_is_private(text)


@pytest.mark.parametrize("text", ["8.8.8.8", "172.32.0.1", "192.169.1.1", "100.128.0.1", "203.0.113.7"])
def test_other_addresses_are_public(text: str) -> None:
    assert validators.ipv4(text) and not validators.ipv4_is_private(text)


@pytest.mark.parametrize("text", ["256.1.1.1", "1.2.3.04", "1.2.3.999"])
def test_what_only_looks_like_an_address_is_none(text: str) -> None:
    assert not validators.ipv4(text)


@pytest.mark.parametrize(
    ("text", "private"),
    [("::1", True), ("fe80::1", True), ("fd12:3456::1", True), ("ff02::1", True), ("::ffff:10.0.0.1", True),
     ("2001:db8::1", False), ("::ffff:8.8.8.8", False), ("2606:4700:4700::1111", False)],
)  # fmt: skip
def test_version_six_addresses_likewise(text: str, private: bool) -> None:
    address = validators.ipv6(text)
    assert address and validators.ipv6_is_private(address) is private


def test_entropy_counts_bits_per_character() -> None:
    assert validators.entropy("aaaa") == 0 and validators.entropy("abcd") == 2
    drawn = random.Random(1).choices("0123456789abcdef", k=4096)
    assert 3.9 < validators.entropy("".join(drawn)) <= 4
