"""A thousand requests in flight at once: each is answered with its own, and told once."""

from __future__ import annotations

import resource
import subprocess
import sys
from collections import Counter
from pathlib import Path
from typing import Any

import crowd
import orjson
import pytest
from limits import open_files
from live import Gateway, Providers, eventually, start, stop

from extproc.gateway.open_files import attainable

COUNT = 1000


def answered(gateway: Gateway) -> list[dict[str, Any]]:
    command = [sys.executable, crowd.__file__, gateway.base_url, str(gateway.ca), gateway.key, str(COUNT)]
    done = subprocess.run(command, capture_output=True, check=True, timeout=240)
    return [orjson.loads(line) for line in done.stdout.splitlines()]


def decisions(gateway: Gateway) -> list[tuple[str, str]]:
    """Request id and decision of every event there is, repeated ones too."""
    lines = (line for path in (gateway.state / "events").glob("*.jsonl") for line in path.open("rb"))
    return [(row["request_id"], row["decision"]) for row in map(orjson.loads, lines)]


@pytest.mark.full
def test_a_thousand_requests_at_once_are_each_answered_and_told_once(tmp_path: Path, providers: Providers) -> None:
    provider, port = providers.add(together=COUNT)
    with open_files(1024):  # as most shells have it
        gateway = start(tmp_path, [port])
    try:
        hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
        children = [pid for word in ("bootstrap.json", "extproc.worker", "shipper") for pid in gateway.pids(word)]
        assert [resource.prlimit(pid, resource.RLIMIT_NOFILE) for pid in children] == [
            (attainable(1024, hard), hard)
        ] * 5  # Envoy, two workers and the heavy one, the shipper
        rows = answered(gateway)
        assert [row for row in rows if row["status"] != 200] == []
        assert len(provider.requests) == COUNT  # it held the first until the last had come
        assert [row["said"] for row in rows] == [f"You said: {row['asked']}" for row in rows]
        kinds = Counter((row["http"], row["stream"]) for row in rows)
        assert kinds == {(http, stream): COUNT // 4 for http in ("HTTP/1.1", "HTTP/2") for stream in (False, True)}
        ids = {row["id"] for row in rows}
        assert len(ids) == COUNT
        eventually(lambda: ids <= {key for key, _ in decisions(gateway)}, "event for each", 60)
        assert gateway.chat().status_code == 200
    finally:
        stop(gateway)
    told = [each for each in decisions(gateway) if each[0] in ids]
    assert len(told) == COUNT and set(told) == {(key, "allowed") for key in ids}
    assert any("open files: limit raised from 1024" in line for line in gateway.lines)
