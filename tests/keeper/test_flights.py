"""Single flight, step by step against a model that says who must be leading and waiting."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from extproc.keeper.flights import Flights

NEVER = float("inf")
STEPS = st.lists(
    st.tuples(st.sampled_from(["join", "leave", "land", "gone"]), st.integers(0, 2), st.integers(0, 2)), max_size=40
)
Asker = tuple[str, int]


def joined(flights: Flights[str], key: bytes, connection: str, number: int) -> bool:
    """Whether this one leads."""
    if flights.flying(key):
        assert flights.wait(key, connection, number, 0.0)
        return False
    flights.lead(key, connection, number, NEVER)
    return True


@given(STEPS)
def test_everyone_who_waits_is_released_once_and_nobody_else(steps: list[tuple[str, int, int]]) -> None:
    flights: Flights[str] = Flights()
    leaders: dict[bytes, Asker] = {}
    waiting: dict[Asker, bytes] = {}

    def landed(key: bytes) -> list[Asker]:
        nonlocal waiting
        released = [waiter for waiter, led in waiting.items() if led == key]
        leaders.pop(key, None)
        waiting = {waiter: led for waiter, led in waiting.items() if led != key}
        return released

    for number, (what, k, c) in enumerate(steps):
        key, connection = bytes([k]), f"c{c}"
        if what == "join":
            leads = joined(flights, key, connection, number)
            assert leads == (key not in leaders)
            if leads:
                leaders[key] = (connection, number)
            else:
                waiting[connection, number] = key
        elif what == "leave" and (everybody := [*waiting, *leaders.values()]):
            one = everybody[number % len(everybody)]
            led = next((led for led, leader in leaders.items() if leader == one), None)
            assert flights.leave(*one) == (landed(led) if led else [])
            waiting.pop(one, None)
        elif what == "land":
            assert flights.land(key) == landed(key)
        elif what == "gone":
            released = flights.gone(connection)
            waiting = {waiter: led for waiter, led in waiting.items() if waiter[0] != connection}
            lost = [led for led, leader in leaders.items() if leader[0] == connection]
            assert sorted(released) == sorted(waiter for led in lost for waiter in landed(led))
        assert (len(flights), flights.waiting) == (len(leaders), len(waiting))


def test_leaving_twice_or_without_asking_is_nothing() -> None:
    flights: Flights[str] = Flights()
    assert flights.leave("a", 1) == []
    flights.lead(b"k", "a", 1, NEVER)
    assert flights.wait(b"k", "b", 2, 0.0)
    assert flights.leave("b", 2) == flights.leave("b", 2) == []
    assert flights.land(b"k") == flights.land(b"k") == []


def test_a_leader_that_leaves_releases_those_who_wait_for_it() -> None:
    flights: Flights[str] = Flights()
    flights.lead(b"k", "a", 1, NEVER)
    assert flights.wait(b"k", "b", 2, 0.0)
    assert flights.leave("a", 1) == [("b", 2)]
    assert not flights.flying(b"k")


def test_nobody_begins_to_wait_for_what_takes_too_long() -> None:
    flights: Flights[str] = Flights()
    flights.lead(b"k", "a", 1, 30.0)
    assert flights.wait(b"k", "b", 2, 29.9)
    assert not flights.wait(b"k", "c", 3, 30.0)
    assert flights.land(b"k") == [("b", 2)]
