"""`dual-use-filter`: how to make what serves war as well as peace (keeptrusts-config.md, 3.21)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Literal

from extproc.detect.lexicons.export_control import DUAL_USE
from extproc.policies.base import Between
from extproc.policies.lexical import LexicalPolicy, named


@dataclass(frozen=True, slots=True, kw_only=True)
class DualUseSettings:
    """`blocked_terms` come on top of the built-in ones. `max_distance` counts edits, with `fuzzy_matching` only."""

    blocked_terms: tuple[str, ...] = ()
    action: Literal["block", "redact"] = "block"
    fuzzy_matching: bool = False
    max_distance: Annotated[int, Between(0, 8)] = 1

    def __post_init__(self) -> None:
        """Raises ValueError for a term that would be found everywhere."""
        named("blocked_terms", self.blocked_terms)


class DualUseFilter(LexicalPolicy):
    """Blocks, or redacts, in requests and replies."""

    kind = "dual-use-filter"
    Settings = DualUseSettings
    code = "dual_use"
    message = "The text is about making agents or goods that can be weapons."
    marker = "[DUAL_USE_REDACTED]"

    def __init__(self, settings: DualUseSettings) -> None:
        super().__init__(settings, DUAL_USE, own=settings.blocked_terms)
