"""`student-privacy`: what says which student a text is about (keeptrusts-config.md, 3.17).

FERPA's personally identifiable information is 34 CFR 99.3; children under thirteen are COPPA's, 16 CFR 312. What the
age gate does is not documented: here it refuses who says to be under thirteen, because nobody can ask a parent, and
takes out other ages of minors.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from extproc.detect import people, pii
from extproc.detect.entities import EntityRule
from extproc.detect.national_ids import NATIONAL_IDS
from extproc.policies.identifying import IdentifyingPolicy

_ROLES = "student|pupil|learner|child|parent|guardian|mother|father|sibling|brother|sister"


@dataclass(frozen=True, slots=True, kw_only=True)
class StudentSettings:
    """`age_gate`: what users say of being minors counts too, and under thirteen it blocks."""

    action: Literal["redact", "block"] = "redact"
    age_gate: bool = False


class StudentPrivacy(IdentifyingPolicy):
    """Redacts what says which student it is, or blocks."""

    kind = "student-privacy"
    Settings = StudentSettings
    code = "student"
    message = "The text says which student it is about, or comes from a child under thirteen."
    never = frozenset({"AGE_UNDER_13"})

    def __init__(self, settings: StudentSettings) -> None:
        super().__init__(settings, (*IDENTIFIERS, *(_AGES if settings.age_gate else ())))


IDENTIFIERS: tuple[EntityRule, ...] = (
    *people.names(_ROLES),
    *people.MAIDEN_NAME,
    *people.ADDRESS,
    people.BIRTH_DATE,
    *people.STUDENT_FILE,
    *pii.PHONE,
    *pii.EMAIL,
    *pii.SSN,
    *NATIONAL_IDS,
)
_AGES = (*people.AGE_UNDER_13, *people.AGE_UNDER_18)
