"""The alarm rings once, when it was last told to, and not where it was silenced."""

from __future__ import annotations

import asyncio

from extproc.transport.alarm import Alarm


async def test_it_rings_once_at_the_time_it_was_set_to_last() -> None:
    loop, rung = asyncio.get_running_loop(), asyncio.Event()
    times: list[float] = []

    def ring() -> None:
        times.append(loop.time())
        rung.set()

    alarm, began = Alarm(ring), loop.time()
    alarm.set(0.01)
    alarm.set(0.05)
    await asyncio.wait_for(rung.wait(), 5)
    assert times[0] - began >= 0.05
    rung.clear()
    alarm.set(60)
    alarm.set(0.01)  # an earlier time than the timer that runs
    await asyncio.wait_for(rung.wait(), 5)
    assert len(times) == 2


async def test_a_silenced_alarm_does_not_ring_and_can_be_set_again() -> None:
    rung: list[str] = []
    later = asyncio.Event()
    alarm, other = Alarm(lambda: rung.append("alarm")), Alarm(later.set)
    alarm.set(0.01)
    alarm.silence()
    other.set(0.05)
    await asyncio.wait_for(later.wait(), 5)
    assert rung == []
    alarm.set(0.01)
    later.clear()
    other.set(0.05)
    await asyncio.wait_for(later.wait(), 5)
    assert rung == ["alarm"]
    alarm.set(0.01)
    alarm.stop()
    later.clear()
    other.set(0.05)
    await asyncio.wait_for(later.wait(), 5)
    assert rung == ["alarm"]
