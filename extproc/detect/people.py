"""Rules for what tells who somebody is beside the numbers that `pii` and `national_ids` know: names, addresses, dates,
ages, and the numbers of files, devices and vehicles (45 CFR 164.514(b)(2), 34 CFR 99.3, 16 CFR 312).

Nothing here knows a list of names: a name is what stands in capitals after a title, or after who it belongs to.
"""

from __future__ import annotations

from datetime import date

import re2

from extproc.detect.entities import EntityRule

_IS = r"[\"']?(?: is|,)?[ \t]{0,2}[#=:]?[ \t]{0,2}[\"']?"
"""What stands between who or what it is and the value."""

_VALUE = r"([A-Za-z]{0,4}-?[0-9][A-Za-z0-9-]{3,20})\b"
"""A number of a file or thing: letters may lead, and it has a digit."""

_ONE = r"[A-ZÀ-Þ][A-Za-zÀ-ÿ]{0,2}'?[A-Za-zÀ-ÿ-]{1,20}"
_NAME = rf"{_ONE}(?: (?:[A-Z]\.? )?{_ONE}){{0,2}}"
_FULL_NAME = rf"{_ONE}(?: (?:[A-Z]\.? )?{_ONE}){{1,2}}"

_NO_NAMES = frozenset(
    [
        "Access",
        "Assistance",
        "Association",
        "Board",
        "Building",
        "Care",
        "Center",
        "Centre",
        "Charts",
        "Code",
        "Council",
        "Data",
        "Department",
        "Education",
        "Engagement",
        "Experience",
        "Government",
        "Guide",
        "Handbook",
        "Health",
        "History",
        "Hospital",
        "House",
        "Housing",
        "Id",
        "Information",
        "Journal",
        "Library",
        "Life",
        "List",
        "Loan",
        "Management",
        "Monitoring",
        "Name",
        "Nodes",
        "Number",
        "Office",
        "Outcomes",
        "Policy",
        "Portal",
        "Privacy",
        "Program",
        "Project",
        "Record",
        "Records",
        "Relations",
        "Safety",
        "Services",
        "Success",
        "Support",
        "Survey",
        "Teacher",
        "Union",
        "Visits",
        "Who",
        "No",
        "Evil",
        "Pepper",
    ]  # Dr.
)
"""Words in capitals that follow `Patient`, `Student` or a title and are nobody's name."""


def _numbered(label: str, words: str, value: str = _VALUE) -> EntityRule:
    """What follows one of these words and `number`, `id` or the like."""
    called = rf"(?i:\b(?:{words})[ _]?(?:numbers?|num|no\.?|id|#|identifier|code))"
    return EntityRule(label, called + _IS + value, 110, _no_year, gate=called)


def _no_year(found: str, before: str, after: str) -> bool:
    return not (len(found) == 4 and found[:2] in ("19", "20"))


def names(roles: str) -> tuple[EntityRule, ...]:
    """Names after a title, and after one of the roles."""
    title = r"\b(?:Mr|Mrs|Ms|Miss|Mx|Dr|Prof|Herr|Frau|Mme|Sr|Sra)\.? "
    role = rf"(?i:\b(?:{roles})(?:'s)?)"
    named = role + r"(?i:[ _]?(?:full[ _]|first[ _]|last[ _])?name)?" + r"[\"']?(?: is)?[ \t]{0,2}[=:][ \t]{0,2}[\"']?"
    called = role + r"(?i:[ _](?:full |first |last )?name(?: is|,)?) "
    return (
        EntityRule("NAME", f"{title}({_NAME})", 100, _is_name),
        EntityRule("NAME", f"{named}({_NAME})", 160, _is_name, gate=named),
        EntityRule("NAME", f"{called}({_NAME})", 160, _is_name, gate=called),
        EntityRule("NAME", rf"{role},? ({_FULL_NAME})", 160, _is_name, gate=rf"{role},? [A-ZÀ-Þ]"),
    )


def _is_name(found: str, before: str, after: str) -> bool:
    return not any(word in _NO_NAMES for word in found.split())


