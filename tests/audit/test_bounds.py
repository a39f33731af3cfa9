"""What the shipper holds does not grow with the gateway's age."""

from __future__ import annotations

import time
from pathlib import Path

import orjson

from extproc.audit.merge import LATE_EDGE, Merger
from extproc.audit.shipper import Shipper
from extproc.audit.sources import EDGE_LOG
from extproc.audit.spool import SpoolWriter

HOUR = 3600.0


def test_what_is_held_stays_the_same_over_days(tmp_path: Path) -> None:
    logs = tmp_path / "logs"
    logs.mkdir()
    writer = SpoolWriter(tmp_path / "spool", "w", segment_bytes=2000)
    shipper = Shipper(tmp_path)
    sizes = []
    for hour in range(24 * 5):
        for n in range(10):
            key, at = f"{hour}-{n}", hour * HOUR
            writer.append({"k": "begin", "id": key, "at": at, "path": "/v1/x"})
            writer.append({"k": "end", "id": key, "outcome": "allowed"})
            lines = [{"k": "attempt", "id": key}, {"k": "edge", "id": key, "at": str(at), "path": "/v1/x"}]
            lines += [{"k": "attempt", "id": f"stray-{key}"}] if n == 0 else []
            lines = lines[:1] if n == 1 else lines  # Envoy was killed before it wrote
            with (logs / EDGE_LOG).open("ab") as file:
                file.writelines(orjson.dumps(line) + b"\n" for line in lines)
        shipper.turn(at)
        shipper.turn(at + 10)
        (logs / EDGE_LOG).rename(logs / f"edge-{hour:03}.log")
        shipper.turn(at + 20)
        files = len(list(logs.iterdir())) + len(list((tmp_path / "spool").iterdir()))
        sizes.append((len(shipper.merger.done), len(shipper.merger.pending), len(shipper.segments), files))
    writer.close()
    assert sizes[-1][0] < 24 * 5 * 10 / 2
    assert max(sizes[48:]) <= max(sizes[24:48])  # the second day is as full as any
    assert max(map(max, sizes[48:])) == max(map(max, sizes[24:48]))


def test_a_start_reads_no_event_file_that_no_entry_on_disk_can_be_in(tmp_path: Path) -> None:
    Shipper(tmp_path).events.append([{"request_id": "z"}], time.time())
    (tmp_path / "events" / "2020-01-01.jsonl").mkdir()  # fails where it is opened
    writer = SpoolWriter(tmp_path / "spool", "w")
    writer.append({"k": "begin", "id": "a", "path": "/v1/x"})
    Shipper(tmp_path)
    writer.close()


def test_attempts_that_nothing_else_comes_to_end_by_themselves() -> None:
    merger = Merger()
    merger.feed({"k": "attempt", "id": "a"}, 0.0)
    assert list(merger.finished(LATE_EDGE)) == [] and merger.pending
    assert list(merger.finished(LATE_EDGE + 1)) == [] and not merger.pending


def test_an_edge_that_is_a_day_late_makes_no_second_event_after_its_sources_are_gone(tmp_path: Path) -> None:
    logs = tmp_path / "logs"
    logs.mkdir()
    (logs / EDGE_LOG).touch()
    writer = SpoolWriter(tmp_path / "spool", "w")
    writer.append({"k": "begin", "id": "a", "at": 0.0, "path": "/v1/x"})
    writer.append({"k": "end", "id": "a", "outcome": "aborted"})
    writer.close()
    shipper = Shipper(tmp_path)
    written = [shipper.turn(now) for now in (0.0, 10.0)]
    assert not list((tmp_path / "spool").glob("*.seg"))
    (logs / EDGE_LOG).write_bytes(b'{"k":"edge","id":"a","path":"/v1/x"}\n')
    written += [shipper.turn(now) for now in (24 * HOUR, 24 * HOUR + 10)]
    assert written == [0, 1, 0, 0]
