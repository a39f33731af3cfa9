"""`tool-security`: calls of tools whose arguments attack somebody or carry data out (keeptrusts-config.md, 3.24).

`analysis_mode: external` asks a service of the operator's; that needs calls of our own to the world, which are not here
yet, so it is refused.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal, get_args

from extproc.detect import pii, secrets
from extproc.detect.entities import EntityRule, EntityScanner
from extproc.detect.tool_attacks import Attacks
from extproc.model import Allow, Block, Exchange, ToolCall, Verdict
from extproc.policies.tools import Made, ToolPolicy, shown, strings

EntityType = Literal[
    "pan", "ssn", "email", "phone", "iban", "ip_address", "jwt", "aws_access_key", "private_key", "api_key"
]


@dataclass(frozen=True, slots=True, kw_only=True)
class ToolSecuritySettings:
    """`api_key` is any credential. What `external` would need has no meaning without it."""

    analysis_mode: Literal["local", "external"] = "local"
    blocked_entity_types: tuple[EntityType, ...] = ()
    firewall_endpoint: Any = None
    secret_key_ref: Any = None
    fail_closed: bool = True

    def __post_init__(self) -> None:
        """Raises ValueError for what is not supported."""
        if self.analysis_mode == "external":
            raise ValueError("analysis_mode: external is not yet supported")
        for name in ("firewall_endpoint", "secret_key_ref"):
            if getattr(self, name) is not None:
                raise ValueError(f"{name}: only analysis_mode: external has one, which is not yet supported")
        if not self.fail_closed:
            raise ValueError("fail_closed: false has no meaning with analysis_mode: local, which never fails")


class ToolSecurity(ToolPolicy):
    """Every string of the arguments, by the key that it stands under."""

    kind = "tool-security"
    Settings = ToolSecuritySettings

    def __init__(self, settings: ToolSecuritySettings) -> None:
        super().__init__(settings)
        self._attacks = Attacks()
        self._scanner = EntityScanner(rules(settings.blocked_entity_types)) if settings.blocked_entity_types else None

    def call(self, exchange: Exchange, call: ToolCall, made: Made) -> Verdict:
        """The first thing that is found decides."""
        for key, value in strings(call.arguments):
            reason = self._attacks.find(key, value)
            if reason:
                return Block(
                    f"The call of {shown(call.name)} looks like an attack: {reason}.", f"tool_security.{reason}"
                )
            if self._scanner and self._scanner.find(value, context=f"{key}: "):
                said = f"The call of {shown(call.name)} carries data of a type that may not go to tools."
                return Block(said, "tool_security.sensitive_data")
        return Allow()


def rules(types: tuple[EntityType, ...] = get_args(EntityType)) -> tuple[EntityRule, ...]:
    """What finds these types."""
    return tuple(dict.fromkeys(rule for each in types for rule in _RULES[each]))


def _secret(*labels: str) -> tuple[EntityRule, ...]:
    return tuple(rule for rule in secrets.SECRETS if rule.label in labels)


_RULES: dict[EntityType, tuple[EntityRule, ...]] = {
    "pan": tuple(pii.PCI),
    "ssn": tuple(pii.SSN),
    "email": tuple(pii.EMAIL),
    "phone": tuple(pii.PHONE),
    "iban": tuple(pii.IBAN),
    "ip_address": tuple(pii.IP_PRIVATE),
    "jwt": _secret("JWT"),
    "aws_access_key": _secret("AWS_KEY", "AWS_SECRET"),
    "private_key": _secret("PRIVATE_KEY"),
    "api_key": tuple(secrets.SECRETS),
}
