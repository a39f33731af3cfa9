"""Rules for personal data: e-mail, phone, cards, SSN, IBAN, IP addresses; health and payment data where asked for.

Written from the standards and registries that `validators` names. Formats that stand for themselves are hits alone;
those that any number could have need a word before them that says what they are.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable, Iterator
from itertools import accumulate, pairwise
from typing import Any

import re2

from extproc.detect import validators
from extproc.detect.entities import EntityRule, Span

_DIGIT = frozenset("0123456789")
_IPV6 = frozenset("0123456789abcdefABCDEF:")
_WORD = frozenset("0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ_")


def _caseless(words: str) -> Any:
    options = re2.Options()
    options.case_sensitive = False
    return re2.compile(rf"(?:\b|_)(?:{words})(?:\b|_)", options)


_CARD_WORDS = _caseless(
    "cards?|credit|debit|cc|pan|visa|master ?card|amex|maestro|diners|discover|jcb|unionpay|card_?(?:no|num|number)|carte|karte(?:nnummer)?|tarjeta"
)
_PHONE = (
    "phones?|tel|telephones?|mobile|cell ?phone|fax|sms|whats ?app|call me|call us|telefon|telefono|téléphone|handy"
)
_TALK = "cell|call|calls|called|calling|reach|answering|messages?|dial|desk|office|contact"
_SSN = "ssns?|social(?: security)?|soc sec"
_VERSION_WORDS = _caseless(r"versions?|ver|v|release|build|oid|asn?1|snmp|section|chapter|dll|assembly\w{0,20}")


def _names(words: str) -> Any:
    """Finds one of the words right before a number."""
    options = re2.Options()
    options.case_sensitive = False
    return re2.compile(rf"(?:\b|_)(?:{words})(?:_?(?:no|num|number))?(?:\b|_)[^0-9+(]{{1,40}}$", options)


_PHONE_NAMES = _names(_PHONE)
_TALK_NAMES = _names(_TALK)
_SSN_NAMES = _names(_SSN)


def _said(words: Any, before: str) -> bool:
    """Whether one of the words stands in a text; one without letters is not searched."""
    return before.upper() != before.lower() and words.search(before.encode("utf-8", "replace")) is not None


# --- e-mail ---------------------------------------------------------------------------------------------------------

_NOT_TLD = frozenset(
    [
        "png",
        "jpg",
        "jpeg",
        "gif",
        "svg",
        "webp",
        "ico",
        "css",
        "scss",
        "js",
        "mjs",
        "ts",
        "tsx",
        "jsx",
        "py",
        "rb",
        "go",
        "rs",
        "java",
        "kt",
        "md",
        "txt",
        "json",
        "yaml",
        "yml",
        "toml",
        "lock",
        "html",
        "xml",
        "sh",
        "zip",
        "gz",
        "tgz",
        "tar",
        "whl",
        "jar",
        "so",
        "dll",
        "exe",
        "log",
        "cfg",
        "ini",
        "conf",
        "local",
    ]
)
_SSH_USERS = frozenset({"git", "hg", "svn", "gitlab", "aur"})


def _email(found: str, before: str, after: str) -> bool:
    """Not the user of an SSH remote or a URL, not an asset at a resolution (`icon@2x.png`), not part of a longer word."""
    local, _, domain = found.rpartition("@")
    if ".." in found or local[0] == "." or domain.rpartition(".")[2].lower() in _NOT_TLD:
        return False
    if (local.lower() in _SSH_USERS and after[:1] in (":", "/")) or after[:1] in ("@", "_"):
        return False
    word = before.rsplit(None, 1)[-1] if before[-1:].strip() else ""
    return "://" not in word or "?" in word or "/" in word.partition("://")[2]


# --- cards ----------------------------------------------------------------------------------------------------------

_GROUPINGS = frozenset({(4, 3, 3, 3), (4, 6, 5), (4, 6, 4), (6, 13), (6, 10), (4, 4, 5), (4, 5, 6), (8, 8)})
_GROUP_PAIRS = frozenset({(4, 6), (6, 13), (6, 10), (4, 5), (4, 3)})
"""How the groups of a card number may begin, where the first two are not equal."""

_SPACED = str.maketrans("-", " ")


def _cards(found: str, before: str, after: str) -> Iterable[Span]:
    """Card numbers at group boundaries of a run of digit groups; a number may stand before or an expiry after it."""
    parts = found.translate(_SPACED).split()
    skipped = before[-1:] in (".", ",") and before[-2:-1] in _DIGIT
    if after[:1] in _WORD or (after[:1] == "." and after[1:2] in _DIGIT):
        del parts[-1:]
    if _uuid_node(parts, before):
        return
    sizes = list(map(len, parts))
    digits = "".join(parts)
    ends = {total: last for last, total in enumerate(accumulate(sizes))}
    talk: bool | None = None
    free = int(skipped)
    for first, at in _card_starts(sizes):
        if first < free:
            continue
        last = _card_end(digits, at, ends, sizes, first, validators.card_lengths(digits[at : at + 4]))
        if last is None and digits[at] not in "79":
            talk = _said(_CARD_WORDS, before) if talk is None else talk
            last = _card_end(digits, at, ends, sizes, first, validators.RARE_CARD_LENGTHS) if talk else None
        if last is not None:
            groups = _groups(found)
            yield groups[first][0], groups[last][1]
            free = last + 1


def _card_starts(sizes: list[int]) -> Iterator[tuple[int, int]]:
    """The groups with which a card number may begin, and the digits before each.

    A number in groups of one to three digits begins where such groups begin: anything else is a column of numbers.
    """
    at = before = 0
    if len(set(sizes)) == 1 and sizes[0] < 4:
        sizes = sizes[:1] * 2
    for first, (size, following) in enumerate(pairwise((*sizes, 0))):
        if size >= 12 or (size == following and (size >= 4 or size != before)) or (size, following) in _GROUP_PAIRS:
            yield first, at
        at += size
        before = size


def _card_end(
    digits: str, at: int, ends: dict[int, int], sizes: list[int], first: int, lengths: Iterable[int]
) -> int | None:
    """The last group of the card number that begins with group `first`, at digit `at`; None where none does."""
    for length in lengths:
        last = ends.get(at + length)
        if last is not None and validators.card(digits[at : at + length]) and _grouped(sizes[first : last + 1]):
            return last
    return None


def _groups(found: str) -> list[Span]:
    groups: list[Span] = []
    at = 0
    for part in found.translate(_SPACED).split(" "):
        if part:
            groups.append((at, at + len(part)))
        at += len(part) + 1
    return groups


def _grouped(sizes: list[int]) -> bool:
    """One group, equal groups of which the last may be shorter, or a brand's own grouping."""
    size = sizes[0]
    if len(sizes) == 1 or tuple(sizes) in _GROUPINGS:
        return True
    return size <= 5 and sizes[-1] <= size and set(sizes[:-1]) == {size}