ADDRESS = (
    EntityRule(
        "ADDRESS",
        r"\b[0-9]{1,6}[A-Za-z]? (?:(?:[A-Z][A-Za-z.'-]{0,20}|[0-9]{1,3}(?:st|nd|rd|th)) ){1,4}"
        r"(?:Street|St|Avenue|Ave|Road|Rd|Boulevard|Blvd|Lane|Ln|Drive|Dr|Court|Ct|Way|Place|Pl|Terrace|Circle|Cir|Parkway|Pkwy|Highway|Hwy|Square|Sq)\b",
        120,
        gate=r" (?:Street|St|Avenue|Ave|Road|Rd|Boulevard|Blvd|Lane|Ln|Drive|Dr|Court|Ct|Way|Place|Pl|Terrace|Circle|Cir|Parkway|Pkwy|Highway|Hwy|Square|Sq)\b",
    ),
    EntityRule("ADDRESS", r"\b(?i:p\.? ?o\.? box) [0-9]{1,6}\b", 18),
    EntityRule(
        "ADDRESS",
        r"\b(?:A[KLRZ]|C[AOT]|D[CE]|FL|GA|HI|I[ADLN]|K[SY]|LA|M[ADEINOST]|N[CDEHJMVY]|O[HKR]|PA|RI|S[CD]|T[NX]|UT|V[AT]|W[AIVY])"
        r",? ([0-9]{5}(?:-[0-9]{4})?)\b",
        14,
    ),
)
ZIP = (EntityRule("ADDRESS", rf"(?i:\b(?:zip|postal)[ _]?(?:codes?)?){_IS}([0-9]{{5}}(?:-[0-9]{{4}})?)\b", 50),)

# --- dates and ages --------------------------------------------------------------------------------------------------

_MONTH = r"(?i:Jan(?:uary)?|Feb(?:ruary)?|Mar(?:ch)?|Apr(?:il)?|May|June?|July?|Aug(?:ust)?|Sept?(?:ember)?|Oct(?:ober)?|Nov(?:ember)?|Dec(?:ember)?)\.?"
_DAY = r"[0-3]?[0-9](?:st|nd|rd|th)?"
_DATE = (
    rf"\b(?:[0-9]{{1,2}}/[0-9]{{1,2}}/(?:[0-9]{{4}}|[0-9]{{2}})|[0-9]{{4}}-[0-9]{{2}}-[0-9]{{2}}|[0-3]?[0-9]\.[01]?[0-9]\.(?:19|20)[0-9]{{2}}"
    rf"|{_MONTH} {_DAY},? (?:19|20)[0-9]{{2}}|{_DAY} {_MONTH},? (?:19|20)[0-9]{{2}})\b"
)
_BIRTH = "birth|birthday|birthdate|born|dob|d\\.o\\.b"
_CARE = "admi(?:t|tted|ssion)|discharged?|died|deceased|death|surgery|operat(?:ed|ion)|seen|visit|visited|appointment|diagnosed|treated|expired"


def dated(words: str) -> EntityRule:
    """Dates with one of these words in the sentence before them; any date where there are none."""
    if not words:
        return EntityRule("DATE", _DATE, 26, lambda *said: _is_date(said[0]))
    named = re2.compile(rf"(?i:(?:\b|_)(?:{words})(?:\b|_))[^0-9]{{0,40}}$")

    def accept(found: str, before: str, after: str) -> bool:
        return _is_date(found) and bool(named.search(before.encode("utf-8", "replace")))

    return EntityRule("DATE", _DATE, 26, accept)


def _is_date(found: str) -> bool:
    """Whether the numbers may be a day; what names its month is one."""
    numbers = [int(part) for part in found.replace("/", "-").replace(".", "-").split("-") if part.isdecimal()]
    if len(numbers) != 3:
        return True
    year, first, second = numbers if numbers[0] > 31 else (numbers[2] + 2000 * (numbers[2] < 100), *numbers[:2])
    return any(_day(year, month, day) for month, day in ((first, second), (second, first)))


def _day(year: int, month: int, day: int) -> bool:
    try:
        return date(year, month, day).year > 1850
    except ValueError:
        return False


BIRTH_DATE = dated(_BIRTH)
CARE_DATE = dated(f"{_BIRTH}|{_CARE}")
ANY_DATE = dated("")

AGE_OVER_89 = (
    EntityRule("AGE", r"\b((?:9[0-9]|1[01][0-9])[ -]?(?i:years?|yrs?|y\.?o)\b)", 12),
    EntityRule("AGE", rf"\b(?i:aged?){_IS}((?:9[0-9]|1[01][0-9]))\b", 30, lambda found, before, after: after[:1] != "%"),
)  # fmt: skip

