"""Identity, tax and document numbers of people and firms, by country: their form and check digits, and where those prove
little, a word before them that says what the number is (detection.md, 1.4).

Labels are the names by which the field knows these numbers (Presidio's, where it has one).
"""

from __future__ import annotations

from collections.abc import Callable

import re2

from extproc.detect import checksums as check
from extproc.detect.entities import EntityRule
from extproc.detect.validators import luhn

_APART = str.maketrans("", "", " -./")
Valid = Callable[[str], bool]
"""Whether the characters alone, in capitals, are such a number."""


_CALLED: list[EntityRule] = []
"""The rules that need a word."""


def _rule(label: str, expression: str, longest: int, valid: Valid = bool, words: str = "") -> EntityRule:
    """A number of this form that is valid, and where there are words, has one of them right before it."""
    number = rf"\b(?:{expression})\b"
    if not words:
        return EntityRule(label, number, longest, lambda *said: _whole(*said) and valid(_bare(said[0])))
    word = rf"(?i:(?:\b|_)(?:{words})(?:\b|_))[^0-9]{{1,40}}"
    named = re2.compile(word + "$")

    def accept(found: str, before: str, after: str) -> bool:
        said = named.search(before.encode("utf-8", "replace"))
        return bool(said) and _whole(found, before, after) and valid(_bare(found))

    rule = EntityRule(label, number, longest, accept, gate=f"{word}[0-9]")
    _CALLED.append(rule)
    return rule


def _bare(found: str) -> str:
    return found.translate(_APART).upper()


def _whole(found: str, before: str, after: str) -> bool:
    """Whether it is no part of a longer token."""
    return before[-1:] not in _JOINS and not (after[:1] in _JOINS and after[1:2].isalnum())


_JOINS = frozenset("-_./@#=")
"""Between characters of one longer token; before a number they make it a part of one."""


# --- what the check digits are of ------------------------------------------------------------------------------------


def _aadhaar(digits: str) -> bool:
    return digits != digits[::-1] and check.verhoeff(digits)


def _abn(digits: str) -> bool:
    return (check.weighted(digits, (10, 1, 3, 5, 7, 9, 11, 13, 15, 17, 19)) - 10) % 89 == 0


def _acn(digits: str) -> bool:
    return (10 - check.weighted(digits, (8, 7, 6, 5, 4, 3, 2, 1)) % 10) % 10 == int(digits[8])


def _medicare(digits: str) -> bool:
    return check.weighted(digits, (1, 3, 7, 9, 1, 3, 7, 9)) % 10 == int(digits[8])


def _tfn(digits: str) -> bool:
    return check.weighted(digits, (1, 4, 3, 7, 5, 8, 6, 9, 10)) % 11 == 0


def _nhs(digits: str) -> bool:
    rest = 11 - check.weighted(digits, (10, 9, 8, 7, 6, 5, 4, 3, 2)) % 11
    return rest % 11 == int(digits[9]) and rest != 10 and len(set(digits)) > 1


def _nino(code: str) -> bool:
    return code[:2] not in ("BG", "GB", "KN", "NK", "NT", "TN", "ZZ")


def _driver_gb(code: str) -> bool:
    return 1 <= int(code[6:8]) % 50 <= 12 and 1 <= int(code[8:10]) <= 31 and any(each.isalpha() for each in code[:5])


def _pesel(digits: str) -> bool:
    century, month = divmod(int(digits[2:4]), 20)
    year = {0: 1900, 1: 2000, 2: 2100, 3: 2200, 4: 1800}[century] + int(digits[:2])
    rest = (10 - check.weighted(digits, (1, 3, 7, 9, 1, 3, 7, 9, 1, 3)) % 10) % 10
    return rest == int(digits[10]) and check.is_date(year, month, int(digits[4:6]))


def _nip(digits: str) -> bool:
    return check.weighted(digits, (6, 5, 7, 2, 3, 4, 5, 6, 7)) % 11 == int(digits[9])


def _personnummer(digits: str) -> bool:
    ten = digits[-10:].replace("+", "")
    day = int(ten[4:6])
    return luhn(ten) and check.born(ten[:4] + f"{day - 60 if day > 60 else day:02d}")


def _organisation(digits: str) -> bool:
    return int(digits[-8]) >= 2 and luhn(digits[-10:])


def _henkilotunnus(code: str) -> bool:
    number = code[:6] + code[-4:-1]
    return (
        check.born(code[4:6] + code[2:4] + code[:2])
        and "0123456789ABCDEFHJKLMNPRSTUVWXY"[int(number) % 31] == code[-1]
        and int(code[-4:-1]) >= 2
    )


