"""`agent-firewall`: which tools an agent may call, how often, and what stops it (keeptrusts-config.md, 3.4).

The reference has two forms that exclude each other, and leaves open what its rates and amounts count: here they count
in the conversation that the client sends.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Annotated, Any

import re2

from extproc.detect.entities import EntityScanner
from extproc.detect.tool_attacks import Attacks
from extproc.model import Allow, Block, Escalate, Exchange, ToolCall, Verdict
from extproc.policies.base import Between
from extproc.policies.pii_detector import PiiSettings
from extproc.policies.pii_detector import rules as personal
from extproc.policies.roles import role
from extproc.policies.tools import Made, Names, ToolPolicy, asked, read, shown, strings

Count = Annotated[int, Between(1, 1_000_000)]
Amount = Annotated[float, Between(0, 1e15)]

ACTIONS = "max_actions_per_session"
DEFAULT = "default"


@dataclass(frozen=True, slots=True, kw_only=True)
class RoleTools:
    """Names of tools, with `*` for any characters; a denied one is denied."""

    allowed: tuple[str, ...] = ("*",)
    denied: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Tools:
    """A role that is not named may call nothing."""

    roles: Mapping[str, RoleTools]


@dataclass(frozen=True, slots=True, kw_only=True)
class TransactionLimits:
    """In the unit in which tools are told amounts."""

    max_single_transaction: Amount | None = None
    require_approval_above: Amount | None = None
    max_daily_total: Any = None

    def __post_init__(self) -> None:
        """Raises ValueError for what is not supported."""
        if self.max_daily_total is not None:
            raise ValueError("max_daily_total: not yet supported; nothing here counts over conversations")


@dataclass(frozen=True, slots=True, kw_only=True)
class KillSwitches:
    """What ends a conversation."""

    max_errors_before_halt: Count | None = None
    halt_on_pii_in_action: bool = False
    halt_on_suspicious_pattern: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Monitoring:
    """Every refusal is an event, so the alerts cannot be turned off here."""

    alert_on_denied_action: bool = True
    alert_on_rate_limit: bool = True
    alert_threshold_percent: Annotated[int, Between(1, 100)] | None = None

    def __post_init__(self) -> None:
        """Raises ValueError for an alert that is turned off."""
        for name in ("alert_on_denied_action", "alert_on_rate_limit"):
            if not getattr(self, name):
                raise ValueError(f"{name}: false is not possible, every refusal is recorded; filter events instead")


@dataclass(frozen=True, slots=True, kw_only=True)
class AgentFirewallSettings:
    """The simple form has `allowed_tools` and `blocked_tools`, the expanded one the rest; both bound the actions."""

    allowed_tools: tuple[str, ...] | None = None
    blocked_tools: tuple[str, ...] | None = None
    max_actions_per_session: Count | None = None
    tools: Tools | None = None
    rate_limits: Mapping[str, Count] = field(default_factory=dict)
    transaction_limits: TransactionLimits = field(default_factory=TransactionLimits)
    kill_switches: KillSwitches = field(default_factory=KillSwitches)
    monitoring: Monitoring = field(default_factory=Monitoring)

    def __post_init__(self) -> None:
        """Raises ValueError where the forms are mixed, or one number stands twice."""
        simple = [name for name in ("allowed_tools", "blocked_tools") if getattr(self, name) is not None]
        expanded = {
            "tools": self.tools is not None,
            "rate_limits": bool(self.rate_limits),
            "transaction_limits": self.transaction_limits != TransactionLimits(),
            "kill_switches": self.kill_switches != KillSwitches(),
            "monitoring": self.monitoring != Monitoring(),
        }
        mixed = [name for name, given in expanded.items() if given]
        if simple and mixed:
            raise ValueError(f"{simple[0]} and {mixed[0]} are of two forms that exclude each other")
        if self.max_actions_per_session is not None and ACTIONS in self.rate_limits:
            raise ValueError(f"{ACTIONS} stands here and in rate_limits")

    @property
    def most(self) -> int | None:
        """The calls that a conversation may hold."""
        return self.max_actions_per_session or self.rate_limits.get(ACTIONS)


class AgentFirewall(ToolPolicy):
    """Names, then counts, then what the arguments say."""

    kind = "agent-firewall"
    Settings = AgentFirewallSettings

    def __init__(self, settings: AgentFirewallSettings) -> None:
        super().__init__(settings)
        switches = settings.kill_switches
        self._roles = {name: _Allowed(each) for name, each in (settings.tools.roles if settings.tools else {}).items()}
        allowed, blocked = settings.allowed_tools, settings.blocked_tools
        self._all = _Allowed(RoleTools(allowed=("*",) if allowed is None else allowed, denied=blocked or ()))
        self._scanner = EntityScanner(personal(PiiSettings())) if switches.halt_on_pii_in_action else None
        self._attacks = Attacks() if switches.halt_on_suspicious_pattern else None
        self.idle = frozenset() if switches.max_errors_before_halt else frozenset({"on_input"})

    def on_input(self, exchange: Exchange) -> Verdict:
        """A conversation in which too much has failed does not go on."""
        most = self.settings.kill_switches.max_errors_before_halt
        if most and sum(result.failed for result in asked(exchange).results) >= most:
            said = "So many calls of tools have failed that this conversation may not go on. Start a new one."
            return Block(said, "agent_firewall.halted_errors")
        return Allow()

    def call(self, exchange: Exchange, call: ToolCall, made: Made) -> Verdict:
        """May this call be made by whoever asks, after those that were made?"""
        allowed = self._roles.get(role(exchange), _NOTHING) if self.settings.tools else self._all
        if call.name not in allowed:
            return Block(f"The model called {shown(call.name)}, which may not be called.", "agent_firewall.tool")
        return self._counted(call, made) or self._spent(call) or self._said(call) or self._near(made)

    def _counted(self, call: ToolCall, made: Made) -> Verdict | None:
        most, rates = self.settings.most, self.settings.rate_limits
        if most and made.calls.total() >= most:
            said = f"This conversation has reached its {most} calls of tools. Start a new one."
            return Block(said, "agent_firewall.max_actions")
        rate = rates.get(call.name, rates.get(DEFAULT))
        if rate and made.calls[call.name] >= rate:
            said = f"This conversation has reached its {rate} calls of {shown(call.name)}. Start a new one."
            return Block(said, "agent_firewall.rate_limit")
        return None

    def _spent(self, call: ToolCall) -> Verdict | None:
        limits = self.settings.transaction_limits
        if limits.max_single_transaction is None and limits.require_approval_above is None:
            return None
        largest = max(amounts(call.arguments), default=0.0)
        if limits.max_single_transaction is not None and largest > limits.max_single_transaction:
            return Block("The amount is larger than a single transaction may be.", "agent_firewall.transaction")
        if limits.require_approval_above is not None and largest > limits.require_approval_above:
            return Escalate("A transaction of this amount needs somebody's approval.", "agent_firewall.approval")
        return None

    def _said(self, call: ToolCall) -> Verdict | None:
        if self._attacks is None and self._scanner is None:
            return None
        for key, value in strings(call.arguments):
            if self._attacks and (reason := self._attacks.find(key, value)):
                said = f"The call of {shown(call.name)} looks like an attack: {reason}."
                return Block(said, "agent_firewall.suspicious")
            if self._scanner and self._scanner.find(value, context=f"{key}: "):
                return Block(f"The call of {shown(call.name)} carries personal data.", "agent_firewall.pii")
        return None

    def _near(self, made: Made) -> Verdict:
        percent, most = self.settings.monitoring.alert_threshold_percent, self.settings.most
        if percent and most and (made.calls.total() + 1) * 100 >= percent * most:
            return Allow("agent_firewall.near_limit")
        return Allow()


class _Allowed:
    def __init__(self, tools: RoleTools) -> None:
        self._allowed, self._denied = Names(tools.allowed), Names(tools.denied)

    def __contains__(self, tool: object) -> bool:
        return bool(tool) and tool in self._allowed and tool not in self._denied


_NOTHING = _Allowed(RoleTools(allowed=()))

_MONEY = "amount|amt|total|price|sum|payment|transfer|withdrawal|deposit|refund|cost"
_NAME = re2.compile(rf"(?i)(?:^|_|-|\b)(?:{_MONEY})(?:$|_|-|\b)")
_CAMEL = re2.compile(r"([a-z0-9])([A-Z])")
_NUMBER = re2.compile(r"^[^0-9+-]{0,5}([0-9][0-9.,' ]{0,30})[^0-9]{0,5}$")


def amounts(arguments: str) -> Iterator[float]:
    """Amounts of money in a call's arguments: numbers under keys that say so, `amount`, `total_price`, `refundTotal`.

    One that cannot be told is infinite: `1.000` may be one or a thousand, and is a thousand here.
    """
    try:
        value = read(arguments)
    except ValueError:
        return
    yield from _amounts(value, named=False)


def _amounts(value: Any, *, named: bool) -> Iterator[float]:
    if isinstance(value, dict):
        for key, each in value.items():
            words = _CAMEL.sub(r"\1_\2", key.encode("utf-8", "replace").decode())
            yield from _amounts(each, named=named or bool(_NAME.search(words)))
    elif isinstance(value, list):
        for each in value:
            yield from _amounts(each, named=named)
    elif named and isinstance(value, int | float) and not isinstance(value, bool):
        yield abs(float(value))
    elif named and isinstance(value, str):
        yield _amount(value)


def _amount(text: str) -> float:
    found = _NUMBER.search(text.strip().encode("utf-8", "replace").decode()) if len(text) < 64 else None
    if found is None:
        return 0.0 if not any(map(str.isdigit, text)) else float("inf")
    written = found.group(1).replace("'", "").replace(" ", "")
    last = max(written.rfind("."), written.rfind(","))
    decimals = len(written) - last - 1 if last >= 0 else 0
    whole, part = (written[:last], written[last + 1 :]) if decimals in (1, 2) else (written, "")
    return float(f"{whole.replace('.', '').replace(',', '') or 0}.{part or 0}")
