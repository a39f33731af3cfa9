"""kill -9 of any process at random instants under load: every id that a client saw has exactly one outcome."""

from __future__ import annotations

import os
import random
import signal
import ssl
import threading
import time
from collections import Counter, defaultdict
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

import httpx
import orjson
import pytest
from collector import serving
from live import Gateway, Providers, eventually, start, stop

KILLS = int(os.environ.get("KILLS", "200"))
SEED = int(os.environ.get("KILLS_SEED", "20261124"))
CLIENTS = 12
WORDS = {"worker": "extproc.worker", "shipper": "extproc.audit.shipper", "envoy": "bootstrap.json"}


@dataclass
class Client(threading.Thread):
    """Asks again and again, in turn for a JSON reply, a stream and a reply to 50 KB; keeps every id it was shown."""

    gateway: Gateway
    stopping: threading.Event
    phase: str = "connecting"
    seen: list[str] = field(default_factory=list)
    whole: set[str] = field(default_factory=set)
    asked: int = 0

    def __post_init__(self) -> None:
        super().__init__()
        self.tls = ssl.create_default_context(cafile=str(self.gateway.ca))

    __hash__ = threading.Thread.__hash__

    def run(self) -> None:
        headers = {"authorization": f"Bearer {self.gateway.key}"}
        while not self.stopping.is_set():
            self.phase = "connecting"
            with (
                suppress(httpx.HTTPError),
                httpx.Client(base_url=self.gateway.base_url, verify=self.tls, headers=headers, timeout=30) as http,
            ):
                while not self.stopping.is_set():
                    self.ask(http)

    def ask(self, http: httpx.Client) -> None:
        self.asked += 1
        size = 50_000 if self.asked % 3 == 0 else 40
        body = {"model": "demo", "messages": [{"role": "user", "content": "hello " * (size // 6)}]}
        self.phase = "waiting"
        with http.stream("POST", "/chat/completions", json={**body, "stream": self.asked % 3 == 1}) as answer:
            self.phase = "reading"
            key = answer.headers.get("x-keeptrusts-request-id")
            if key:
                self.seen.append(key)
            answer.read()
            if key and answer.status_code == 200:
                self.whole.add(key)


def kill_one(gateway: Gateway, chance: random.Random) -> str:
    """The name of the process that was killed, or '' where it was not running."""
    name = chance.choice(sorted(WORDS))
    pids = gateway.pids(WORDS[name])
    with suppress(ProcessLookupError, IndexError):
        os.kill(chance.choice(pids), signal.SIGKILL)
        return name
    return ""


def answers(gateway: Gateway) -> bool:
    try:
        return gateway.chat().status_code == 200
    except httpx.TransportError:
        return False


@pytest.mark.full
def test_every_id_that_a_client_saw_has_exactly_one_outcome(
    tmp_path: Path, providers: Providers, monkeypatch: pytest.MonkeyPatch
) -> None:
    chance = random.Random(SEED)
    with serving() as (collector, endpoint):
        monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", endpoint)
        monkeypatch.setenv("OTEL_EXPORTER_OTLP_PROTOCOL", "grpc")
        gateway = start(tmp_path, [providers.add()[1]])
        stopping, killed, phases = threading.Event(), Counter[str](), Counter[str]()
        clients = [Client(gateway, stopping) for _ in range(CLIENTS)]
        try:
            for client in clients:
                client.start()
            until = time.monotonic() + 600
            while killed.total() < KILLS and time.monotonic() < until:
                threading.Event().wait(chance.uniform(0.1, 1.5))
                if name := kill_one(gateway, chance):
                    killed[name] += 1
                    phases.update(f"{name} while {client.phase}" for client in clients)
            eventually(lambda: answers(gateway), "recovery", 60)
        finally:
            stopping.set()
            for client in clients:
                client.join(60)
        seen = {key for client in clients for key in client.seen}
        until = time.monotonic() + 30
        while seen - set(gateway.events()) and time.monotonic() < until:
            threading.Event().wait(0.5)
        stop(gateway)
        outcomes: defaultdict[str, set[bytes]] = defaultdict(set)
        for span in collector.spans:
            names = {each.key: each.value for each in span.attributes}
            outcomes[names["keeptrusts.request.id"].string_value].add(span.span_id)
    rows = [orjson.loads(line) for path in (gateway.state / "events").glob("*.jsonl") for line in path.open("rb")]
    counts = Counter(row["request_id"] for row in rows)
    decisions = {row["request_id"]: row["decision"] for row in rows}
    whole = {key for client in clients for key in client.whole}
    print(f"seed {SEED}, {sum(c.asked for c in clients)} requests, {len(seen)} ids seen, kills {dict(killed)}")
    print(f"outcomes {dict(Counter(decisions.values()))}; in flight when hit {dict(sorted(phases.items()))}")
    assert killed.total() == KILLS
    assert [key for key, count in counts.items() if count > 1] == []
    assert sorted(seen - set(counts)) == []
    assert {decisions[key] for key in whole} == {"allowed"}
    assert sorted(key for key in seen if len(outcomes[key]) != 1) == []
