"""`data-routing-policy`: which providers may be sent a request, by what they agreed to (keeptrusts-config.md, 3.14)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Literal

from extproc.model import Allow, Block, Exchange, Target, Verdict
from extproc.policies.base import Between, Policy


@dataclass(frozen=True, slots=True, kw_only=True)
class DataRoutingSettings:
    """What a target has to declare in its `data_policy`; one that declares nothing agreed to nothing."""

    require_zero_data_retention: bool = False
    require_no_training: bool = False
    max_retention_days: Annotated[int, Between(0, 36_500)] | None = None
    on_no_compliant_provider: Literal["block"] = "block"
    log_provider_selection: bool = True

    def __post_init__(self) -> None:
        """Raises ValueError for what cannot be left out."""
        if not self.log_provider_selection:
            raise ValueError("log_provider_selection: events always name the targets that were asked; leave it true")


class DataRoutingPolicy(Policy):
    """Takes away the targets that do not comply, and blocks where none is left. It never reads what is said."""

    kind = "data-routing-policy"
    Settings = DataRoutingSettings
    guards_input = False

    def admits(self, target: Target) -> bool:
        """Whether the target's declaration meets every demand. Who keeps nothing keeps it for no days."""
        asked, said = self.settings, target.data_policy
        if asked.require_zero_data_retention and not said.zero_data_retention:
            return False
        if asked.require_no_training and not said.training_opt_out:
            return False
        most, kept = asked.max_retention_days, 0 if said.zero_data_retention else said.retention_days
        return most is None or (kept is not None and kept <= most)

    def on_headers(self, exchange: Exchange) -> Verdict:
        """Only for what passes unread is the target known by now."""
        return self.on_input(exchange) if exchange.targets else Allow()

    def on_input(self, exchange: Exchange) -> Verdict:
        """Whether any target is left."""
        if any(map(self.admits, exchange.targets)):
            return Allow()
        message = "No provider of this model has agreed to what this gateway demands for such data."
        return Block(message, "data_routing.no_compliant_provider")
