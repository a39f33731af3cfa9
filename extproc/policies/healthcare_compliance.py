"""`healthcare-compliance`: claims, diagnoses and treatment in replies (keeptrusts-config.md, 3.34).

What `fda_class` does is not documented. Here it is how closely a reply is looked at, after the risk that the classes of
21 CFR 860 stand for: I claims and false reassurance, II diagnoses and doses too, III any treatment told to a person.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from extproc.detect.lexicon import Vocabulary
from extproc.detect.lexicons.business import CLAIMS, DIAGNOSES, THERAPIES
from extproc.detect.patterns import Pattern
from extproc.model import Text
from extproc.policies.lexical import AnsweredOnly, named

_CLASSES = {"I": (CLAIMS,), "II": (CLAIMS, DIAGNOSES), "III": (CLAIMS, DIAGNOSES, THERAPIES)}


@dataclass(frozen=True, slots=True, kw_only=True)
class HealthcareSettings:
    """`blocked_patterns` are RE2 expressions, in any case, on top of the built-in ones."""

    blocked_patterns: tuple[Pattern, ...] = ()
    required_disclaimers: tuple[str, ...] = ()
    fda_class: Literal["I", "II", "III"] = "II"

    def __post_init__(self) -> None:
        """Raises ValueError for a disclaimer that says nothing."""
        named("required_disclaimers", self.required_disclaimers)


class HealthcareCompliance(AnsweredOnly):
    """Blocks the reply; adds each disclaimer that it lacks."""

    kind = "healthcare-compliance"
    Settings = HealthcareSettings
    code = "healthcare_compliance"
    message = "The reply makes a claim, a diagnosis or a prescription that is a clinician's to make."

    def __init__(self, settings: HealthcareSettings) -> None:
        own = Vocabulary(expressions=settings.blocked_patterns)
        adds = "required_disclaimers" if settings.required_disclaimers else ""
        super().__init__(settings, *_CLASSES[settings.fda_class], own, adds=adds)

    def notes(self, texts: Sequence[Text]) -> Sequence[str]:
        """The operator's."""
        found: tuple[str, ...] = self.settings.required_disclaimers
        return found