def _uuid_node(parts: list[str], before: str) -> bool:
    """Whether the first group is the last part of a UUID."""
    if not parts or len(parts[0]) != 12 or len(before) < 10 or before[-1] != "-" or before[-6] != "-":
        return False
    return all(character in "0123456789abcdefABCDEF" for character in before[-5:-1])


# --- phone numbers --------------------------------------------------------------------------------------------------

_PLAUSIBLE_CODE = frozenset(
    [
        "1",
        "7",
        "20",
        "27",
        "30",
        "31",
        "32",
        "33",
        "34",
        "36",
        "39",
        "40",
        "41",
        "43",
        "44",
        "45",
        "46",
        "47",
        "48",
        "49",
        "51",
        "52",
        "53",
        "54",
        "55",
        "56",
        "57",
        "58",
        "60",
        "61",
        "62",
        "63",
        "64",
        "65",
        "66",
        "81",
        "82",
        "84",
        "86",
        "90",
        "91",
        "92",
        "93",
        "94",
        "95",
        "98",
    ]
)
"""Country calling codes of one and two digits (ITU-T E.164); the others have three and begin as below."""


def _country(digits: str) -> bool:
    if digits[:1] in ("1", "7") or digits[:2] in _PLAUSIBLE_CODE:
        return True
    return digits[:2] in ("21", "22", "23", "24", "25", "26", "29", "35", "37", "38", "42", "50", "59", "67", "68", "69", "80", "85", "87", "88", "96", "97", "99")  # fmt: skip


