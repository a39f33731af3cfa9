"""`itar-ear-filter`: talk of goods and data under export control (keeptrusts-config.md, 3.19)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Literal

from extproc.detect.lexicons.export_control import ITAR_EAR
from extproc.policies.base import Between
from extproc.policies.lexical import LexicalPolicy, named


@dataclass(frozen=True, slots=True, kw_only=True)
class ItarEarSettings:
    """`blocked_terms` come on top of the built-in ones. `max_distance` counts edits, with `fuzzy_matching` only."""

    blocked_terms: tuple[str, ...] = ()
    action: Literal["block"] = "block"
    fuzzy_matching: bool = False
    max_distance: Annotated[int, Between(0, 8)] = 1

    def __post_init__(self) -> None:
        """Raises ValueError for a term that would be found everywhere."""
        named("blocked_terms", self.blocked_terms)


class ItarEarFilter(LexicalPolicy):
    """Blocks requests and replies."""

    kind = "itar-ear-filter"
    Settings = ItarEarSettings
    code = "itar_ear"
    message = "The text is about goods or data under export control."

    def __init__(self, settings: ItarEarSettings) -> None:
        super().__init__(settings, ITAR_EAR, own=settings.blocked_terms)
