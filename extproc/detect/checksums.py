"""Check digits of identity and tax numbers. Each takes the characters alone, without spaces, dots or dashes."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from datetime import date

_BASE36 = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ"
_BASE58 = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz"
_BECH32 = "qpzry9x8gf2tvdw0s3jn54khce6mua7l"

_VERHOEFF_D = (
    "0123456789", "1234067895", "2340178956", "3401289567", "4012395678",
    "5987604321", "6598710432", "7659821043", "8765932104", "9876543210",
)  # fmt: skip
_VERHOEFF_P = (
    "0123456789", "1576283094", "5803796142", "8916043527", "9453126870", "4286573901", "2793806415", "7046913258",
)  # fmt: skip


def weighted(digits: str, weights: Sequence[int]) -> int:
    """The sum of digits, each times its weight; as many digits as there are weights."""
    return sum(int(digit) * weight for digit, weight in zip(digits, weights, strict=False))


def verhoeff(digits: str) -> bool:
    """Verhoeff's dihedral check (Aadhaar)."""
    check = 0
    for place, digit in enumerate(reversed(digits)):
        check = int(_VERHOEFF_D[check][int(_VERHOEFF_P[place % 8][int(digit)])])
    return check == 0


def mod11_10(digits: str) -> bool:
    """ISO 7064, MOD 11,10 (German tax number, Croatian OIB)."""
    product = 10
    for digit in digits[:-1]:
        total = (int(digit) + product) % 10 or 10
        product = total * 2 % 11
    return (11 - product) % 10 == int(digits[-1])


def is_date(year: int, month: int, day: int) -> bool:
    """Whether there is such a day."""
    try:
        date(year, month, day)
    except ValueError:
        return False
    return True


def born(six: str) -> bool:
    """Whether YYMMDD is a day of this century or the last."""
    year, month, day = int(six[:2]), int(six[2:4]), int(six[4:6])
    return is_date(2000 + year, month, day) or is_date(1900 + year, month, day)


def base58check(address: str) -> bool:
    """Bitcoin's checksum over an address in base 58: four bytes of a double SHA-256."""
    number = 0
    for character in address:
        place = _BASE58.find(character)
        if place < 0:
            return False
        number = number * 58 + place
    if number.bit_length() > 200:
        return False
    data = number.to_bytes(25, "big")
    return hashlib.sha256(hashlib.sha256(data[:-4]).digest()).digest()[:4] == data[-4:]


def bech32(address: str) -> bool:
    """BIP 173's and BIP 350's checksum over an address of the main network."""
    values = [3, 3, 0, 2, 3] + [_BECH32.find(character) for character in address[3:]]
    check = 1
    for value in values:
        top = check >> 25
        check = (check & 0x1FFFFFF) << 5 ^ value
        for bit, generator in enumerate((0x3B6A57B2, 0x26508E6D, 0x1EA119FA, 0x3D4233DD, 0x2A1462B3)):
            check ^= generator if top >> bit & 1 else 0
    return min(values) >= 0 and check in (1, 0x2BC830A3)


def codice_fiscale(code: str) -> bool:
    """Italy's tax code: characters at odd places count by a table of their own (D.M. 23 December 1976)."""
    odd = (1, 0, 5, 7, 9, 13, 15, 17, 19, 21, 2, 4, 18, 20, 11, 3, 6, 8, 12, 14, 16, 10, 22, 25, 24, 23)
    total = 0
    for place, character in enumerate(code[:15]):
        value = _BASE36.index(character) if character.isdigit() else ord(character) - 65
        total += odd[value] if place % 2 == 0 else value
    return chr(65 + total % 26) == code[15]


def nric(code: str) -> bool:
    """Singapore's identity card and foreign identification numbers."""
    total = weighted(code[1:8], (2, 7, 6, 5, 4, 3, 2)) + {"T": 4, "G": 4, "M": 3}.get(code[0], 0)
    letters = {"S": "JZIHGFEDCBA", "T": "JZIHGFEDCBA", "M": "KLJNPQRTUWX"}.get(code[0], "XWUTRQPNMLK")
    rest = total % 11
    return letters[10 - rest if code[0] == "M" else rest] == code[8]
