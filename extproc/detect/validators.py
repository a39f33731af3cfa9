"""What a regular expression cannot say: checksums, ranges, entropy. Each costs microseconds per candidate."""

from __future__ import annotations

import ipaddress
import math
from functools import lru_cache

_DOUBLED = bytes.maketrans(b"0123456789", b"0246813579")

_IBAN_LENGTHS = {
    "AD": 24, "AE": 23, "AL": 28, "AT": 20, "AZ": 28, "BA": 20, "BE": 16, "BG": 22, "BH": 22, "BI": 27, "BR": 29,
    "BY": 28, "CH": 21, "CR": 22, "CY": 28, "CZ": 24, "DE": 22, "DJ": 27, "DK": 18, "DO": 28, "EE": 20, "EG": 29,
    "ES": 24, "FI": 18, "FK": 18, "FO": 18, "FR": 27, "GB": 22, "GE": 22, "GI": 23, "GL": 18, "GR": 27, "GT": 28,
    "HR": 21, "HU": 28, "IE": 22, "IL": 23, "IQ": 23, "IS": 26, "IT": 27, "JO": 30, "KW": 30, "KZ": 20, "LB": 28,
    "LC": 32, "LI": 21, "LT": 20, "LU": 20, "LV": 21, "LY": 25, "MC": 27, "MD": 24, "ME": 22, "MK": 19, "MN": 20,
    "MR": 27, "MT": 31, "MU": 30, "NI": 28, "NL": 18, "NO": 15, "OM": 23, "PK": 24, "PL": 28, "PS": 29, "PT": 25,
    "QA": 29, "RO": 24, "RS": 22, "RU": 33, "SA": 24, "SC": 31, "SD": 18, "SE": 24, "SI": 19, "SK": 24, "SM": 27,
    "SO": 23, "ST": 25, "SV": 28, "TL": 23, "TN": 24, "TR": 26, "UA": 29, "VA": 22, "VG": 24, "XK": 20, "YE": 30,
}  # fmt: skip
"""Characters of an IBAN by country (SWIFT's IBAN registry)."""

IBAN_NUMERIC = (
    "AE", "AT", "BA", "BE", "BI", "CR", "CZ", "DE", "DJ", "DK", "EE", "EG", "ES", "FI", "FO", "GL", "HR", "HU", "IL",
    "IS", "LT", "LY", "ME", "MN", "MR", "NO", "PL", "PT", "RS", "SD", "SE", "SI", "SK", "SO", "ST", "TL", "TN", "VA",
    "XK",
)  # fmt: skip
"""Countries whose IBANs have no letter behind the country code (the same registry)."""

IBAN_OTHERS = tuple(country for country in _IBAN_LENGTHS if country not in IBAN_NUMERIC)

_LETTERS = str.maketrans({chr(ord("A") + n): str(10 + n) for n in range(26)})

_SSN_ADVERTISED = frozenset({"078051120", "219099999", "123456789", "987654321"})
"""Numbers that were printed on sample cards, or that everybody types (SSA, "Social Security Number Misused")."""


def luhn(digits: str) -> bool:
    """Whether the last digit is the check digit of the others (ISO/IEC 7812-1, annex B)."""
    data = digits.encode()
    kept, doubled = data[-1::-2], data[-2::-2].translate(_DOUBLED)
    return (sum(kept) + sum(doubled) - 48 * len(data)) % 10 == 0


RARE_CARD_LENGTHS = (19, 18, 17, 16, 15, 14, 13, 12)
"""Lengths that some brand has somewhere; alone they say nothing, because one number in ten passes Luhn's check."""


def card_lengths(four: str) -> tuple[int, ...]:
    """Lengths of card numbers that begin with these four digits, longest first, for the brands that are certain.

    ISO/IEC 7812 issuer ranges as the brands publish them: Visa; Mastercard, Maestro, Verve; American Express, JCB,
    Diners Club; Discover, UnionPay, RuPay; Mir.
    """
    two = four[:2]
    match four[:1]:
        case "4":
            return (19, 16, 13)
        case "5":
            return (16,) if two not in ("57", "59") else ()
        case "2":
            return (15,) if four == "2131" else (16,) if "2200" <= four <= "2720" else ()
        case "3" if two in ("34", "37"):
            return (15,)
        case "3" if "3528" <= four <= "3589":
            return (19, 16)
        case "3":
            return (16, 14) if two in ("30", "36", "38", "39") else ()
        case "6":
            return (
                (19, 16) if two in ("62", "65") or four == "6011" else (16,) if two in ("60", "63", "64", "67") else ()
            )
        case "8":
            return (16,) if two in ("81", "82") else ()
        case "1":
            return (15,) if four == "1800" else ()
        case _:
            return ()


def card(digits: str) -> bool:
    """Whether digits check as a card number, and are not one digit repeated."""
    return luhn(digits) and len(set(digits)) > 1


def iban_length(start: str) -> int:
    """How many characters an IBAN has that starts with this country code; 0 for no such country."""
    return _IBAN_LENGTHS.get(start[:2], 0)


def iban(compact: str) -> bool:
    """Whether an IBAN without separators has its country's length and remainder 1 (ISO 13616, mod 97-10)."""
    if len(compact) != iban_length(compact):
        return False
    return int((compact[4:] + compact[:4]).translate(_LETTERS)) % 97 == 1


def ssn(digits: str) -> bool:
    """Whether nine digits may be a social security number: no area 000, 666 or 9xx, no group 00, no serial 0000."""
    area, group, serial = digits[:3], digits[3:5], digits[5:]
    if area in ("000", "666") or area[0] == "9" or group == "00" or serial == "0000":
        return False
    return digits not in _SSN_ADVERTISED


def npi(digits: str) -> bool:
    """Whether ten digits are a US National Provider Identifier: Luhn over the issuer 80840 and the number."""
    return digits[0] in "12" and luhn("80840" + digits)


_OCTETS = frozenset(map(str, range(256)))


def ipv4(text: str) -> bool:
    """Whether dotted text is an address."""
    parts = text.split(".")
    return len(parts) == 4 and _OCTETS.issuperset(parts)


def ipv4_is_private(text: str) -> bool:
    """Private, loopback, link-local, unspecified, multicast and reserved addresses name no person or house."""
    a, b = map(int, text.split(".")[:2])
    if a in (0, 10, 127) or a >= 224:
        return True
    return (a, b) in ((192, 168), (169, 254)) or (a == 172 and 16 <= b < 32) or (a == 100 and 64 <= b < 128)


def ipv6(text: str) -> ipaddress.IPv6Address | None:
    """The address, or None where text is none."""
    try:
        return ipaddress.IPv6Address(text)
    except ValueError:
        return None


def ipv6_is_private(address: ipaddress.IPv6Address) -> bool:
    """As `ipv4_is_private`; an embedded IPv4 address decides for the whole."""
    if address.ipv4_mapped:
        return ipv4_is_private(str(address.ipv4_mapped))
    first = int(address) >> 112
    return int(address) < 2 or first & 0xFE00 == 0xFC00 or first & 0xFFC0 == 0xFE80 or first & 0xFF00 == 0xFF00


@lru_cache(maxsize=4096)
def _weight(count: int) -> float:
    return count * math.log2(count)


def entropy(text: str) -> float:
    """Shannon entropy in bits per character."""
    size = len(text)
    return math.log2(size) - sum([_weight(text.count(each)) for each in set(text)]) / size
