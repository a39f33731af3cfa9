"""`rbac`: who may ask, for which tools, and with which data (keeptrusts-config.md, 3.5).

The reference does not say where a role comes from; its examples send `X-User-Role`, so there it is looked for.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from extproc.detect import pii
from extproc.detect.entities import EntityScanner
from extproc.detect.json_strings import Find
from extproc.detect.markings import LEVELS, Level, above
from extproc.detect.patterns import Scanner
from extproc.model import Allow, Block, Exchange, Request, Verdict, first
from extproc.policies.base import Policy
from extproc.policies.redaction import Quiet, redactions
from extproc.policies.roles import role

ANY = "*"


@dataclass(frozen=True, slots=True, kw_only=True)
class Role:
    """The tools that a request may declare, by name; `*` stands for all, and a denied one is denied."""

    allowed_tools: tuple[str, ...] = (ANY,)
    denied_tools: tuple[str, ...] = ()

    def may_use(self, tool: str) -> bool:
        """Whether this tool may be declared."""
        denied = tool in self.denied_tools or ANY in self.denied_tools
        return not denied and (tool in self.allowed_tools or ANY in self.allowed_tools)


@dataclass(frozen=True, slots=True, kw_only=True)
class DataAccess:
    """How secret the documents may be marked that a role sends."""

    max_sensitivity: Level


@dataclass(frozen=True, slots=True, kw_only=True)
class MinimumNecessary:
    """Health data of persons only from these roles (45 CFR 164.502(b))."""

    enabled: bool = False
    allowed_phi_roles: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class RbacSettings:
    """`deny_if_missing`: header names, any case. `require_auth`: an access key must have named a consumer.

    A role that `roles` leaves out may use no tools, one that `data_access` leaves out may send what is public.
    """

    deny_if_missing: tuple[str, ...] = ("X-User-ID",)
    require_auth: bool = False
    roles: Mapping[str, Role] = field(default_factory=dict)
    data_access: Mapping[str, DataAccess] = field(default_factory=dict)
    minimum_necessary: MinimumNecessary = field(default_factory=MinimumNecessary)


class Rbac(Policy):
    """Blocks at the headers what it can, before a body is buffered."""

    kind = "rbac"
    Settings = RbacSettings

    def __init__(self, settings: RbacSettings) -> None:
        super().__init__(settings)
        self.guards_input = bool(settings.data_access) or settings.minimum_necessary.enabled
        self.idle = frozenset() if self.guards_input or settings.roles else frozenset({"on_input"})
        self._roles = settings.roles.keys() | settings.data_access.keys()
        self._markings = {level: Scanner(above(level)) for level in LEVELS} if settings.data_access else {}
        self._health = EntityScanner(pii.HEALTH)

    def on_headers(self, exchange: Exchange) -> Verdict:
        """The first missing header is named."""
        for name in self.settings.deny_if_missing:
            if not first(exchange.headers, name.lower()):
                return Block(f"The header {name} is required.", "rbac.missing_header")
        if self.settings.require_auth and exchange.consumer is None:
            return Block("An access key is required.", "rbac.unauthenticated")
        if self._roles and role(exchange) not in self._roles:
            return Block("The header X-User-Role must name a role that this gateway knows.", "rbac.unknown_role")
        return Allow()

    def on_input(self, exchange: Exchange) -> Verdict:
        """What the request declares and says, by what its role may."""
        request, claimed = exchange.request, role(exchange)
        if request is None:
            return Allow()
        if self.settings.roles and not all(map(self.settings.roles.get(claimed, _NO_TOOLS).may_use, request.tools)):
            return Block("This role may not use a tool that the request declares.", "rbac.tool")
        if self._markings and self._too_secret(request, claimed):
            return Block("This role may not send documents that are marked like this one.", "rbac.sensitivity")
        needed = self.settings.minimum_necessary
        if needed.enabled and claimed not in needed.allowed_phi_roles and self._tells_health(request):
            return Block("This role may not send health data of persons.", "rbac.phi")
        return Allow()

    def _too_secret(self, request: Request, claimed: str) -> bool:
        access = self.settings.data_access.get(claimed)
        scanner = self._markings[access.max_sensitivity if access else LEVELS[0]]
        return _found(request, lambda text, _: scanner.find(text, most=1), scanner.quiet)

    def _tells_health(self, request: Request) -> bool:
        scanner = self._health
        return _found(request, lambda text, before: scanner.find(text, context=before), scanner.quiet)


_NO_TOOLS = Role(allowed_tools=())


def _found(request: Request, find: Find, quiet: Quiet) -> bool:
    """Whether anything is found in what a request says; strings of texts that are JSON are judged decoded."""
    return bool(redactions(request.texts, find, lambda *_: "", quiet))
