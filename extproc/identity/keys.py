"""What an access key looks like, how it is digested, and where a request carries it. Pure."""

from __future__ import annotations

import hashlib
import hmac
import string
from collections.abc import Callable

from extproc.model import Headers

PREFIXES = {"access": "kt_ak_", "gateway": "kt_gk_"}
"""A gateway key authorises a gateway towards the control plane, never a request."""

LENGTH = 32
_ALPHABET = string.ascii_letters + string.digits
_HEADERS = ("authorization", "x-api-key", "api-key")


def new_key(kind: str, choose: Callable[[str], str]) -> str:
    """A key of 32 random characters (190 bits); `choose` picks one of a string, as `secrets.choice` does."""
    return PREFIXES[kind] + "".join(choose(_ALPHABET) for _ in range(LENGTH))


def well_formed(key: str) -> bool:
    """Whether a string could be a key of ours, so that pasted provider keys are told apart."""
    rest = next((key[len(p) :] for p in PREFIXES.values() if key.startswith(p)), "")
    return len(rest) == LENGTH and rest.isascii() and rest.isalnum()


def digest(key: str, pepper: bytes) -> bytes:
    """HMAC-SHA-256. Keys are random, so a slow hash would only slow us; the pepper is not in the database."""
    return hmac.digest(pepper, key.encode("latin-1", "replace"), hashlib.sha256)


def presented(headers: Headers) -> tuple[str, ...]:
    """The different keys that a request carries, in whichever of the usual headers its client prefers."""
    found = [_value(name, value) for name, value in headers if name in _HEADERS]
    return tuple(dict.fromkeys(key for key in found if key))


def _value(name: str, value: str) -> str:
    if name != "authorization":
        return value.strip()
    scheme, _, key = value.partition(" ")
    return key.strip() if scheme.lower() == "bearer" else ""
