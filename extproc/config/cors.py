"""The `cors` section: which web pages may use the gateway (keeptrusts-config.md, 5.3). Without it none may."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Annotated
from urllib.parse import urlsplit

from extproc.model import REQUEST_ID
from extproc.policies.base import Between

_TOKEN = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]+")
"""RFC 9110, 5.6.2."""

HEADERS = (
    "authorization", "content-type", "x-api-key", "api-key", "anthropic-version", "anthropic-beta",
    "anthropic-dangerous-direct-browser-access", "openai-beta", "openai-organization", "openai-project",
    "x-keeptrusts-cache", "x-stainless-arch", "x-stainless-helper-method", "x-stainless-lang", "x-stainless-os",
    "x-stainless-package-version", "x-stainless-poll-helper", "x-stainless-retry-count", "x-stainless-runtime",
    "x-stainless-runtime-version", "x-stainless-timeout",
)  # fmt: skip
"""What clients send. Keeptrusts' default has the first two, with which no SDK could ask from a page."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Cors:
    """The section as written. Origins are exact, or `*` for all; `max_age` is in seconds."""

    allow_origins: tuple[str, ...]
    enabled: bool = True
    allow_methods: tuple[str, ...] = ("GET", "POST", "OPTIONS")
    allow_headers: tuple[str, ...] = HEADERS
    expose_headers: tuple[str, ...] = (REQUEST_ID,)
    credentials: bool = False
    max_age: Annotated[int, Between(0, 86_400)] = 86_400

    def __post_init__(self) -> None:
        """Raises ValueError for what no browser would take, or nobody should want."""
        if not self.allow_origins:
            raise ValueError("allow_origins: expected at least one origin, or '*'")
        for origin in self.allow_origins:
            if wrong := _wrong(origin):
                raise ValueError(f"allow_origins: '{origin}': {wrong}")
        if self.credentials and "*" in self.allow_origins:
            raise ValueError("credentials: every page could act for whoever opens it; name the origins instead of '*'")
        _tokens("allow_methods", self.allow_methods)
        _tokens("allow_headers", self.allow_headers)
        _tokens("expose_headers", self.expose_headers)


def _wrong(origin: str) -> str:
    """What is wrong with an origin, or ''. `null` is what every sandboxed page calls itself."""
    if origin == "*":
        return ""
    try:
        parts = urlsplit(origin)
    except ValueError as error:
        return str(error)
    if not parts.scheme or not parts.netloc or f"{parts.scheme}://{parts.netloc}" != origin or "@" in origin:
        return "expected scheme://host or scheme://host:port, without a path"
    return "a part of an origin cannot be left open; name each, or allow '*'" if "*" in origin else ""


def _tokens(name: str, values: Iterable[str]) -> None:
    for value in values:
        if not _TOKEN.fullmatch(value):
            raise ValueError(f"{name}: '{value[:32]}' is no name")
