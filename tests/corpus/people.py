"""Values that tell of people: cards, addresses, numbers. None belongs to anybody; all are formed as real ones are."""

from __future__ import annotations

from collections.abc import Callable
from ipaddress import IPv6Address
from random import Random
from string import ascii_uppercase, digits

from corpus import checksums

ALNUM = digits + ascii_uppercase

BRANDS = (
    # brand, first digits (a number or a range), length, how the digits are grouped
    ("visa", ("4",), 16, (4, 4, 4, 4)),
    ("visa-13", ("4",), 13, (4, 3, 3, 3)),
    ("visa-19", ("4",), 19, (4, 4, 4, 4, 3)),
    ("mastercard", ("51-55", "2221-2720"), 16, (4, 4, 4, 4)),
    ("amex", ("34", "37"), 15, (4, 6, 5)),
    ("discover", ("6011", "644-649", "65"), 16, (4, 4, 4, 4)),
    ("diners", ("300-305", "36", "38-39"), 14, (4, 6, 4)),
    ("jcb", ("3528-3589",), 16, (4, 4, 4, 4)),
    ("unionpay", ("62",), 16, (4, 4, 4, 4)),
    ("unionpay-19", ("62",), 19, (6, 13)),
    ("maestro", ("5018", "5020", "5038", "6304", "6759", "6761-6763"), 16, (4, 4, 4, 4)),
    ("maestro-12", ("6759",), 12, (4, 4, 4)),
    ("mir", ("2200-2204",), 16, (4, 4, 4, 4)),
    ("rupay", ("6521-6522", "82"), 16, (4, 4, 4, 4)),
)
SPACINGS = ("", " ", "-", "\u00a0")

IBANS = {
    # n digits, a letters, c either (the SWIFT IBAN registry)
    "AE": "19n", "AT": "16n", "BE": "12n", "BG": "4a6n8c", "BR": "23n1a1c", "CH": "5n12c", "CY": "8n16c", "CZ": "20n",
    "DE": "18n", "DK": "14n", "EE": "16n", "ES": "20n", "FI": "14n", "FR": "10n11c2n", "GB": "4a14n", "GR": "7n16c",
    "HR": "17n", "HU": "24n", "IE": "4a14n", "IL": "19n", "IS": "22n", "IT": "1a10n12c", "LI": "5n12c", "LT": "16n",
    "LU": "3n13c", "LV": "4a13c", "MC": "10n11c2n", "MT": "4a5n18c", "NL": "4a10n", "NO": "11n", "PL": "24n",
    "PT": "21n", "QA": "4a21c", "RO": "4a16c", "SA": "2n18c", "SE": "20n", "SI": "15n", "SK": "20n", "SM": "1a10n12c",
    "TR": "6n16c", "UA": "6n19c",
}  # fmt: skip

PHONES = (
    # N is 2 to 9, D any digit
    "(NDN) 55N-DDDD", "NDN-55N-DDDD", "NDN.55N.DDDD", "+1 NDN 55N DDDD", "+1NDN55NDDDD",
    "+44 20 7DDD DDDD", "020 7DDD DDDD", "+44 77NN DDDDDD", "077NN DDDDDD",
    "+49 30 NDDDDDDD", "030 NDDDDDDD", "+49 151 NDDDDDDD", "0151 NDDDDDDD",
    "+33 1 4N DD DD DD", "01 4N DD DD DD", "+33 6 NN DD DD DD", "06.NN.DD.DD.DD",
    "+34 91N DD DD DD", "+34 6ND DDD DDD", "+39 06 NDDDDDDD", "+39 347 NDDDDDD",
    "+31 20 NDDDDDD", "+31 6 2NDDDDDD", "+32 2 5ND DD DD", "+41 44 NDD DD DD", "+43 1 5DDDDDD",
    "+46 8 5NN DDD DD", "+45 3N DD DD DD", "+47 22 NN DD DD", "+48 22 NDD DD DD", "+351 21 NDD DDDD",
    "+61 2 9NDD DDDD", "0412 NDD DDD", "+81 3-NDDD-DDDD", "+82 2-NDD-DDDD", "+86 138 NDDD DDDD",
    "+91 98NDD DDDDD", "+55 11 9NDDD-DDDD", "+52 55 5NDD DDDD", "+27 21 4ND DDDD", "+65 6NDD DDDD",
)  # fmt: skip

