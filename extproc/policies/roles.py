"""The role of whoever asks. The reference does not say where it comes from; its examples send `X-User-Role`."""

from __future__ import annotations

from extproc.model import Exchange

ROLE = "x-user-role"


def role(exchange: Exchange) -> str:
    """The role that the request claims; none where it claims several, of which a proxy may have meant either."""
    claimed = [value.strip() for name, value in exchange.headers if name == ROLE]
    return claimed[0] if len(claimed) == 1 else ""
