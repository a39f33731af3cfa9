"""`financial-compliance`: promises and advice that need a licence, in replies (keeptrusts-config.md, 3.33)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from extproc.detect.lexicon import Vocabulary
from extproc.detect.lexicons.business import PROMISES
from extproc.detect.patterns import Pattern
from extproc.model import Text
from extproc.policies.lexical import AnsweredOnly, named


@dataclass(frozen=True, slots=True, kw_only=True)
class FinancialSettings:
    """`blocked_patterns` are RE2 expressions, in any case, on top of the built-in ones."""

    blocked_patterns: tuple[Pattern, ...] = ()
    required_disclaimers: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        """Raises ValueError for a disclaimer that says nothing."""
        named("required_disclaimers", self.required_disclaimers)


class FinancialCompliance(AnsweredOnly):
    """Blocks the reply; adds each disclaimer that it lacks."""

    kind = "financial-compliance"
    Settings = FinancialSettings
    code = "financial_compliance"
    message = "The reply promises returns or gives personal investment advice."

    def __init__(self, settings: FinancialSettings) -> None:
        own = Vocabulary(expressions=settings.blocked_patterns)
        super().__init__(settings, PROMISES, own, adds="required_disclaimers" if settings.required_disclaimers else "")

    def notes(self, texts: Sequence[Text]) -> Sequence[str]:
        """The operator's."""
        found: tuple[str, ...] = self.settings.required_disclaimers
        return found
