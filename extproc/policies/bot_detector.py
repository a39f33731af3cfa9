"""`bot-detector`: too many requests that look alike (keeptrusts-config.md, 3.9).

Alike are requests that agree in so many of the fields as `similarity_threshold` asks for; the reference does not say
how it compares. Counts live in the policy: each worker has its own, and a reload begins anew.
"""

from __future__ import annotations

import math
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from hashlib import blake2b
from itertools import combinations
from secrets import token_bytes
from typing import Annotated, Literal

from extproc.model import Allow, Block, Exchange, Verdict, first
from extproc.policies.base import Between, Policy

MOST_PROFILES = 20_000
"""Profiles that are remembered, those seen last; beyond, the ones seen longest ago are forgotten."""

MOST_FIELDS = 6
"""Fields, of which there are 20 ways at most to agree in some of them."""

REASON = "bot.too_many_requests"


@dataclass(frozen=True, slots=True, kw_only=True)
class BotSettings:
    """`fingerprint_fields` are header names in any case."""

    fingerprint_fields: tuple[str, ...] = ("user-agent", "x-forwarded-for", "authorization")
    profile_window_seconds: Annotated[int, Between(1, 86_400)] = 60
    similarity_threshold: Annotated[float, Between(0.01, 1)] = 0.9
    max_requests_per_window: Annotated[int, Between(1, 1_000_000)] = 5
    action: Literal["warn", "block"] = "warn"

    def __post_init__(self) -> None:
        """Raises ValueError for fields that tell nobody apart, or are too many to compare."""
        fields = {field.lower() for field in self.fingerprint_fields}
        if not 1 <= len(fields) <= MOST_FIELDS or len(fields) < len(self.fingerprint_fields):
            raise ValueError(f"fingerprint_fields: expected 1 to {MOST_FIELDS} different header names")


class BotDetector(Policy):
    """Counts at the headers, before a body is buffered."""

    kind = "bot-detector"
    Settings = BotSettings

    def __init__(self, settings: BotSettings, clock: Callable[[], float] = time.monotonic) -> None:
        super().__init__(settings)
        fields = [field.lower() for field in settings.fingerprint_fields]
        alike = math.ceil(round(settings.similarity_threshold * len(fields), 6))
        self._parts = tuple(combinations(fields, alike))
        self._windows = Windows(settings.profile_window_seconds)
        self._clock = clock
        self._salt = token_bytes(16)

    def on_headers(self, exchange: Exchange) -> Verdict:
        """Count the request in each profile that it fits."""
        now = self._clock()
        seen = [self._windows.count(self._profile(exchange, fields), now) for fields in self._parts]
        if max(seen) <= self.settings.max_requests_per_window:
            return Allow()
        if self.settings.action == "warn":
            return Allow(REASON)
        return Block("Too many requests that look alike in a short time; try again later.", REASON)

    def _profile(self, exchange: Exchange, fields: tuple[str, ...]) -> bytes:
        """What these fields say, as a digest: none of it is kept."""
        said = "\n".join(f"{field}:{_value(exchange, field)}" for field in fields)
        return blake2b(said.encode("utf-8", "surrogatepass"), digest_size=16, key=self._salt).digest()


def _value(exchange: Exchange, field: str) -> str:
    """What a header says; who comes with an access key is that key, whichever header it came in."""
    if field == "authorization" and exchange.consumer:
        return exchange.consumer.key_id
    return first(exchange.headers, field)


class Windows:
    """How often each key came in the last `seconds`, estimated from two fixed windows: one number each is kept.

    What came in the window before counts by the part of it that the last `seconds` still cover.
    """

    def __init__(self, seconds: float, most: int = MOST_PROFILES) -> None:
        self._seconds = seconds
        self._most = most
        self._counts: OrderedDict[bytes, tuple[int, int, int]] = OrderedDict()

    def __len__(self) -> int:
        return len(self._counts)

    def count(self, key: bytes, now: float) -> float:
        """Count this one, and say how many there are with it."""
        window, passed = divmod(now / self._seconds, 1)
        begun, before, current = self._counts.pop(key, (int(window), 0, 0))
        if begun != window:
            before, current = (current if begun == window - 1 else 0), 0
        self._counts[key] = (int(window), before, current + 1)
        if len(self._counts) > self._most:
            self._counts.popitem(last=False)
        return before * (1 - passed) + current + 1