def _nif(code: str) -> bool:
    return "TRWAGMYFPDXBNJZSQVHLCKE"[int(code[:-1]) % 23] == code[-1]


def _nie(code: str) -> bool:
    return _nif(str("XYZ".index(code[0])) + code[1:])


def _bsn(digits: str) -> bool:
    nine = digits.zfill(9)
    return int(nine) > 0 and (check.weighted(nine, (9, 8, 7, 6, 5, 4, 3, 2)) - int(nine[8])) % 11 == 0


def _rijksregister(digits: str) -> bool:
    number, wanted = digits[:9], int(digits[9:])
    return wanted in (97 - int(number) % 97, 97 - int("2" + number) % 97)


def _nir(code: str) -> bool:
    number = code[:13].replace("2A", "19").replace("2B", "18")
    return number.isdigit() and 97 - int(number) % 97 == int(code[13:])


def _steuer_id(digits: str) -> bool:
    counts = sorted(digits[:10].count(each) for each in set(digits[:10]))
    return digits[0] != "0" and counts[-1] in (2, 3) and check.mod11_10(digits)


def _versicherung(code: str) -> bool:
    number = code[:8] + f"{ord(code[8]) - 64:02d}" + code[9:]
    total = sum(
        sum(divmod(int(each) * weight, 10))
        for each, weight in zip(number, (2, 1, 2, 5, 7, 1, 2, 1, 2, 1, 2, 1), strict=False)
    )
    return total % 10 == int(code[11])


def _krankenkasse(code: str) -> bool:
    number = f"{ord(code[0]) - 64:02d}" + code[1:9]
    total = sum(sum(divmod(int(each) * (1 + place % 2), 10)) for place, each in enumerate(number))
    return total % 10 == int(code[9])


def _lanr(digits: str) -> bool:
    return (10 - check.weighted(digits, (4, 9, 4, 9, 4, 9)) % 10) % 10 == int(digits[6])


def _vat_de(code: str) -> bool:
    return check.mod11_10(code[2:])


def _vat_it(digits: str) -> bool:
    return luhn(digits) and len(set(digits)) > 1


def _cpf(digits: str) -> bool:
    first = check.weighted(digits[:9], range(10, 1, -1)) * 10 % 11 % 10
    second = check.weighted(digits[:10], range(11, 1, -1)) * 10 % 11 % 10
    return digits[9:] == f"{first}{second}" and len(set(digits)) > 1


def _cnpj(digits: str) -> bool:
    first = check.weighted(digits[:12], (5, 4, 3, 2, 9, 8, 7, 6, 5, 4, 3, 2)) % 11
    second = check.weighted(digits[:13], (6, 5, 4, 3, 2, 9, 8, 7, 6, 5, 4, 3, 2)) % 11
    wanted = [0 if rest < 2 else 11 - rest for rest in (first, second)]
    return digits[12:] == f"{wanted[0]}{wanted[1]}" and len(set(digits)) > 1


def _tckn(digits: str) -> bool:
    odd, even = (sum(map(int, digits[start:9:2])) for start in (0, 1))
    return (odd * 7 - even) % 10 == int(digits[9]) and sum(map(int, digits[:10])) % 10 == int(digits[10])


def _rrn(digits: str) -> bool:
    return check.born(digits[:6]) and digits[6] in "12345678"


def _brn(digits: str) -> bool:
    total = check.weighted(digits, (1, 3, 7, 1, 3, 7, 1, 3)) + sum(divmod(int(digits[8]) * 5, 10))
    return (10 - total % 10) % 10 == int(digits[9])


def _thai(digits: str) -> bool:
    return (11 - check.weighted(digits, range(13, 1, -1)) % 11) % 10 == int(digits[12])


def _south_african(digits: str) -> bool:
    return check.born(digits[:6]) and digits[10] in "012" and luhn(digits)


def _uen(code: str) -> bool:
    if len(code) == 9:
        return "XMKECAWLJDB"[check.weighted(code, (10, 4, 9, 3, 8, 2, 7, 1)) % 11] == code[8]
    return "ZKCMDNERGWH"[check.weighted(code, (10, 8, 6, 4, 9, 7, 5, 3, 1)) % 11] == code[9]


def _resident_cn(code: str) -> bool:
    total = check.weighted(code[:17], (7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2))
    valid = check.is_date(int(code[6:10]), int(code[10:12]), int(code[12:14]))
    return valid and "10X98765432"[total % 11] == code[17]


