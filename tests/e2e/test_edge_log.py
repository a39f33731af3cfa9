"""The edge log of a running gateway is rotated, and no request's line is lost or counted twice."""

from __future__ import annotations

import os
import signal
import threading
from collections import Counter
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import httpx
import orjson
import pytest
from live import POLICIES, Gateway, Providers, eventually, start, stop

SMALL = f"limits: {{edge_log_bytes: 1024}}\n{POLICIES}"


@dataclass
class Load(threading.Thread):
    """Asks one thing after another and keeps every id it was shown."""

    gateway: Gateway
    stopping: threading.Event = field(default_factory=threading.Event)
    seen: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        super().__init__()

    __hash__ = threading.Thread.__hash__

    def run(self) -> None:
        body = {"model": "demo", "messages": [{"role": "user", "content": "hello"}]}
        while not self.stopping.is_set():
            with suppress(httpx.HTTPError), self.gateway.client() as http:
                while not self.stopping.is_set():
                    answer = http.post("/chat/completions", json=body)
                    if key := answer.headers.get("x-keeptrusts-request-id"):
                        self.seen.append(key)
                    self.stopping.wait(0.005)

    def end(self) -> None:
        self.stopping.set()
        self.join(60)


@dataclass
class Rotations:
    """The names under which logs were left, seen before the shipper deletes them."""

    directory: Path
    names: set[str] = field(default_factory=set)

    def reach(self, count: int) -> bool:
        self.names |= {path.name for path in self.directory.glob("edge-*.log")}
        return len(self.names) >= count


def rows(gateway: Gateway) -> list[dict[str, object]]:
    return [orjson.loads(line) for path in (gateway.state / "events").glob("*.jsonl") for line in path.open("rb")]


def settled(gateway: Gateway, seen: set[str]) -> list[dict[str, object]]:
    eventually(lambda: seen <= {str(row["request_id"]) for row in rows(gateway)}, "an event for every id", 30)
    eventually(lambda: not list((gateway.state / "logs").glob("edge-*.log")), "deleted logs", 30)
    return rows(gateway)


@pytest.mark.full
def test_no_line_is_lost_or_doubled_over_twenty_rotations(tmp_path: Path, providers: Providers) -> None:
    gateway = start(tmp_path, [providers.add()[1]], SMALL)
    rotations, loads = Rotations(gateway.state / "logs"), [Load(gateway) for _ in range(4)]
    for load in loads:
        load.start()
    try:
        eventually(lambda: rotations.reach(20), "twentieth rotation", 90)
    finally:
        for load in loads:
            load.end()
    seen = {key for load in loads for key in load.seen}
    events = settled(gateway, seen)
    stop(gateway)
    assert Counter(row["request_id"] for row in events).most_common(1)[0][1] == 1
    assert {row["decision"] for row in events} == {"allowed"}
    assert [row for row in events if row["duration_ms"] is None or not row["provider"]] == []


@pytest.mark.full
def test_rotation_survives_the_death_of_shipper_and_supervisor(tmp_path: Path, providers: Providers) -> None:
    port = providers.add()[1]
    gateway = start(tmp_path, [port], SMALL)
    rotations = Rotations(gateway.state / "logs")
    seen: set[str] = set()
    for turn in range(4):
        loads = [Load(gateway) for _ in range(2)]
        for load in loads:
            load.start()
        try:
            wanted = len(rotations.names) + 2
            eventually(partial(rotations.reach, wanted), "two more rotations", 60)
            if turn % 2:
                for pid in gateway.pids("extproc.audit.shipper"):
                    os.kill(pid, signal.SIGKILL)
            else:
                gateway.process.kill()
                gateway.process.wait(20)
        finally:
            for load in loads:
                load.end()
                seen.update(load.seen)
        if gateway.process.poll() is not None:
            gateway = start(tmp_path, [port], SMALL)
    events = settled(gateway, seen)
    stop(gateway)
    assert Counter(row["request_id"] for row in events).most_common(1)[0][1] == 1
    assert sorted(seen - {str(row["request_id"]) for row in events}) == []
