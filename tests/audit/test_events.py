"""Reading events: from the start, from a time, backwards from the end."""

from __future__ import annotations

from pathlib import Path

import pytest

from extproc.audit import events as module
from extproc.audit.events import EventLog, EventTail

DAY = 86_400.0


def history(directory: Path, days: int, a_day: int) -> None:
    log = EventLog(directory)
    for day in range(days):
        log.append([{"n": day * a_day + n, "at": day * DAY + n, "odd": n % 2} for n in range(a_day)], day * DAY)


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
    assert [event["n"] for event in tail.since(DAY + 2)] == [6, 7, 8, 9, 10, 11]
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
