"""What a client says about the cache: RFC 9111's `cache-control` on a request, and a header of our own."""

from __future__ import annotations

from dataclasses import dataclass

from extproc.model import ClientError, Headers

OWN = "x-keeptrusts-cache"
"""On a request: `bypass`. On a response: what became of it."""

_READ = frozenset({OWN, "cache-control", "pragma"})


@dataclass(frozen=True, slots=True)
class Directives:
    """`bypass` names why the cache is left out altogether; `read` False fetches afresh, and stores.

    `max_age` bounds the age of an answer in seconds; None where any will do. `only_stored` wants no other answer.
    """

    bypass: str = ""
    read: bool = True
    max_age: int | None = None
    only_stored: bool = False


NONE = Directives()


def directives(headers: Headers) -> Directives:
    """What these request headers ask for. Raises ClientError for a value of our own header that we do not know."""
    headers = tuple([header for header in headers if header[0] in _READ])
    if not headers:
        return NONE
    own = _said(headers, OWN)
    if unknown := [word for word in own if word != "bypass"]:
        raise ClientError(f"{OWN}: expected 'bypass', found {unknown[0][:32]!r}.", reason="invalid_cache_directive")
    if own:
        return Directives(bypass="asked")
    said = _said(headers, "cache-control")
    if said:
        return _control(said)
    return Directives(read=False) if "no-cache" in _said(headers, "pragma") else NONE  # RFC 9111, 5.4


def _said(headers: Headers, name: str) -> list[str]:
    """The words of a list, over however many lines it comes (RFC 9110, 5.3)."""
    words = [word.strip().lower() for key, value in headers if key == name for word in value.split(",")]
    return [word for word in words if word]


def _control(words: list[str]) -> Directives:
    """Unknown directives are left alone, as RFC 9111 (5.2.3) asks; so is an age that is no number.

    An age of 0 asks for a fresh answer, though one that came in this same second would be within it.
    """
    if "no-store" in words:
        return Directives(bypass="no-store")
    ages = [word.removeprefix("max-age=").strip('"') for word in words if word.startswith("max-age=")]
    most = min((int(age) for age in ages if age.isascii() and age.isdigit() and len(age) < 12), default=None)
    fresh = "no-cache" in words or most == 0
    return Directives(read=not fresh, max_age=None if fresh else most, only_stored="only-if-cached" in words)
