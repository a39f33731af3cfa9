"""`tool-validation`: calls of tools that were declared, with arguments that fit (keeptrusts-config.md, 3.23).

The reference gives a failed call back to the model; here the client is refused, since no provider is asked again.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from extproc.model import Allow, Block, Exchange, ToolCall, Verdict
from extproc.policies.schemas import Schema
from extproc.policies.tools import Made, ToolPolicy, asked, read, shown


@dataclass(frozen=True, slots=True, kw_only=True)
class ToolValidationSettings:
    """Without `declared_tools` those count that the request itself declares. `schemas` are by tool."""

    declared_tools: tuple[str, ...] = ()
    schemas: Mapping[str, Any] = field(default_factory=dict)
    allow_undeclared: bool = False
    semantic_validation: Any = None

    def __post_init__(self) -> None:
        """Raises ValueError for what is not supported, and for a schema that is none."""
        if self.semantic_validation is not None:
            raise ValueError("semantic_validation: not yet supported")
        for tool, schema in self.schemas.items():
            try:
                Schema(schema)
            except ValueError as error:
                raise ValueError(f"schemas.{tool}: {error}") from error


class ToolValidation(ToolPolicy):
    """The name first, then the arguments."""

    kind = "tool-validation"
    Settings = ToolValidationSettings

    def __init__(self, settings: ToolValidationSettings) -> None:
        super().__init__(settings)
        self._declared = (
            frozenset(settings.declared_tools) | settings.schemas.keys() if settings.declared_tools else None
        )
        self._schemas = {tool: Schema(schema) for tool, schema in settings.schemas.items()}

    def call(self, exchange: Exchange, call: ToolCall, made: Made) -> Verdict:
        """What the call says of itself; the conversation does not matter."""
        known = self._declared if self._declared is not None else asked(exchange).tools
        if not call.name or (call.name not in known and not self.settings.allow_undeclared):
            return Block(f"The model called {shown(call.name)}, which is not declared.", "tool_validation.undeclared")
        schema = self._schemas.get(call.name)
        wrong = _misfit(schema, call.arguments) if schema else None
        if wrong:
            said = f"The arguments with which the model called {shown(call.name)} do not fit: {wrong}."
            return Block(said, "tool_validation.arguments")
        return Allow()


def _misfit(schema: Schema, arguments: str) -> str | None:
    try:
        value = read(arguments or "{}")  # some models write nothing for a tool that takes nothing
    except ValueError:
        return "they are not JSON"
    return schema.misfit(value)