def _digits(found: str) -> str:
    return found if found.isdigit() else "".join([character for character in found if character in _DIGIT])


def _international(found: str, before: str, after: str) -> bool:
    """A plus sign, a country code that exists and a length that E.164 allows; not a term of a sum."""
    if len(found) < 9 or before[-1:] in (")", "]") or before[-1:] in _WORD or after[:1] in _WORD or _goes_on(after):
        return False
    digits = _digits(found.partition("x")[0])
    return 8 <= len(digits) <= 15 and _country(digits)


def _national(found: str, before: str, after: str) -> bool:
    """Three, three and four digits, formatted: the North American plan, with or without an extension."""
    if (before[-1:] in ("-", ".", "/", "+", "_", "#") and before[-2:-1] in _WORD) or after[:1] in _WORD:
        return False
    columns = " " in found and found[0] in "01" and "(" not in found and not found.startswith(("001", "1 "))
    return not columns and not _goes_on(after)


def _named_phone(found: str, before: str, after: str) -> bool:
    """Seven to twelve digits where a word beside them speaks of phones; not a date, not an address."""
    if after[:1] in _WORD or _goes_on(after) or before[-1:] in ("-", ".", "/"):
        return False
    sizes = list(map(len, found.translate(_UNFORMATTED).split()))
    return (
        7 <= sum(sizes) <= 12
        and sizes not in ([4, 2, 2], [2, 2, 4])
        and not (found.count(".") == 3 and len(sizes) == 4 and max(sizes) < 4)
    )


def _called_phone(found: str, before: str, after: str) -> bool:
    return _named_phone(found, before, after) and _said(_PHONE_NAMES, before)


def _talked_phone(found: str, before: str, after: str) -> bool:
    return _named_phone(found, before, after) and _said(_TALK_NAMES, before)


_UNFORMATTED = str.maketrans("().-", "    ")


def _goes_on(after: str) -> bool:
    """Whether a number goes on after a separator."""
    return after[:1] in ("-", ".", "/", ":") and after[1:2] in _DIGIT


# --- numbers with a name ---------------------------------------------------------------------------------------------


def _ssn(found: str, before: str, after: str) -> bool:
    """Not a piece of a longer number."""
    if after[:1] in _WORD or _goes_on(after) or (before[-1:] in ("-", ".", "/") and before[-2:-1] in _WORD):
        return False
    return validators.ssn(found.replace("-", "").replace(" ", ""))


def _called_ssn(found: str, before: str, after: str) -> bool:
    return _ssn(found, before, after) and _said(_SSN_NAMES, before)


def _iban(found: str, before: str, after: str) -> Iterable[Span]:
    """As many characters as the country's IBANs have, if they check; what follows may be a sentence in capitals."""
    wanted = validators.iban_length(found[:2].upper())
    compact = found.replace(" ", "").replace("-", "")[:wanted]
    if not wanted or len(compact) < wanted or not validators.iban(compact.upper()):
        return
    end = next(at for at, size in enumerate(accumulate(int(each.isalnum()) for each in found), 1) if size == wanted)
    if (found[end : end + 1] or after[:1]) not in _WORD:
        yield 0, end


def _ipv4(found: str, before: str, after: str) -> bool:
    return _any_ipv4(found, before, after) and not validators.ipv4_is_private(found.partition("/")[0])


def _any_ipv4(found: str, before: str, after: str) -> bool:
    """Not part of a longer dotted number, not a version."""
    if before[-1:] in (".", "-", "_") or after[:1] == "_" or (after[:1] in (".", "-") and after[1:2] in _DIGIT):
        return False
    return validators.ipv4(found.partition("/")[0]) and not _said(_VERSION_WORDS, before[-24:])


