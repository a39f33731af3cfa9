"""What a client says about the cache: RFC 9111's `cache-control` on a request, and a header of our own."""

from __future__ import annotations

from dataclasses import dataclass

from extproc.model import ClientError, Headers, first

OWN = "x-keeptrusts-cache"
"""On a request: `bypass`. On a response: what became of it."""


@dataclass(frozen=True, slots=True)
class Directives:
    """`bypass` names why the cache is left out altogether; `read` False fetches afresh, and stores.

    `max_age` bounds the age of an answer in seconds; None where any will do.
    """

    bypass: str = ""
    read: bool = True
    max_age: int | None = None


NONE = Directives()


def directives(headers: Headers) -> Directives:
    """What these request headers ask for. Raises ClientError for a value of our own header that we do not know."""
    own = first(headers, OWN).strip().lower()
    if own and own != "bypass":
        raise ClientError(f"{OWN}: expected 'bypass', found {own[:32]!r}.", reason="invalid_cache_directive")
    said = first(headers, "cache-control")
    if own:
        return Directives(bypass="asked")
    return _control(said) if said else NONE


def _control(said: str) -> Directives:
    """Unknown directives are left alone, as RFC 9111 (5.2.3) asks; so is an age that is no number."""
    words = [word.strip().lower() for word in said.split(",")]
    if "no-store" in words:
        return Directives(bypass="no-store")
    ages = [word.removeprefix("max-age=").strip('"') for word in words if word.startswith("max-age=")]
    ages = [age for age in ages if age.isascii() and age.isdigit() and len(age) < 12]
    return Directives(read="no-cache" not in words, max_age=min(map(int, ages)) if ages else None)
