from __future__ import annotations

import os
import random
from pathlib import Path

import orjson
import pytest

from extproc.audit.events import EventTail
from extproc.audit.shipper import Shipper
from extproc.audit.spool import SpoolWriter


def test_a_shipper_that_starts_again_at_any_moment_writes_each_event_once(tmp_path: Path) -> None:
    chance = random.Random(7)
    (tmp_path / "logs").mkdir()
    writer = SpoolWriter(tmp_path / "spool", "w", segment_bytes=2000)
    edge = tmp_path / "logs" / "edge.log"
    shipper = Shipper(tmp_path)
    for number in range(200):
        key = f"r{number}"
        writer.append({"k": "begin", "id": key, "at": 1.0, "path": "/v1/x"})
        writer.append({"k": "end", "id": key, "outcome": "allowed"})
        with edge.open("ab") as file:
            file.write(orjson.dumps({"k": "edge", "id": key, "path": "/v1/x"}) + b"\n")
        if chance.random() < 0.3:
            shipper.turn(float(number))
        if chance.random() < 0.2:
            shipper = Shipper(tmp_path)  # as after kill -9: nothing but the files is left
    writer.close()
    shipper.turn(300.0)
    ids = [event["request_id"] for event in EventTail(tmp_path / "events").read()]
    assert sorted(map(str, ids)) == sorted(f"r{n}" for n in range(200))


def test_a_segment_is_deleted_once_all_its_requests_have_an_event(tmp_path: Path) -> None:
    writer = SpoolWriter(tmp_path / "spool", "w")
    writer.append({"k": "begin", "id": "a"})
    writer.append({"k": "end", "id": "a", "outcome": "aborted"})
    writer.append({"k": "begin", "id": "b"})
    writer.close()
    shipper = Shipper(tmp_path)
    shipper.turn(0.0)
    assert list((tmp_path / "spool").glob("*.seg"))
    shipper.turn(10.0)
    assert not list((tmp_path / "spool").glob("*.seg"))
    assert {e["decision"] for e in EventTail(tmp_path / "events").read()} == {"aborted", "interrupted"}


def test_a_torn_line_of_a_killed_shipper_is_mended(tmp_path: Path) -> None:
    shipper = Shipper(tmp_path)
    shipper.events.append([{"request_id": "a"}], 0.0)
    path = next((tmp_path / "events").glob("*.jsonl"))
    path.write_bytes(path.read_bytes() + b'{"request_id":"b"')
    Shipper(tmp_path)
    assert path.read_bytes() == b'{"request_id":"a"}\n'


def test_an_exchange_that_outlives_its_writers_segment_is_not_taken_for_interrupted(tmp_path: Path) -> None:
    writer = SpoolWriter(tmp_path / "spool", "w", segment_bytes=200)
    (tmp_path / "logs").mkdir()
    (tmp_path / "logs" / "edge.log").write_bytes(b'{"k":"edge","id":"long","path":"/v1/x"}\n')
    writer.append({"k": "begin", "id": "long"})
    for number in range(9):  # each turns the page
        writer.append({"k": "begin", "id": f"r{number}", "filler": "x" * 150})
        writer.append({"k": "end", "id": f"r{number}", "outcome": "allowed"})
    shipper = Shipper(tmp_path)
    shipper.turn(0.0)
    shipper.turn(1.9)  # an edge without an end waits END_WAIT, so nothing may have decided yet
    writer.append({"k": "end", "id": "long", "outcome": "blocked"})
    writer.close()
    for now in (2.0, 20.0):
        shipper.turn(now)
    decisions = {e["request_id"]: e["decision"] for e in EventTail(tmp_path / "events").read()}
    assert decisions == {"long": "blocked", **{f"r{number}": "allowed" for number in range(9)}}
    assert not list((tmp_path / "spool").glob("*.seg"))


def test_a_stream_without_an_edge_lives_as_long_as_its_writer(tmp_path: Path) -> None:
    writer = SpoolWriter(tmp_path / "spool", "w", segment_bytes=200)
    writer.append({"k": "begin", "id": "long"})
    writer.append({"k": "begin", "id": "other", "filler": "x" * 150})
    shipper = Shipper(tmp_path)
    for now in (0.0, 1000.0):
        assert shipper.turn(now) == 0
    writer.close()
    shipper.turn(1001.0)
    shipper.turn(1010.0)
    decisions = {e["request_id"]: e["decision"] for e in EventTail(tmp_path / "events").read()}
    assert decisions == {"long": "interrupted", "other": "interrupted"}


def test_events_that_cannot_be_written_are_kept_with_their_sources(tmp_path: Path) -> None:
    full = tmp_path / "events" / "1970-01-01.jsonl"
    writer = SpoolWriter(tmp_path / "spool", "w")
    writer.append({"k": "begin", "id": "a"})
    writer.append({"k": "end", "id": "a", "outcome": "allowed"})
    writer.close()
    shipper = Shipper(tmp_path)
    full.symlink_to("/dev/full")  # every write says ENOSPC
    shipper.turn(0.0)
    for now in (10.0, 11.0):
        with pytest.raises(OSError, match="No space left"):
            shipper.turn(now)
    assert list((tmp_path / "spool").glob("*.seg"))
    full.unlink()
    shipper.turn(12.0)
    assert [event["request_id"] for event in EventTail(tmp_path / "events").read()] == ["a"]
    assert not list((tmp_path / "spool").glob("*.seg"))


def test_a_write_that_failed_half_way_is_repeated_byte_for_byte(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A reader may have seen the first half, and goes on behind it."""
    writer = SpoolWriter(tmp_path / "spool", "w")
    writer.append({"k": "begin", "id": "a", "at": 1.0})
    writer.append({"k": "end", "id": "a", "outcome": "allowed"})
    writer.close()
    shipper = Shipper(tmp_path)
    shipper.turn(0.0)
    tried: list[bytes] = []
    write = os.write
    monkeypatch.setattr(os, "write", lambda fd, data: tried.append(data) or write(fd, data[: len(data) // 2]))
    with pytest.raises(OSError, match="short write"):
        shipper.turn(10.0)
    monkeypatch.setattr(os, "write", lambda fd, data: tried.append(data) or write(fd, data))
    shipper.turn(20.0)
    assert len(tried) == 2 and tried[0] == tried[1]
    (event,) = EventTail(tmp_path / "events").read()
    assert event["recorded_at"] == 10.0
