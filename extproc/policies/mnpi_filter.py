"""`mnpi-filter`: material non-public information in what is asked (keeptrusts-config.md, 3.22)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from extproc.detect.lexicon import Vocabulary
from extproc.detect.lexicons.business import MNPI
from extproc.detect.patterns import Pattern
from extproc.policies.lexical import AskedOnly


@dataclass(frozen=True, slots=True, kw_only=True)
class MnpiSettings:
    """`detect_patterns` are RE2 expressions, in any case, on top of the built-in ones."""

    detect_patterns: tuple[Pattern, ...] = ()
    action: Literal["block"] = "block"


class MnpiFilter(AskedOnly):
    """Blocks requests."""

    kind = "mnpi-filter"
    Settings = MnpiSettings
    code = "mnpi"
    message = "The text holds information that is material and not public."

    def __init__(self, settings: MnpiSettings) -> None:
        super().__init__(settings, MNPI, Vocabulary(expressions=settings.detect_patterns))
