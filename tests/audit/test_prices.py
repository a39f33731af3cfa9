"""What an exchange cost: list prices, whole micro-dollars, never a network."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from fractions import Fraction

import pytest
from command import in_fresh_python
from genai_prices.data import providers
from hypothesis import given
from hypothesis import strategies as st

from extproc.audit import prices
from extproc.audit.merge import LONGEST_NAME
from extproc.audit.prices import MICRO, dollars, micros, priced

NOW = datetime(2026, 11, 1, tzinfo=UTC).timestamp()
COUNT = st.integers(0, 10**9)


def rate(model: str, name: str) -> Fraction:
    """Dollars a token, as the package's data say it."""
    found = next(info for each in providers if each.id == "openai" for info in each.models if info.id == model)
    per_million = getattr(found.get_prices(datetime.fromtimestamp(NOW, UTC)), name)
    assert isinstance(per_million, Decimal)
    return Fraction(per_million) / 1_000_000


@given(read=COUNT, written=COUNT)
def test_a_price_is_tokens_times_list_price_to_the_micro_dollar(read: int, written: int) -> None:
    exact = read * rate("gpt-4o", "input_mtok") + written * rate("gpt-4o", "output_mtok")
    found = micros("gpt-4o-2024-08-06", read, written, NOW)
    assert found is not None and abs(found - exact * MICRO) <= Fraction(1, 2)


def test_tokens_from_the_providers_cache_cost_what_the_provider_asks_for_them() -> None:
    exact = 400 * rate("gpt-4o", "input_mtok") + 600 * rate("gpt-4o", "cache_read_mtok")
    assert micros("gpt-4o", 1000, 0, NOW, cached=600) == exact * MICRO


@pytest.mark.parametrize("model", ["", "demo", "gpt-4o-of-our-own", "x" * 10_000, "gpt-4o" + " " * LONGEST_NAME])
def test_an_unknown_model_has_no_price(model: str) -> None:
    assert micros(model, 1, 1, NOW) is None


@pytest.mark.parametrize("model", ["whisper-1", "tts-1", "mistral-ocr-latest"])
def test_what_is_not_sold_by_the_token_has_no_price(model: str) -> None:
    assert prices._find(model)
    assert micros(model, 1000, 1000, NOW) is None


@pytest.mark.parametrize("counts", [(None, 1), (1, None), (None, None)])
def test_an_unknown_number_of_tokens_has_no_price(counts: tuple[int | None, int | None]) -> None:
    assert micros("gpt-4o", *counts, NOW) is None


def test_names_that_clients_make_up_are_not_kept() -> None:
    for number in range(2 * prices._find.cache_info().maxsize):  # type: ignore[operator]  # it has a maxsize
        micros(f"gpt-4o-{number}", 1, 1, NOW)
    assert prices._find.cache_info().currsize == prices._find.cache_info().maxsize


@given(st.integers(0, 10**15))
def test_dollars_are_micro_dollars_again_when_read_back(amount: int) -> None:
    found = dollars(amount)
    assert found is not None and round(found * MICRO) == amount


def exchange(**changes: object) -> dict[str, object]:
    usage = {"input_tokens": 1000, "output_tokens": 100, "cached_tokens": None, "reasoning_tokens": None}
    return {"at": NOW, "model": "gpt-4o", "response_model": "", "cache_hit": False, "usage": usage, **changes}


def money(**changes: object) -> tuple[object, object]:
    event = priced(exchange(**changes))
    return event["cost_usd"], event["estimated_avoided_cost"]


def test_a_miss_costs_and_a_hit_avoids_the_same() -> None:
    assert money() == (0.0035, 0.0)
    assert money(cache_hit=True) == (0.0, 0.0035)


def test_the_model_that_answered_is_the_one_that_is_paid() -> None:
    assert money(model="fast", response_model="gpt-4o-2024-08-06") == (0.0035, 0.0)


def test_what_is_not_known_is_null() -> None:
    assert money(model="demo") == (None, 0.0)
    assert money(model="demo", cache_hit=True) == (0.0, None)
    assert money(usage={}) == (None, 0.0)
    assert money(usage=None, cache_hit=True) == (0.0, None)


def test_the_tokens_stand_beside_the_price() -> None:
    event = priced(exchange())
    assert (event["input_tokens"], event["output_tokens"]) == (1000, 100)
    assert priced(exchange(input_tokens=7))["input_tokens"] == 7


@pytest.mark.parametrize("said", [-1, 1.5, "7", True, [], 2**64])
def test_whatever_a_provider_says_of_its_tokens_does_not_stop_the_shipper(said: object) -> None:
    event = priced(exchange(usage={"input_tokens": said, "output_tokens": 1, "cached_tokens": said}))
    assert (event["cost_usd"] is None) == (said != 2**64)


def test_pricing_opens_no_connection_and_starts_no_updater() -> None:
    code = """
import sys, threading
seen = []
sys.addaudithook(lambda name, _: seen.append(name) if name.startswith(("socket.", "subprocess.")) else None)
from extproc.audit.prices import micros
assert micros("gpt-4o", 1000, 100, 1.79e9) == 3500
assert micros("nobody's", 1, 1, 1.79e9) is None
from genai_prices import data_snapshot
print(seen, threading.active_count(), data_snapshot._custom_snapshot)
"""
    assert in_fresh_python(code) == "[] 1 None\n"
