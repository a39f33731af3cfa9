"""`rbac`: which headers a request must carry (keeptrusts-config.md, 3.5)."""

from __future__ import annotations

from dataclasses import dataclass

from extproc.model import Allow, Block, Exchange, Verdict, first
from extproc.policies.base import Policy


@dataclass(frozen=True, slots=True, kw_only=True)
class RbacSettings:
    """`deny_if_missing`: header names, any case. `require_auth`: an access key must have named a consumer."""

    deny_if_missing: tuple[str, ...] = ("X-User-ID",)
    require_auth: bool = False


class Rbac(Policy):
    """Blocks at the headers, before a body is buffered."""

    kind = "rbac"
    Settings = RbacSettings

    def on_headers(self, exchange: Exchange) -> Verdict:
        """The first missing header is named."""
        for name in self.settings.deny_if_missing:
            if not first(exchange.headers, name.lower()):
                return Block(f"The header {name} is required.", "rbac.missing_header")
        if self.settings.require_auth and exchange.consumer is None:
            return Block("An access key is required.", "rbac.unauthenticated")
        return Allow()
