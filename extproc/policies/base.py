"""What every policy is: a kind, its settings, and two hooks."""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import dataclass
from typing import Any, ClassVar

from extproc.model import Allow, Exchange, Need, Verdict

Hook = Verdict | Generator[Need, object, Verdict]
"""A hook returns its verdict, or yields Needs and returns it at the end; whatever a Need found is sent back in."""


@dataclass(frozen=True, slots=True)
class Between:
    """The bounds of a number in a setting: `Annotated[int, Between(1, 10)]`, both ends allowed."""

    least: float
    most: float


@dataclass(frozen=True, slots=True, kw_only=True)
class NoSettings:
    """The settings of a kind that has none."""


class Policy:
    """A policy kind. The order, stopping, timing, shadow mode and failure of policies are the chain's business.

    `kind` is the name in `policies.chain`; `Settings` a frozen dataclass whose fields are the keys of
    `policy.<kind>`, read strictly by `extproc.config`. A hook that does not apply keeps the default.
    `on_output` sees whole JSON replies only; `guards_output` says that the kind judges replies.
    """

    kind: ClassVar[str]
    Settings: ClassVar[type[Any]] = NoSettings
    guards_output: ClassVar[bool] = False

    def __init__(self, settings: Any) -> None:
        self.settings = settings

    def on_headers(self, exchange: Exchange) -> Verdict:
        """Judge what the headers alone say, before a body is buffered. Plain, never a generator."""
        return Allow()

    def on_input(self, exchange: Exchange) -> Hook:
        """Judge `exchange.request`, which is set."""
        return Allow()

    def on_output(self, exchange: Exchange) -> Hook:
        """Judge `exchange.response`, which is set."""
        return Allow()
