"""`entity-list-filter`: parties that nobody may deal with, by the operator's own list (keeptrusts-config.md, 3.20)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Literal

from extproc.policies.base import Between
from extproc.policies.lexical import LexicalPolicy, named


@dataclass(frozen=True, slots=True, kw_only=True)
class EntityListSettings:
    """`blocked_entities` are names, in any case. `max_distance` counts edits, with `fuzzy_matching` only."""

    blocked_entities: tuple[str, ...] = ()
    action: Literal["block"] = "block"
    fuzzy_matching: bool = False
    max_distance: Annotated[int, Between(0, 8)] = 1

    def __post_init__(self) -> None:
        """Raises ValueError for a name that would be found everywhere."""
        named("blocked_entities", self.blocked_entities)


class EntityListFilter(LexicalPolicy):
    """Blocks requests and replies that name one of them."""

    kind = "entity-list-filter"
    Settings = EntityListSettings
    code = "entity_list"
    message = "The text names a party that is on a list of those not to be dealt with."

    def __init__(self, settings: EntityListSettings) -> None:
        super().__init__(settings, own=settings.blocked_entities)