NAMES = ("ana", "ben", "chidi", "dora", "emil", "fatima", "goran", "hana", "ivo", "jun", "kofi", "lena", "mei", "nils")
SURNAMES = ("okafor", "lindqvist", "moreau", "tanaka", "o'neil", "petrov", "garcia", "haddad", "novak", "silva", "berg")
HOSTS = ("example.com", "example.org", "mail.example.net", "corp.example.co.uk", "uni.example.edu", "shop.example.io")
EMAILS: tuple[Callable[[str, str, str], str], ...] = (
    lambda name, surname, n: f"{name}.{surname}",
    lambda name, surname, n: f"{name[0]}{surname}",
    lambda name, surname, n: f"{name}_{surname}{n}",
    lambda name, surname, n: f"{name}+{surname.replace(chr(39), '')}-{n}",
    lambda name, surname, n: f"{name.title()}.{surname.title()}",
    lambda name, surname, n: f"{name}{n}",
)


def card(rng: Random, index: int) -> str:
    """Brands in turn, spacings in turn: all pairs after `len(BRANDS) * len(SPACINGS)`."""
    _, starts, length, groups = BRANDS[index % len(BRANDS)]
    spacing = SPACINGS[index // len(BRANDS) % len(SPACINGS)]
    low, _, high = rng.choice(starts).partition("-")
    body = str(rng.randint(int(low), int(high or low)))
    body += _draw(rng, digits, length - 1 - len(body))
    return spacing.join(_grouped(body + checksums.luhn(body), groups))


def email(rng: Random, index: int) -> str:
    local = EMAILS[index % len(EMAILS)](rng.choice(NAMES), rng.choice(SURNAMES), str(rng.randint(1, 9999)))
    return f"{local}@{rng.choice(HOSTS)}"


def phone(rng: Random, index: int) -> str:
    drawn = {"N": "23456789", "D": digits}
    return "".join(rng.choice(drawn.get(each, each)) for each in PHONES[index % len(PHONES)])


def ssn(rng: Random, index: int) -> str:
    """United States: never area 000, 666 or 900 and up, group 00 or serial 0000, nor the two of old advertisements."""
    area = rng.choice([area for area in range(1, 900) if area not in (666, 78, 219)])
    return (" " if index % 3 == 2 else "-").join(
        (f"{area:03}", f"{rng.randint(1, 99):02}", f"{rng.randint(1, 9999):04}")
    )


def iban(rng: Random, index: int) -> str:
    """Countries in turn, first in one piece, then in groups of four."""
    country = sorted(IBANS)[index % len(IBANS)]
    account = _account(rng, IBANS[country])
    if country == "BE":  # a check of its own: the first ten digits mod 97
        account = account[:10] + f"{int(account[:10]) % 97 or 97:02}"
    whole = country + checksums.iban(country, account) + account
    return whole if index // len(IBANS) % 2 == 0 else " ".join(whole[at : at + 4] for at in range(0, len(whole), 4))


def ipv4(rng: Random, index: int) -> str:
    """Public addresses; every fourth a private one."""
    if index % 4 == 3:
        return rng.choice((f"10.{rng.randint(0, 255)}", "192.168")) + f".{rng.randint(0, 255)}.{rng.randint(1, 254)}"
    first = rng.choice([each for each in range(11, 224) if each not in (127, 169, 172, 192, 198, 203)])
    return ".".join(map(str, (first, rng.randint(0, 255), rng.randint(0, 255), rng.randint(1, 254))))


def ipv6(rng: Random, index: int) -> str:
    """Compressed, in full, and with upper-case letters in turn."""
    address = IPv6Address(
        (0x2A << 120) | (rng.getrandbits(56) << 64) | (rng.getrandbits(16) if index % 2 else rng.getrandbits(64))
    )
    return (address.compressed, address.exploded, address.compressed.upper())[index % 3]


KINDS: dict[str, Callable[[Random, int], str]] = {
    "card": card,
    "email": email,
    "phone": phone,
    "ssn": ssn,
    "iban": iban,
    "ipv4": ipv4,
    "ipv6": ipv6,
}


def _account(rng: Random, shape: str) -> str:
    drawn = {"n": digits, "a": ascii_uppercase, "c": ALNUM}
    count, found = "", ""
    for character in shape:
        if character.isdigit():
            count += character
        else:
            found += _draw(rng, drawn[character], int(count))
            count = ""
    return found


def _draw(rng: Random, alphabet: str, count: int) -> str:
    return "".join(rng.choices(alphabet, k=count))


def _grouped(text: str, groups: tuple[int, ...]) -> list[str]:
    found = []
    for size in groups:
        found.append(text[:size])
        text = text[size:]
    return found
