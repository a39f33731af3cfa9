"""`safety-filter`: requests that mean harm, by the field that an assistant works in (keeptrusts-config.md, 3.7).

The reference contradicts itself on `block_if`: here its terms come on top of the mode's, so that adding one takes no
protection away.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Literal

from extproc.detect.lexicons.safety import MODES
from extproc.policies.base import Between
from extproc.policies.lexical import AskedOnly, named


@dataclass(frozen=True, slots=True, kw_only=True)
class SafetySettings:
    """`block_if` are terms on top of the mode's. `max_distance` counts edits, with `fuzzy_matching` only.

    What `max_age` means is not documented, so only its default is taken.
    """

    mode: Literal["critical_infrastructure", "automotive", "education", "law_enforcement"] = "critical_infrastructure"
    block_if: tuple[str, ...] = ()
    action: Literal["block", "escalate"] = "block"
    fuzzy_matching: bool = False
    max_distance: Annotated[int, Between(0, 8)] = 1
    max_age: int = 0

    def __post_init__(self) -> None:
        """Raises ValueError for a term that would be found everywhere, and for what is not there yet."""
        named("block_if", self.block_if)
        if self.max_age:
            raise ValueError(f"max_age: only 0 is supported yet, found {self.max_age}")


class SafetyFilter(AskedOnly):
    """Blocks requests, or hands them to a human."""

    kind = "safety-filter"
    Settings = SafetySettings
    code = "safety"
    message = "The request asks for something that could do harm."

    def __init__(self, settings: SafetySettings) -> None:
        super().__init__(settings, MODES[settings.mode], own=settings.block_if)