_UNTIL_12 = "[4-9]|1[0-2]|four|five|six|seven|eight|nine|ten|eleven|twelve"
_UNTIL_17 = "1[3-7]|thirteen|fourteen|fifteen|sixteen|seventeen"
_GRADES_UNTIL_12 = "1st|2nd|3rd|[4-6]th|first|second|third|fourth|fifth|sixth|7th|seventh"
_GRADES_UNTIL_17 = "8th|9th|1[0-2]th|eighth|ninth|tenth|eleventh|twelfth"


def _saying(age: str, grades: str, label: str) -> tuple[EntityRule, ...]:
    """Somebody who says so of themselves: an age with `years old`, or one with which the sentence ends or goes on."""
    me = r"(?i:\bi ?(?:'m|’m|m|am| just turned|turned)) "
    return (
        EntityRule(label, rf"{me}((?i:{age}) ?(?i:years?(?: old)?|yrs?(?: old)?|y/?o))\b", 48, gate=me),
        EntityRule(label, rf"{me}((?i:{age}))\b", 32, _ends, gate=me),
        EntityRule(label, rf"{me}(?i:just )?(?i:a |an |in |in the )?((?i:{grades})[ -](?i:grade|grader|class))\b", 56, gate=me),
    )  # fmt: skip


def _ends(found: str, before: str, after: str) -> bool:
    """Whether the number stands for itself: no unit, share or decimal follows."""
    return after in ("", " a", " l") or (after[:1] in ",.!?;)\n" and not after[1:2].isdecimal())


AGE_UNDER_13 = _saying(_UNTIL_12, _GRADES_UNTIL_12, "AGE_UNDER_13")
AGE_UNDER_18 = _saying(_UNTIL_17, _GRADES_UNTIL_17, "AGE_UNDER_18")

# --- numbers of files and things -------------------------------------------------------------------------------------

ACCOUNT = (_numbered("ACCOUNT", "account|acct|a/c"),)
CERTIFICATE = (
    _numbered("LICENSE", "licen[cs]e|certificate|certification|registration"),
    EntityRule("LICENSE", rf"(?i:\b(?:licen[cs]e|certificate)){_IS}([A-Za-z]{{1,3}}-?[0-9]{{5,14}})\b", 60),
)
_VIN_VALUES = dict(zip("ABCDEFGHJKLMNPRSTUVWXYZ0123456789", "12345678123457923456789" + "0123456789", strict=True))
_VIN_WEIGHTS = (8, 7, 6, 5, 4, 3, 2, 10, 0, 9, 8, 7, 6, 5, 4, 3, 2)


def _vin(found: str, before: str, after: str) -> bool:
    """Whether the ninth character is the check digit (49 CFR 565.15); a number of digits alone is none."""
    total = sum(int(_VIN_VALUES[each]) * weight for each, weight in zip(found, _VIN_WEIGHTS, strict=True))
    return "0123456789X"[total % 11] == found[8] and not found.isdecimal() and not found.isalpha()


VEHICLE = (
    EntityRule("VEHICLE", r"\b[A-HJ-NPR-Z0-9]{17}\b", 17, _vin),
    EntityRule(
        "VEHICLE",
        rf"(?i:\b(?:licen[cs]e|number|registration)[ _]plates?(?: number| no\.?)?){_IS}([A-Z0-9]{{1,4}}[ -]?[A-Z0-9]{{2,5}})\b",
        60,
        lambda found, before, after: any(each.isdecimal() for each in found),
        gate=r"(?i:[ _]plate)",
    ),
)
DEVICE = (_numbered("DEVICE", "serial|device|udi|imei|implant|pacemaker"),)
BIOMETRIC = (_numbered("BIOMETRIC", "finger ?print|voice ?print|palm ?print|face ?print|retina|iris|biometric"),)
FILE = (
    _numbered("RECORD", "case|record|encounter|accession|claim|study|chart|visit|specimen|prescription|rx|patient"),
)
STUDENT_FILE = (
    _numbered("STUDENT_ID", "student|pupil|learner|enrol?lment|school|iep|504 plan|lunch(?: account)?|library card"),
)
MAIDEN_NAME = (EntityRule("NAME", rf"(?i:\bmaiden[ _]name){_IS}({_NAME})", 120, _is_name),)
URL = (EntityRule("URL", r"\bhttps?://[^\s<>\"'()\[\]{}`]{4,400}", 408),)
