"""kill -9 of any process at random instants under load: every id that a client saw has exactly one outcome."""

from __future__ import annotations

import json
import os
import random
import signal
import threading
import time
from collections import Counter
from contextlib import suppress
from pathlib import Path

import httpx
import pytest
from live import Gateway, Providers, eventually, start, stop

KILLS = 20
CLIENTS = 8
SEED = int(os.environ.get("KILLS_SEED", "20261124"))
WORDS = {"worker": "extproc.worker", "shipper": "extproc.audit.shipper", "envoy": "bootstrap.json"}


def ask_until(gateway: Gateway, stopping: threading.Event, seen: list[str]) -> None:
    """One client: asks again and again, and keeps the id of every answer that arrived whole."""
    body = {"model": "demo", "messages": [{"role": "user", "content": "hello"}]}
    while not stopping.is_set():
        with suppress(httpx.HTTPError), gateway.client() as client:
            while not stopping.is_set():
                answer = client.post("/chat/completions", json=body)
                if "x-keeptrusts-request-id" in answer.headers:
                    seen.append(answer.headers["x-keeptrusts-request-id"])


def answers(gateway: Gateway) -> bool:
    try:
        return gateway.chat().status_code == 200
    except httpx.TransportError:
        return False


@pytest.mark.full
def test_every_id_that_a_client_saw_has_exactly_one_outcome(tmp_path: Path, providers: Providers) -> None:
    chance = random.Random(SEED)
    gateway = start(tmp_path, [providers.add()[1]])
    stopping, seen, killed = threading.Event(), list[str](), Counter[str]()
    clients = [threading.Thread(target=ask_until, args=(gateway, stopping, seen)) for _ in range(CLIENTS)]
    try:
        for client in clients:
            client.start()
        while killed.total() < KILLS:
            threading.Event().wait(chance.uniform(0.2, 1.5))
            name = chance.choice(sorted(WORDS))
            pids = gateway.pids(WORDS[name])
            if pids:
                with suppress(ProcessLookupError):
                    os.kill(chance.choice(pids), signal.SIGKILL)
                killed[name] += 1
        eventually(lambda: answers(gateway), "recovery", 60)
    finally:
        stopping.set()
        for client in clients:
            client.join(60)
    until = time.monotonic() + 30
    while set(seen) - set(gateway.events()) and time.monotonic() < until:
        threading.Event().wait(0.5)
    stop(gateway)
    rows = [json.loads(line) for path in (gateway.state / "events").glob("*.jsonl") for line in path.open()]
    counts = Counter(row["request_id"] for row in rows)
    print(f"seed {SEED}, {len(seen)} answers, kills {dict(killed)}, {Counter(row['decision'] for row in rows)}")
    assert len(seen) > 500
    assert [key for key, count in counts.items() if count > 1] == []
    assert sorted(set(seen) - set(counts)) == []
