"""`tool-budget`: how many tokens the calls of a tool may take in a conversation (keeptrusts-config.md, 3.25)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Annotated

from extproc.model import Allow, Block, Exchange, ToolCall, Verdict
from extproc.policies.base import Between
from extproc.policies.tools import Made, ToolPolicy, shown

CHARACTERS = 4
"""Of a token, as everywhere here where no provider counts."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Budget:
    """Tokens of a tool's calls: their arguments, and what they gave back."""

    max_tokens: Annotated[int, Between(1, 1_000_000_000)] | None = None
    max_cost_usd: float | None = None

    def __post_init__(self) -> None:
        """Raises ValueError for what is not supported, and for a budget that says nothing."""
        if self.max_cost_usd is not None:
            raise ValueError("max_cost_usd: not yet supported; give max_tokens")
        if self.max_tokens is None:
            raise ValueError("max_tokens: missing")


@dataclass(frozen=True, slots=True, kw_only=True)
class ToolBudgetSettings:
    """A tool that is not named is free."""

    budgets: Mapping[str, Budget] = field(default_factory=dict)


class ToolBudget(ToolPolicy):
    """A call goes through as long as its tool's budget is not spent; it may overdraw it once."""

    kind = "tool-budget"
    Settings = ToolBudgetSettings

    def call(self, exchange: Exchange, call: ToolCall, made: Made) -> Verdict:
        """What earlier calls took decides: those of the conversation, and those before it in the same reply."""
        budget = self.settings.budgets.get(call.name)
        spent = made.characters[call.name] // CHARACTERS
        if budget is None or budget.max_tokens is None or spent < budget.max_tokens:
            return Allow()
        said = f"The calls of {shown(call.name)} have used up its budget for this conversation."
        return Block(f"{said} Start a new one, or do without the tool.", "tool_budget.tokens")
