"""Reading events: from the start, from a time, backwards from the end."""

from __future__ import annotations

import random
import tracemalloc
from collections.abc import Callable, Iterable
from pathlib import Path

import pytest

from extproc.audit import events as module
from extproc.audit.events import EventLog, EventTail

DAY = 86_400.0


def history(directory: Path, days: int, a_day: int) -> None:
    log = EventLog(directory)
    for day in range(days):
        log.append([{"n": day * a_day + n, "at": day * DAY + 100 * n, "odd": n % 2} for n in range(a_day)], day * DAY)


def stamped(directory: Path, *rows: tuple[float, float]) -> None:
    """Events by when they began and when they were recorded, which is their order."""
    for number, (at, recorded) in enumerate(rows):
        EventLog(directory).append([{"n": number, "at": at, "recorded_at": recorded}], recorded)


def numbers(events: Iterable[dict[str, object]]) -> list[object]:
    return [event["n"] for event in events]


@pytest.mark.parametrize("chunk", range(1, 60))
def test_the_last_events_are_the_same_whatever_the_pieces(
    tmp_path: Path, chunk: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "CHUNK", chunk)
    history(tmp_path, 3, 4)
    with (tmp_path / "1970-01-03.jsonl").open("ab") as file:
        file.write(b'{"n":"half a li')
    tail = EventTail(tmp_path)
    assert [event["n"] for event in tail.last(4, lambda event: event["odd"] == 1)] == [5, 7, 9, 11]
    assert list(tail.read()) == []
    with (tmp_path / "1970-01-03.jsonl").open("ab") as file:
        file.write(b'ne"}\n')
    assert list(tail.read()) == [{"n": "half a line"}]


def test_a_tail_that_begins_at_a_time_opens_no_file_of_a_day_before(tmp_path: Path) -> None:
    history(tmp_path, 3, 4)
    (tmp_path / "1970-01-01.jsonl").write_bytes(b'{"at":1e12}\n')  # would be found if it were opened
    tail = EventTail(tmp_path)
    assert [event["n"] for event in tail.since(DAY + 200)] == [6, 7, 8, 9, 10, 11]
    assert list(tail.read()) == []


def test_the_last_events_of_a_long_history_do_not_cost_reading_it(tmp_path: Path) -> None:
    history(tmp_path, 3, 4)
    (tmp_path / "1969-01-01.jsonl").write_bytes(b"\xff" * 100 + b"\n")
    with (tmp_path / "1969-01-01.jsonl").open("r+b") as file:
        file.truncate(1 << 40)  # a terabyte that no disk holds
    assert [event["n"] for event in EventTail(tmp_path).last(2, lambda _: True)] == [10, 11]


def test_a_line_that_is_no_event_is_skipped(tmp_path: Path) -> None:
    (tmp_path / "1970-01-01.jsonl").write_bytes(b'{"n":1}\n\0\0\0\n{"n":2}\n')
    assert [event["n"] for event in EventTail(tmp_path).read()] == [1, 2]


def test_a_file_that_cannot_be_read_loses_no_event_of_another(tmp_path: Path) -> None:
    history(tmp_path, 1, 4)
    (tmp_path / "1970-01-02.jsonl").mkdir()
    tail = EventTail(tmp_path)
    with pytest.raises(IsADirectoryError):
        tail.take(9)
    (tmp_path / "1970-01-02.jsonl").rmdir()
    assert len(tail.take(9)) == 4


