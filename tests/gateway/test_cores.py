"""How many workers a container gets by default."""

from __future__ import annotations

import pytest

from extproc.gateway.cores import allowed, cores, shared


@pytest.mark.parametrize(
    ("present", "cpu_max", "expected"),
    [
        (64, "", 64),
        (64, "max 100000\n", 64),
        (64, "200000 100000\n", 2),
        (64, "150000 100000\n", 2),
        (64, "50000 100000\n", 1),
        (2, "800000 100000\n", 2),
        (2, "0 100000\n", 1),
        (2, "100000 0\n", 2),
        (2, "nonsense", 2),
    ],
)
def test_a_limit_counts_where_it_is_less_than_what_is_there(present: int, cpu_max: str, expected: int) -> None:
    assert allowed(present, cpu_max) == expected


@pytest.mark.parametrize(
    ("present", "expected"), [(1, (1, 1)), (2, (1, 1)), (3, (2, 1)), (8, (4, 4)), (200, (64, 100))]
)
def test_workers_and_envoy_have_half_each(present: int, expected: tuple[int, int]) -> None:
    assert shared(present) == expected


def test_this_machine_has_at_least_one() -> None:
    assert cores() >= 1
