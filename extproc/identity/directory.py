"""Who may come in: an immutable directory of keys, which `watcher` keeps fresh.

A store that cannot be read for ten seconds refuses everybody, because a revocation could be in it.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from extproc.identity.keys import PREFIXES, digest, presented, well_formed
from extproc.identity.store import Token
from extproc.model import Consumer, Headers

STALE_AFTER = 10.0


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why nobody was recognised; `message` is for the client, `reason` for the record."""

    message: str
    reason: str


@dataclass(frozen=True, slots=True)
class KeyDirectory:
    """One reading of the store. `read_at` is Unix seconds."""

    pepper: bytes = b""
    tokens: dict[bytes, Token] = field(default_factory=dict)
    read_at: float = 0.0
    several: bool = False
    """Whether there are, or were, access keys of more than one organisation."""

    @classmethod
    def of(cls, tokens: Iterable[Token], pepper: bytes, read_at: float) -> KeyDirectory:
        """A directory by digest: a look-up by HMAC tells nothing by its timing."""
        by_digest = {token.digest: token for token in tokens}
        several = len({token.org for token in by_digest.values() if token.type == "access"}) > 1
        return cls(pepper, by_digest, read_at, several)

    def lookup(self, headers: Headers, now: float) -> Consumer | Refusal:
        """The consumer whose key these headers carry, or why there is none."""
        keys = presented(headers)
        if now - self.read_at > STALE_AFTER:
            return Refusal("The gateway cannot check access keys at the moment.", "keys_unavailable")
        if not keys:
            return Refusal("No access key was given; send it as 'Authorization: Bearer kt_ak_…'.", "missing_api_key")
        if len(keys) > 1:
            return Refusal("Different access keys were given in different headers; send one.", "ambiguous_api_key")
        if keys[0].startswith(PREFIXES["gateway"]):
            return Refusal("This is a gateway key; requests need an access key (kt_ak_…).", "wrong_key_type")
        if not well_formed(keys[0]):
            return Refusal("This is not an access key of this gateway (kt_ak_ and 32 characters).", "invalid_api_key")
        return _consumer(self.tokens.get(digest(keys[0], self.pepper)), now)


def _consumer(token: Token | None, now: float) -> Consumer | Refusal:
    if token is None or token.type != "access":
        return Refusal("The access key is not known here.", "invalid_api_key")
    if token.revoked_at is not None:
        return Refusal("The access key was revoked.", "revoked_api_key")
    if token.expires_at is not None and token.expires_at <= now:
        return Refusal("The access key has expired.", "expired_api_key")
    return Consumer(token.id, token.name, token.team, token.org)
