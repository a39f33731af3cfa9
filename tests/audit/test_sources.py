from __future__ import annotations

from pathlib import Path

import pytest

from extproc.audit.sources import EdgeLog

LINES = b'{"id":"a","k":"edge"}\n{"id":"b","k":"edge"}\n'


@pytest.mark.parametrize("cut", range(len(LINES) + 1))
def test_lines_do_not_depend_on_how_they_arrive(tmp_path: Path, cut: int) -> None:
    path = tmp_path / "edge.log"
    log = EdgeLog(path)
    found = []
    for piece in (LINES[:cut], LINES[cut:]):
        with path.open("ab") as file:
            file.write(piece)
        found += [entry["id"] for entry in log.read()]
    assert found == ["a", "b"]


def test_a_line_behind_half_a_line_of_a_killed_envoy_is_read(tmp_path: Path) -> None:
    path = tmp_path / "edge.log"
    path.write_bytes(b'{"id":"a","k":"ed' + LINES)
    assert [entry["id"] for entry in EdgeLog(path).read()] == ["a", "b"]
