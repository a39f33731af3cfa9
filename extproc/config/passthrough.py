"""The `passthrough` section, ours: what may pass unread, and to whom (docs/decisions/0010). Without it nothing may."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Literal

from extproc.model import DEFAULT_ORG
from extproc.policies.base import Between

RouteName = Literal["images", "audio", "moderations", "files", "batches", "realtime"]
"""The keys of `extproc.routing.unscanned.ROUTES`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Passthrough:
    """The section as written. `target` is one of `providers.targets[].id`; `max_body_bytes` bounds a request's body.

    `organisation` is whose keys may use what the provider keeps: files and batches.
    """

    target: str
    routes: tuple[RouteName, ...]
    max_body_bytes: Annotated[int, Between(1024, 1 << 40)] = 512 << 20
    organisation: str = DEFAULT_ORG

    def __post_init__(self) -> None:
        """Raises ValueError for an allowance of nothing, or of something twice."""
        if not self.routes:
            raise ValueError("routes: expected at least one; without this section nothing passes unscanned")
        if twice := next((name for name in self.routes if self.routes.count(name) > 1), None):
            raise ValueError(f"routes: '{twice}' stands twice")