def _sin(digits: str) -> bool:
    return luhn(digits) and len(set(digits)) > 1


def _dea(code: str) -> bool:
    first, second = (sum(map(int, code[start:8:2])) for start in (2, 3))
    return (first + 2 * second) % 10 == int(code[8])


def _mac(code: str) -> bool:
    digits = code.replace(":", "")
    return len(set(digits)) > 2


def _document(code: str) -> bool:
    return sum(each.isdigit() for each in code) >= 4


# --- the rules -------------------------------------------------------------------------------------------------------

_TAX = "tax|tin|steuer(?:nummer|id|-id)?|idnr|vat|ust-?id(?:nr)?|fiscal"
_PASSPORT = r"[A-Za-z]{0,3}[0-9][0-9A-Za-z]{5,8}"
_LICENCE = r"[A-Z]{0,3}[0-9][0-9A-Z-]{5,14}"
_CARD = r"[A-Z]{0,3}[0-9][0-9A-Z]{6,11}"
"""Of documents; the word before says which."""


AMERICA = (
    _rule("US_ITIN", r"9[0-9]{2}[- ](?:5[0-9]|6[0-5]|7[0-9]|8[0-8]|9[0-24-9])[- ][0-9]{4}", 11),
    _rule("US_ITIN", r"9[0-9]{2}(?:5[0-9]|6[0-5]|7[0-9]|8[0-8]|9[0-24-9])[0-9]{4}", 9, words="itin|individual taxpayer"),
    _rule("US_MBI", r"[1-9][AC-HJKMNP-RT-Y][AC-HJKMNP-RT-Y0-9][0-9]-?[AC-HJKMNP-RT-Y][AC-HJKMNP-RT-Y0-9][0-9]-?[AC-HJKMNP-RT-Y]{2}[0-9]{2}", 13),
    _rule("MEDICAL_LICENSE", r"[A-HJ-NPRSUXT][A-Z9][0-9]{7}", 9, _dea, "dea|medical licen[cs]e|prescri\\w{1,8}|physician"),
    _rule("CA_SIN", r"[1-79][0-9]{2}[ -][0-9]{3}[ -][0-9]{3}", 11, _sin),
    _rule("CA_SIN", r"[1-79][0-9]{8}", 9, _sin, "sin|social insurance"),
    _rule("BR_CPF", r"[0-9]{3}\.[0-9]{3}\.[0-9]{3}-[0-9]{2}", 14, _cpf),
    _rule("BR_CPF", r"[0-9]{11}", 11, _cpf, "cpf"),
    _rule("BR_CNPJ", r"[0-9]{2}\.[0-9]{3}\.[0-9]{3}/[0-9]{4}-[0-9]{2}", 18, _cnpj),
    _rule("MX_CURP", r"[A-Z][AEIOUX][A-Z]{2}[0-9]{6}[HM][A-Z]{5}[0-9A-Z][0-9]", 18),
)  # fmt: skip
BRITAIN = (
    _rule("UK_NINO", r"[A-CEGHJ-PR-TW-Z][A-CEGHJ-NPR-TW-Z] ?[0-9]{2} ?[0-9]{2} ?[0-9]{2} ?[A-D]|(?i:[A-CEGHJ-PR-TW-Z][A-CEGHJ-NPR-TW-Z][0-9]{6}[A-D])", 13, _nino),
    _rule("UK_NHS", r"[0-9]{3}[ -]?[0-9]{3}[ -]?[0-9]{4}", 12, _nhs, "nhs|national health"),
    _rule("UK_DRIVING_LICENCE", r"[A-Z]{1,5}9{0,4}[0-9][0156][0-9][0-3][0-9]{2}[A-Z][A-Z9][0-9A-Z]{3}", 19, lambda code: len(code) == 16 and _driver_gb(code)),
)  # fmt: skip
EUROPE = (
    _rule("PL_PESEL", r"[0-9]{11}", 11, _pesel),
    _rule("PL_NIP", r"[0-9]{3}-[0-9]{3}-[0-9]{2}-[0-9]{2}|[0-9]{10}", 13, _nip, "nip"),
    _rule("SE_PERSONNUMMER", r"(?:19|20)?[0-9]{6}[-+][0-9]{4}", 13, _personnummer),
    _rule("SE_PERSONNUMMER", r"(?:19|20)?[0-9]{10}", 12, _personnummer, "personnummer|personal identity|samordningsnummer"),
    _rule("SE_ORGANISATIONSNUMMER", r"[0-9]{2}[2-9][0-9]{3}-[0-9]{4}", 11, _organisation),
    _rule("SE_ORGANISATIONSNUMMER", r"(?:16)?[0-9]{10}", 12, _organisation, "organisationsnummer|org(?:\\.|anisation)? ?(?:nr|no|number)|orgnr"),
    _rule("FI_PERSONAL_IDENTITY_CODE", r"[0-3][0-9][01][0-9]{3}[-+A-FU-Y]?[0-9]{3}[0-9A-FHJ-NPR-Y]", 11, _henkilotunnus),
    _rule("ES_NIF", r"[0-9]{8}-?[A-HJ-NP-TV-Z]", 10, _nif),
    _rule("ES_NIF", r"[0-9]{7,8}-?[A-HJ-NP-TV-Za-hj-np-tv-z]", 10, _nif, "nif|dni|cif"),
    _rule("ES_NIE", r"[XYZ]-?[0-9]{7}-?[A-HJ-NP-TV-Z]", 11, _nie),
    _rule("IT_FISCAL_CODE", r"[A-Z]{6}[0-9LMNP-V]{2}[A-EHLMPRST][0-9LMNP-V]{2}[A-Z][0-9LMNP-V]{3}[A-Z]", 16, check.codice_fiscale),
    _rule("IT_VAT_CODE", r"(?:IT)?[0-9]{11}", 13, lambda code: _vat_it(code[-11:]), "partita iva|p\\.? ?iva|italian vat|vat"),
    _rule("NL_BSN", r"[0-9]{4}\.?[0-9]{2}\.?[0-9]{3}", 11, _bsn, "bsn|burgerservicenummer|sofi"),
    _rule("BE_NATIONAL_NUMBER", r"[0-9]{2}\.[0-9]{2}\.[0-9]{2}-[0-9]{3}\.[0-9]{2}", 15, _rijksregister),
    _rule("FR_NIR", r"[12] ?[0-9]{2} ?(?:0[1-9]|1[0-2]|[2-9][0-9]) ?(?:[0-9]{2}|2[AB]) ?[0-9]{3} ?[0-9]{3} ?[0-9]{2}", 21, _nir),
    _rule("DE_TAX_ID", r"[1-9][0-9] ?[0-9]{3} ?[0-9]{3} ?[0-9]{3}", 14, _steuer_id, _TAX),
    _rule("DE_SOCIAL_SECURITY", r"[0-9]{2} ?[0-9]{6} ?[A-Z] ?[0-9]{3}", 15, _versicherung),
    _rule("DE_HEALTH_INSURANCE", r"[A-Z][0-9]{9}", 10, _krankenkasse),
    _rule("DE_VAT_ID", r"DE ?[0-9]{3} ?[0-9]{3} ?[0-9]{3}", 14, _vat_de),
    _rule("DE_LANR", r"[0-9]{9}", 9, _lanr, "lanr|arztnummer|lebenslange arztnummer"),
    _rule("DE_BSNR", r"[0-9]{9}", 9, bool, "bsnr|betriebsstättennummer"),
)  # fmt: skip
ASIA = (
    _rule("IN_AADHAAR", r"[2-9][0-9]{3}[ -][0-9]{4}[ -][0-9]{4}", 14, _aadhaar),
    _rule("IN_AADHAAR", r"[2-9][0-9]{11}", 12, _aadhaar, "aadhaar|aadhar|uidai"),
    _rule("IN_PAN", r"[A-Z]{3}[ABCFGHLJPT][A-Z][0-9]{4}[A-Z]", 10),
    _rule("IN_GSTIN", r"(?:0[1-9]|[12][0-9]|3[0-8])[A-Z]{5}[0-9]{4}[A-Z][1-9A-Z]Z[0-9A-Z]", 15),
    _rule("IN_VOTER", r"[A-Z]{3}[0-9]{7}", 10, bool, "vote|voter(?: id)?|epic|election"),
    _rule("TR_NATIONAL_ID", r"[1-9][0-9]{10}", 11, _tckn),
    _rule("KR_RRN", r"[0-9]{6}-[1-4][0-9]{6}", 14, _rrn),
    _rule("KR_FRN", r"[0-9]{6}-[5-8][0-9]{6}", 14, _rrn),
    _rule("KR_RRN", r"[0-9]{6}[1-4][0-9]{6}", 13, _rrn, "rrn|resident registration|주민등록번호|주민번호"),
    _rule("KR_FRN", r"[0-9]{6}[5-8][0-9]{6}", 13, _rrn, "frn|foreigner registration|alien registration|외국인등록번호"),
    _rule("KR_BRN", r"[0-9]{3}-[0-9]{2}-[0-9]{5}", 12, _brn),
    _rule("TH_TNIN", r"[1-8]-[0-9]{4}-[0-9]{5}-[0-9]{2}-[0-9]", 17, _thai),
    _rule("TH_TNIN", r"[1-8][0-9]{12}", 13, _thai, "thai|thailand|national id|tnin|citizen|บัตรประชาชน|เลขประจำตัวประชาชน"),
    _rule("SG_NRIC_FIN", r"[STFGM][0-9]{7}[A-Z]", 9, check.nric),
    _rule("SG_UEN", r"[0-9]{8}[A-Z]|(?:19|20)[0-9]{7}[A-Z]", 10, _uen, "uen|unique entity|acra"),
    _rule("SG_UEN", r"[TSR][0-9]{2}[A-Z]{2}[0-9]{4}[A-Z]", 10),
    _rule("CN_RESIDENT_ID", r"[1-8][0-9]{5}(?:19|20)[0-9]{9}[0-9Xx]", 18, _resident_cn),
)  # fmt: skip
PACIFIC = (
    _rule("AU_ABN", r"[0-9]{2} [0-9]{3} [0-9]{3} [0-9]{3}", 14, _abn),
    _rule("AU_ABN", r"[0-9]{11}", 11, _abn, "abn|australian business"),
    _rule("AU_ACN", r"[0-9]{3} ?[0-9]{3} ?[0-9]{3}", 11, _acn, "acn|australian company"),
    _rule("AU_TFN", r"[0-9]{3} ?[0-9]{3} ?[0-9]{3}", 11, _tfn, "tfn|tax file"),
    _rule("AU_MEDICARE", r"[2-6][0-9]{3} ?[0-9]{5} ?[0-9]", 12, _medicare, "medicare"),
)  # fmt: skip
AFRICA = (
    _rule("ZA_ID_NUMBER", r"[0-9]{6} ?[0-9]{4} ?[0-9]{3}", 15, _south_african, "south african?|za|sa id|rsa|id (?:no|number)|identity|resident"),
)  # fmt: skip
DOCUMENTS = (
    _rule("DE_PASSPORT", _PASSPORT, 12, _document, "reisepass(?:nummer)?|passnummer|pass-?nr"),
    _rule("ES_PASSPORT", _PASSPORT, 12, _document, "pasaporte"),
    _rule("IT_PASSPORT", _PASSPORT, 12, _document, "passaporto"),
    _rule("US_PASSPORT", _PASSPORT, 12, _document, "passport|passeport|passaporte|paszport"),
    _rule("DE_DRIVER_LICENSE", _LICENCE, 18, _document, "führerschein(?:nummer)?"),
    _rule("IT_DRIVER_LICENSE", _LICENCE, 18, _document, "patente(?: di guida)?"),
    _rule("US_DRIVER_LICENSE", _LICENCE, 18, _document, "driver'?s? licen[cs]e|driving licen[cs]e|permis de conduire|permiso de conducir"),
    _rule("DE_ID_CARD", _CARD, 15, _document, "personalausweis|ausweis(?:nummer)?"),
    _rule("ID_CARD", _CARD, 15, _document, "id card|identity card|national id|carte d'identité|carta d'identità"),
)  # fmt: skip
MACHINES = (
    _rule("MAC_ADDRESS", r"[0-9A-Fa-f]{2}(?::[0-9A-Fa-f]{2}){5}|[0-9A-Fa-f]{2}(?:-[0-9A-Fa-f]{2}){5}", 17, _mac),
    EntityRule(
        "CRYPTO", r"\b[13][1-9A-HJ-NP-Za-km-z]{25,34}\b", 35, lambda found, before, after: check.base58check(found)
    ),
    EntityRule(
        "CRYPTO",
        r"\b(?:bc1[ac-hj-np-z02-9]{11,71}|BC1[AC-HJ-NP-Z02-9]{11,71})\b",
        74,
        lambda found, before, after: check.bech32(found.lower()),
    ),
)

_ALL = (*AMERICA, *BRITAIN, *EUROPE, *ASIA, *PACIFIC, *AFRICA, *DOCUMENTS)
NATIONAL_IDS = tuple(sorted(_ALL, key=_CALLED.__contains__))
"""Where two cover the same characters the earlier wins, so those that need no word come first."""