def _ipv6(found: str, before: str, after: str) -> bool:
    address = _ipv6_of(found, before, after)
    return address is not None and not validators.ipv6_is_private(address)


def _any_ipv6(found: str, before: str, after: str) -> bool:
    return _ipv6_of(found, before, after) is not None


def _ipv6_of(found: str, before: str, after: str) -> ipaddress.IPv6Address | None:
    """The address, unless it is a piece of a longer word or could be a path in C++ or Rust (`a::b`)."""
    found = found.partition("/")[0]
    colons = found.count(":")
    shortened = "::" in found
    if (colons > 7 if shortened else colons != 7 - ("." in found)) or (shortened and _count(found) < 2):
        return None
    if before[-1:] in _WORD or before[-1:] == ":" or after[:1] in _WORD or (after[:1] == ":" and after[1:2] in _IPV6):
        return None
    return validators.ipv6(found)


def _count(found: str) -> int:
    """How many digits a text has."""
    return len(found) - len(found.translate(_NO_DIGITS))


_NO_DIGITS = str.maketrans("", "", "0123456789")


def _npi(found: str, before: str, after: str) -> bool:
    return after[:1] not in _WORD and validators.npi(_digits(found))


_H = "[0-9A-Fa-f]{1,4}"
_V4 = r"[0-9]{1,3}\.[0-9]{1,3}\.[0-9]{1,3}\.[0-9]{1,3}"
_PREFIX = "(?:/[0-9]{1,3})?"
"""How many bits of an address name its network (RFC 4632): they belong to it."""

_DOTTED = rf"\b[0-9]{{1,3}}(?:\.[0-9]{{1,3}}){{3,20}}\b{_PREFIX}"
"""A long row of numbers is one candidate."""

_SAYS = r"(?: (?:number|no\.?|num|id|is))?[\"']?[ \t]{0,3}[=:#-]{0,2}[ \t]{0,3}(?:is )?[\"']?"
"""What stands between the name of a value and the value."""

EMAIL = (
    EntityRule(
        "EMAIL",
        r"[A-Za-z0-9_][A-Za-z0-9._%+'-]{0,63}@(?:[A-Za-z0-9-]{1,63}\.){1,6}[A-Za-z]{2,24}\b",
        473,
        _email,
        gate=r"[A-Za-z0-9_.%+'-]@[A-Za-z0-9-]{1,63}\.",
    ),
)
_LOCAL = r"(?:\([0-9]{2,5}\) ?|\b[0-9]{2,5}[ .-]{1,2})(?:[0-9]{2,8}[ .-]{1,2}){0,3}[0-9]{2,8}"
PHONE = (
    EntityRule(
        "PHONE",
        r"\+[0-9]{1,3}(?:[ ./-]{0,2}\(?[0-9]{1,12}\)?){2,7}(?: ?(?:x|ext\.? ?)[0-9]{1,6})?",
        128,
        _international,
    ),
    EntityRule(
        "PHONE",
        r"(?:\b(?:001|1)[ .-])?(?:\([0-9]{3}\) ?|\b[0-9]{3}[ .-])[0-9]{3}[ .-][0-9]{4}(?: ?(?:x|ext\.? ?)[0-9]{1,6})?",
        30,
        _national,
    ),
    EntityRule(
        "PHONE",
        rf"(?:{_LOCAL}|\b[0-9]{{7,12}})\b",
        46,
        _called_phone,
        gate=rf"(?i:(?:\b|_)(?:{_PHONE})(?:_?(?:no|num|number))?\b)[^0-9+(]{{1,40}}[0-9(]",
    ),
    EntityRule("PHONE", rf"{_LOCAL}\b", 46, _talked_phone, gate=rf"(?i:(?:\b|_)(?:{_TALK})\b)[^0-9+(]{{1,40}}[0-9(]"),
    EntityRule(
        "PHONE",
        rf"({_LOCAL}|\b[0-9]{{7,12}})[ \t(-]{{1,3}}(?:office|fax|mobile|cell|phone|home|work)\b",
        55,
        _named_phone,
        caseless=True,
    ),
)
CARD = (EntityRule("CARD", r"\b[0-9](?:[ -]{0,3}[0-9]){11,39}", 157, parts=_cards),)
SSN = (
    EntityRule("SSN", r"\b[0-9]{3}(?:-[0-9]{2}-| [0-9]{2} )[0-9]{4}\b", 11, _ssn),
    EntityRule(
        "SSN", r"\b[0-9]{9}\b", 9, _called_ssn, gate=rf"(?i:(?:\b|_)(?:{_SSN})(?:\b|_))[^0-9]{{1,40}}[0-9]{{9}}"
    ),
)
IBAN = tuple(
    # apart, because behind a letter of a code that goes on with letters any sentence could be more of it
    EntityRule(
        "IBAN",
        rf"\b(?:{'|'.join(countries)})[0-9]{{2}}(?:[ -]?{more}){{11,30}}",
        64,
        parts=_iban,
        caseless=True,
        gate="[A-Za-z]{2}[0-9]{2}[ -]?[A-Za-z0-9]",
    )
    for countries, more in ((validators.IBAN_NUMERIC, "[0-9]"), (validators.IBAN_OTHERS, "[A-Z0-9]"))
)
_V6 = (
    rf"{_H}:(?:[0-9A-Fa-f]{{0,4}}:){{1,40}}{_H}(?:[.][0-9]{{1,3}}[.][0-9]{{1,3}}[.][0-9]{{1,3}})?"
    rf"|(?:{_H}:){{2,7}}:|::(?:[Ff]{{4}}:)?{_V4}"
)
"""More groups than an address has, so that a long row of them is one candidate."""

