"""`hipaa-phi-detector`: the eighteen identifiers of the Safe Harbor method (keeptrusts-config.md, 3.3).

The rule is 45 CFR 164.514(b)(2)(i). The reference calls the kind an input one in its catalogues and an output one on
its page; here it judges both, like `pii-detector`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from extproc.detect import people, pii
from extproc.detect.entities import EntityRule
from extproc.detect.national_ids import NATIONAL_IDS
from extproc.policies.identifying import IdentifyingPolicy

_ROLES = "patient|pt|relative|next of kin|husband|wife|spouse|mother|father|daughter|son|guardian|emergency contact"


@dataclass(frozen=True, slots=True, kw_only=True)
class HipaaSettings:
    """`safe_harbor_method`: every date, ZIP code and web address counts, not only what a word ties to a person."""

    mode: Literal["hipaa_18"] = "hipaa_18"
    action: Literal["redact", "block"] = "redact"
    safe_harbor_method: bool = True


class HipaaPhiDetector(IdentifyingPolicy):
    """Redacts health information that says whose it is, or blocks."""

    kind = "hipaa-phi-detector"
    Settings = HipaaSettings
    code = "phi"
    message = "The text holds health information that says whose it is."

    def __init__(self, settings: HipaaSettings) -> None:
        super().__init__(settings, (*IDENTIFIERS, *(_ALONE if settings.safe_harbor_method else (people.CARE_DATE,))))


IDENTIFIERS: tuple[EntityRule, ...] = (
    *people.names(_ROLES),
    *people.ADDRESS,
    *people.AGE_OVER_89,
    *pii.PHONE,
    *pii.EMAIL,
    *pii.SSN,
    *pii.HEALTH,
    *people.ACCOUNT,
    *pii.IBAN,
    *people.CERTIFICATE,
    *people.VEHICLE,
    *people.DEVICE,
    *pii.IP,
    *people.BIOMETRIC,
    *people.FILE,
    *NATIONAL_IDS,
)
"""In the order of the rule's list, with dates and web addresses below; photographs are pictures, which no kind sees."""

_ALONE = (people.ANY_DATE, *people.ZIP, *people.URL)
