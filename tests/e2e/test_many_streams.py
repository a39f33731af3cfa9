"""Two thousand guarded streams at once, a value straddling two chunks of each: all redacted, and each told once."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from collections import Counter
from pathlib import Path

import crowd
import orjson
import pytest
from chunks import TAIL, says
from limits import open_files
from live import eventually
from measure import memory
from stage import staged

COUNT = 2000


@pytest.mark.full
def test_two_thousand_streams_at_once_are_each_redacted_and_told_once(tmp_path: Path) -> None:
    with open_files(8192), staged(tmp_path) as stage:  # the provider is in this process
        gateway = stage.gateway
        before = {pid: memory(pid)[0] for word in ("bootstrap.json", "extproc.worker") for pid in gateway.pids(word)}
        # no value is whole before every stream has begun
        stage.player.play(says("Write to ana"), asyncio.Barrier(COUNT), says(".lopez@exam"), says("ple.net now."), TAIL)
        command = [
            sys.executable,
            crowd.__file__,
            gateway.base_url,
            str(gateway.ca),
            gateway.key,
            str(COUNT),
            "streams",
        ]
        done = subprocess.run(command, capture_output=True, check=True, timeout=300)
        rows = [orjson.loads(line) for line in done.stdout.splitlines()]
        envoy, *workers = (memory(pid)[1] - before[pid] >> 20 for pid in before)
        print(f"peaks above rest: Envoy +{envoy} MiB, workers +{workers} MiB")
        assert Counter((row["status"], row.get("said")) for row in rows) == {
            (200, "Write to [EMAIL_REDACTED] now."): COUNT
        }
        ids = {row["id"] for row in rows}
        assert len(ids) == COUNT
        eventually(lambda: ids <= {row["request_id"] for row in gateway.rows()}, "event for each", 60)
    told = Counter((row["request_id"], row["decision"]) for row in gateway.rows())
    assert told == dict.fromkeys(((key, "redacted") for key in ids), 1)
    assert envoy < 384 and max(workers) < 128
