"""What tokens cost, in whole micro-dollars: the list prices that the `genai-prices` package carries. Pure, no network.

Counted after the exchange, by the shipper: the package looks models up with `re`, which no request may wait for.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from decimal import Decimal
from functools import lru_cache

from genai_prices.data import providers
from genai_prices.data_snapshot import DataSnapshot
from genai_prices.types import ModelInfo, Provider, Usage

from extproc.audit.merge import LONGEST_NAME

MICRO = 1_000_000
"""Micro-dollars in a dollar."""


def priced(event: Mapping[str, object]) -> dict[str, object]:
    """The event with its tokens and its money in dollars: null where tokens or price are not known.

    A hit costs nothing, and avoided what its reply would have cost without a discount of the provider's own cache.
    """
    tokens = _tokens(event)
    read, written = tokens["input_tokens"], tokens["output_tokens"]
    model = str(event.get("response_model") or event.get("model") or "")
    at = float(str(event.get("at") or 0))
    hit = event.get("cache_hit") is True
    return {
        **event,
        "input_tokens": read,
        "output_tokens": written,
        "cost_usd": 0.0 if hit else dollars(micros(model, read, written, at, cached=tokens["cached_tokens"])),
        "estimated_avoided_cost": dollars(micros(model, read, written, at)) if hit else 0.0,
    }


def micros(model: str, read: int | None, written: int | None, at: float, *, cached: int | None = None) -> int | None:
    """The price at that time (Unix seconds) of so many tokens, of which `cached` were read from the provider's cache.

    None for an unknown model or number of tokens.
    """
    found = _find(model) if len(model) <= LONGEST_NAME else None  # a longer one is no model's
    if found is None or read is None or written is None:
        return None
    provider, info = found
    when = datetime.fromtimestamp(at, UTC)
    rates = info.get_prices(when)
    if rates.input_mtok is None and rates.output_mtok is None:  # sold by the image, the second or the request
        return None
    usage = Usage(input_tokens=read, output_tokens=written, cache_read_tokens=min(cached or 0, read))
    total = info.calc_price(usage, provider, genai_request_timestamp=when).total_price
    return int((total * MICRO).to_integral_value())


def dollars(amount: int | None) -> float | None:
    """Micro-dollars as dollars."""
    return None if amount is None else float(Decimal(amount) / MICRO)


@lru_cache(maxsize=1024)
def _find(model: str) -> tuple[Provider, ModelInfo] | None:
    """A snapshot for each look-up: one that stays keeps every name that a client ever made up."""
    try:
        return DataSnapshot(providers, from_auto_update=False).find_provider_model(model, None, None, None)
    except LookupError:
        return None


def _tokens(event: Mapping[str, object]) -> dict[str, int | None]:
    """The counts that are numbers; a provider may have said anything."""
    usage = event.get("usage")
    said = usage if isinstance(usage, Mapping) else {}
    names = ("input_tokens", "output_tokens", "cached_tokens")
    return {name: _count(event.get(name, said.get(name))) for name in names}


def _count(value: object) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) and value >= 0 else None