@pytest.mark.parametrize("chunk", [1, 50, 200, 1 << 20])
def test_nothing_that_began_since_is_missed_however_late_it_was_recorded(
    tmp_path: Path, chunk: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Streams last for hours, and a shipper that was away writes old events late and in any order."""
    monkeypatch.setattr(module, "CHUNK", chunk)
    chance = random.Random(3)
    recorded = sorted(chance.uniform(DAY, 4 * DAY) for _ in range(300))
    rows = [(end - chance.choice([0.01, 30.0, 20_000.0, 1.5 * DAY]), end) for end in recorded]
    stamped(tmp_path, *rows)
    for start in (0.0, DAY, 2.2 * DAY, 3.3 * DAY, 3.99 * DAY, 9 * DAY):
        expected = [number for number, (at, _) in enumerate(rows) if at >= start]
        assert numbers(EventTail(tmp_path).since(start)) == expected
        assert numbers(EventTail(tmp_path).last(1000, lambda _: True, start)) == expected
        assert numbers(EventTail(tmp_path).last(3, lambda _: True, start)) == expected[-3:]


def test_a_clock_that_was_set_back_hides_nothing(tmp_path: Path) -> None:
    stamped(tmp_path, (100.0, 100.0), (200.0, 200.0), (160.0, 160.0), (161.0, 161.0))
    assert numbers(EventTail(tmp_path).since(190.0)) == [1]
    assert numbers(EventTail(tmp_path).last(9, lambda _: True, 190.0)) == [1]


def test_events_from_before_there_were_stamps_are_found_among_those_with_one(tmp_path: Path) -> None:
    EventLog(tmp_path).append([{"n": "old", "at": 5.0}], 5.0)
    stamped(tmp_path, (6.0, 6.0), (500.0, 500.0))
    assert numbers(EventTail(tmp_path).since(1.0)) == ["old", 0, 1]
    assert numbers(EventTail(tmp_path).last(9, lambda _: True, 450.0)) == [1]


def test_the_last_none_are_none_and_a_line_half_written_comes_whole(tmp_path: Path) -> None:
    history(tmp_path, 1, 2)
    path = tmp_path / "1970-01-01.jsonl"
    whole = b'{"n":"late"}\n'
    with path.open("ab") as file:
        file.write(whole[:5])
    tail = EventTail(tmp_path)
    assert tail.last(0, lambda _: True) == []
    with path.open("ab") as file:
        file.write(whole[5:])
    assert numbers(tail.read()) == ["late"]


def test_an_event_is_found_by_its_id_or_its_requests_and_not_by_a_part(tmp_path: Path) -> None:
    log = EventLog(tmp_path)
    for day in range(3):
        log.append(
            [{"id": f"evt_{day}{n}", "request_id": f"r{day}{n}", "model": "evt_99"} for n in range(9)], day * DAY
        )
    assert (EventTail(tmp_path).find("evt_13") or {}).get("request_id") == "r13"
    assert (EventTail(tmp_path).find("r25") or {}).get("id") == "evt_25"
    for key in ("evt_1", "r", "evt_99", "", '"', "nope"):
        assert EventTail(tmp_path).find(key) is None


def read_bytes() -> int:
    """Bytes that this process has read so far, by the kernel's count."""
    return int(Path("/proc/self/io").read_text().split()[1])


def test_what_is_asked_of_a_long_history_costs_what_is_answered(tmp_path: Path) -> None:
    """100,000 events of a day: the newest fifty, the last minutes and a rare user cost neither time nor memory."""
    filling = "x" * 700
    per_second = 5
    rows = [
        {"n": n, "at": n / per_second, "recorded_at": n / per_second + 0.1, "user": "ana" if n % 100 else "bo", "filling": filling}
        for n in range(100_000)
    ]  # fmt: skip
    EventLog(tmp_path).append(rows, 0.0)
    size = (tmp_path / "1970-01-01.jsonl").stat().st_size
    end = 100_000 / per_second

    def share(read: Callable[[EventTail], Iterable[dict[str, object]]]) -> tuple[int, float]:
        before = read_bytes()
        count = sum(1 for _ in read(EventTail(tmp_path)))
        return count, (read_bytes() - before) / size

    asked = {
        "newest": share(lambda tail: tail.last(50, lambda _: True)),
        "minutes": share(lambda tail: tail.last(100_000, lambda _: True, end - 300)),
        "forward": share(lambda tail: tail.since(end - 300)),
        "rare": share(lambda tail: tail.last(50, lambda event: event["user"] == "bo")),
    }
    assert {name: count for name, (count, _) in asked.items()} == {
        "newest": 50,
        "minutes": 1500,
        "forward": 1500,
        "rare": 50,
    }
    assert asked["newest"][1] < 0.03 and asked["minutes"][1] < 0.05, asked
    assert asked["forward"][1] < 0.1 and asked["rare"][1] < 0.1, asked
    tracemalloc.start()
    assert sum(1 for _ in EventTail(tmp_path).last(50, lambda event: event["user"] == "nobody")) == 0
    assert tracemalloc.get_traced_memory()[1] < 8 * module.CHUNK
    tracemalloc.stop()
