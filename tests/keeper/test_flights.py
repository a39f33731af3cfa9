"""Single flight, step by step against a model that says who must be leading and waiting."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from extproc.keeper.flights import Flights

STEPS = st.lists(
    st.tuples(st.sampled_from(["join", "leave", "land", "gone"]), st.integers(0, 2), st.integers(0, 2)), max_size=40
)


@given(STEPS)
def test_everyone_who_waits_is_released_once_and_nobody_else(steps: list[tuple[str, int, int]]) -> None:
    flights: Flights[str] = Flights()
    leaders: dict[bytes, str] = {}
    waiting: dict[tuple[str, int], bytes] = {}
    for number, (what, k, c) in enumerate(steps):
        key, connection = bytes([k]), f"c{c}"
        if what == "join":
            leads = flights.join(key, connection, number)
            assert leads == (key not in leaders)
            if leads:
                leaders[key] = connection
            else:
                waiting[connection, number] = key
        elif what == "leave" and waiting:
            waiter = list(waiting)[number % len(waiting)]
            flights.leave(*waiter)
            del waiting[waiter]
        elif what == "land":
            released = flights.land(key)
            assert released == [waiter for waiter, led in waiting.items() if led == key]
            leaders.pop(key, None)
            waiting = {waiter: led for waiter, led in waiting.items() if led != key}
        elif what == "gone":
            released = flights.gone(connection)
            waiting = {waiter: led for waiter, led in waiting.items() if waiter[0] != connection}
            lost = [led for led, leader in leaders.items() if leader == connection]
            assert sorted(released) == sorted(waiter for waiter, led in waiting.items() if led in lost)
            waiting = {waiter: led for waiter, led in waiting.items() if led not in lost}
            leaders = {led: leader for led, leader in leaders.items() if led not in lost}
        assert len(flights) == len(leaders)


def test_leaving_twice_or_without_waiting_is_nothing() -> None:
    flights: Flights[str] = Flights()
    flights.leave("a", 1)
    assert flights.join(b"k", "a", 1)
    flights.leave("a", 1)
    assert not flights.join(b"k", "b", 2)
    assert flights.land(b"k") == [("b", 2)]
    assert flights.land(b"k") == []