_COLONS = ":[0-9A-Fa-f]{0,4}:"
"""In every one of them; with this and the gate of IBANs all rules scan prose ten times as fast (hyperscan 0.9.1)."""

IP = (EntityRule("IP", _DOTTED, 87, _ipv4), EntityRule("IP", rf"(?:{_V6}){_PREFIX}", 225, _ipv6))
IP_PRIVATE = (EntityRule("IP", _DOTTED, 87, _any_ipv4), EntityRule("IP", rf"(?:{_V6}|::1\b){_PREFIX}", 225, _any_ipv6))
PCI = (
    *CARD,
    EntityRule(
        "CVV",
        rf"\b(?:cvv2?|cvc2?|cvn|security code|card verification (?:value|code)){_SAYS}([0-9]{{3,4}})\b",
        47,
        caseless=True,
    ),
    EntityRule(
        "CARDHOLDER",
        rf"\b(?i:card ?holder(?:'s)?(?: name)?|cardholder_?name|name on (?:the )?card){_SAYS}([A-Z][A-Za-z'.-]{{1,30}}(?: [A-Z][A-Za-z'.-]{{0,30}}){{1,3}})",
        165,
    ),
)
HEALTH = (
    EntityRule(
        "MRN",
        rf"\b(?:mrn|medical record(?: number| no\.?| num)?|med rec|patient (?:id|number)){_SAYS}([a-z]{{0,4}}-?[0-9][a-z0-9-]{{3,14}})\b",
        61,
        caseless=True,
    ),
    EntityRule(
        "INSURANCE_ID",
        rf"\b(?:insurance|member|subscriber|policy|health plan|medicare|medicaid|mbi|beneficiary)(?: (?:id|number|no\.?)){_SAYS}([a-z]{{0,4}}-?[0-9][a-z0-9-]{{4,18}})\b",
        62,
        caseless=True,
    ),
    EntityRule(
        "NPI",
        rf"\b(?:npi|national provider identifier){_SAYS}([12][0-9]{{3}}[ -]?[0-9]{{3}}[ -]?[0-9]{{3}})",
        60,
        _npi,
        caseless=True,
    ),
)
