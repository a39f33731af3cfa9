from __future__ import annotations

from pathlib import Path

import pytest

from extproc.audit import sources as module
from extproc.audit.sources import EdgeLogs

LINES = b'{"id":"a","k":"edge"}\n{"id":"b","k":"edge"}\n'


@pytest.mark.parametrize("cut", range(len(LINES) + 1))
def test_lines_do_not_depend_on_how_they_arrive(tmp_path: Path, cut: int) -> None:
    path = tmp_path / "edge.log"
    logs = EdgeLogs(tmp_path)
    found = []
    for piece in (LINES[:cut], LINES[cut:]):
        with path.open("ab") as file:
            file.write(piece)
        found += [entry["id"] for entry in logs.read(0.0)]
    assert found == ["a", "b"]


def test_a_line_behind_half_a_line_of_a_killed_envoy_is_read(tmp_path: Path) -> None:
    path = tmp_path / "edge.log"
    path.write_bytes(b'{"id":"a","k":"ed' + LINES)
    assert [entry["id"] for entry in EdgeLogs(tmp_path).read(0.0)] == ["a", "b"]


def test_a_log_that_was_left_is_final_when_its_writer_let_go_and_not_before(tmp_path: Path) -> None:
    path = tmp_path / "edge.log"
    logs = EdgeLogs(tmp_path)
    with path.open("ab", buffering=0) as writer:
        writer.write(LINES[:30])
        found = [entry["id"] for entry in logs.read(0.0)]
        path.rename(tmp_path / "edge-1.log")
        path.write_bytes(b'{"id":"c","k":"edge"}\n')
        found += [entry["id"] for entry in logs.read(0.0)]
        assert not any(log.final for log in logs.logs.values())
        writer.write(LINES[30:])  # Envoy holds the old file a little longer
    found += [entry["id"] for entry in logs.read(0.0)]
    assert found == ["a", "c", "b"]
    assert {log.path.name: log.final for log in logs.logs.values()} == {"edge-1.log": True, "edge.log": False}
    logs.close()


@pytest.mark.parametrize("piece", [1, 7, 22, 23, 1000])
def test_what_is_read_does_not_depend_on_the_pieces(
    tmp_path: Path, piece: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "PIECE", piece)
    (tmp_path / "edge.log").write_bytes(LINES)
    found = [entry["id"] for entry in EdgeLogs(tmp_path).read(0.0)]
    assert found == (["a", "b"] if piece >= 22 else [])  # a longer line than a piece is passed over
