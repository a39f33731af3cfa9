"""Check digits, computed so that made-up numbers are valid ones. tests/corpus/test_values.py checks them another way."""

from __future__ import annotations

import zlib

BASE62 = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"


def luhn(digits: str) -> str:
    """The digit to append (ISO/IEC 7812-1, annex B)."""
    total = 0
    for place, digit in enumerate(reversed(digits)):
        value = int(digit) * (2 if place % 2 == 0 else 1)
        total += value // 10 + value % 10
    return str(-total % 10)


def iban(country: str, account: str) -> str:
    """The two digits after the country (ISO 13616, by mod 97 of ISO 7064)."""
    number = "".join(str(int(character, 36)) for character in f"{account}{country}00")
    return f"{98 - int(number) % 97:02}"


def ean13(digits: str) -> str:
    """The thirteenth digit of an EAN or ISBN-13."""
    return str(-sum(int(digit) * (3 if place % 2 else 1) for place, digit in enumerate(digits)) % 10)


def crc32(token: str) -> str:
    """The last six characters of GitHub's and npm's tokens: CRC-32 in base 62."""
    left = zlib.crc32(token.encode())
    found = ""
    while left:
        left, place = divmod(left, 62)
        found = BASE62[place] + found
    return found.rjust(6, "0")
