from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from extproc.audit.sources import Segment
from extproc.audit.spool import Damaged, SpoolWriter, frame, read_frames

ENTRIES = [{"id": str(n), "k": "begin", "text": "é" * n} for n in range(3)]
DATA = b"".join(map(frame, ENTRIES))


def entries(data: bytes, *, final: bool) -> list[object]:
    return [entry for _, entry in read_frames(data, final=final)]


def test_what_was_written_is_read() -> None:
    assert entries(DATA, final=True) == ENTRIES


@pytest.mark.parametrize("cut", range(len(DATA) + 1))
def test_a_torn_tail_is_left_for_later_and_named_once_the_writer_is_gone(cut: int) -> None:
    whole = entries(DATA[:cut], final=False)
    assert whole == ENTRIES[: len(whole)]
    rest = [entry for entry in entries(DATA[:cut], final=True) if isinstance(entry, Damaged)]
    assert len(rest) <= 1
    assert [entry for entry in entries(DATA[:cut], final=True) if not isinstance(entry, Damaged)] == whole


@pytest.mark.parametrize("place", range(0, len(frame(ENTRIES[0])) - 1, 3))
def test_a_damaged_frame_is_skipped_and_the_next_ones_are_read(place: int) -> None:
    damaged = bytearray(DATA)
    damaged[place] ^= 0xFF
    found = entries(bytes(damaged), final=True)
    assert isinstance(found[0], Damaged)
    assert found[-2:] == ENTRIES[1:]


def test_segments_turn_at_their_size_and_nothing_is_lost(tmp_path: Path) -> None:
    writer = SpoolWriter(tmp_path, "w", segment_bytes=100)
    for entry in ENTRIES * 3:
        writer.append(entry)
    writer.close()
    files = sorted(tmp_path.glob("*.seg"))
    assert len(files) > 2
    assert [entry for path in files for entry in Segment(path).read()] == ENTRIES * 3


def test_a_segment_is_final_only_when_its_writer_is_gone(tmp_path: Path) -> None:
    code = (
        "import sys, pathlib; from extproc.audit.spool import SpoolWriter\n"
        "w = SpoolWriter(pathlib.Path(sys.argv[1]), 'w'); w.append({'id': '1'}); print('up', flush=True); input()"
    )
    child = subprocess.Popen([sys.executable, "-c", code, str(tmp_path)], stdout=subprocess.PIPE, stdin=subprocess.PIPE)
    with child:
        assert child.stdout is not None and child.stdout.readline() == b"up\n"
        segment = Segment(next(tmp_path.glob("*.seg")))
        assert list(segment.read()) == [{"id": "1"}]
        assert not segment.final
        os.kill(child.pid, signal.SIGKILL)
        child.wait()
    assert list(segment.read()) == []
    assert segment.final
