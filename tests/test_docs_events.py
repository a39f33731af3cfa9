"""docs/events.md says what is true of a real event."""

from __future__ import annotations

from pathlib import Path

from event_docs import agree, rows

from extproc.audit.events import EventTail
from extproc.audit.filters import FILTERS
from extproc.audit.merge import VERDICTS
from extproc.audit.shipper import Shipper
from extproc.audit.spool import SpoolWriter
from extproc.audit.table import COLUMNS


def event(state: Path, *entries: dict[str, object]) -> dict[str, object]:
    """One event as the shipper writes it."""
    writer = SpoolWriter(state / "spool", "w")
    for entry in entries:
        writer.append({"id": "r1", "at": 1.0, "path": "/v1/x", **entry})
    writer.close()
    shipper = Shipper(state)
    shipper.turn(0.0)
    shipper.turn(100.0)
    (found,) = EventTail(state / "events").read()
    return found


def test_every_field_is_there_and_described_with_its_type(tmp_path: Path) -> None:
    end: dict[str, object] = {
        "k": "end",
        "outcome": "allowed",
        "status": 200,
        "usage": {"input_tokens": 1, "output_tokens": 1},
    }
    agree(event(tmp_path / "whole", {"k": "begin"}, {**end, "model": "gpt-4o", "cache_hit": True, "cache": "hit"}))
    agree(event(tmp_path / "torn", {"k": "begin"}))


def test_the_filters_the_verdicts_and_the_columns_are_those_that_exist() -> None:
    assert [name for name, _ in rows("Filters")] == list(FILTERS)
    assert {decision: verdict for decision, verdict, _ in rows("Verdicts")} == dict(VERDICTS)
    assert set(COLUMNS) <= {name for name, *_ in rows("Fields")}
