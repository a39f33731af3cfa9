"""Configuration changes under load: none fails a request, cuts a stream or lets a broken file have any effect."""

from __future__ import annotations

import os
import random
import signal
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import httpx
import orjson
import pytest
from live import Gateway, Providers, eventually, kt, start, stop

CHANGES = 50
SEED = int(os.environ.get("STORM_SEED", "7"))
WORKERS = "extproc.worker"
MARKER = "ACME-123456"
BROKEN = (
    "", "pack: [", "pack: {name: x}\n", "\tpack: x", "policies: {chain: [no-such-kind]}\n", "limits: {json_depth: 1}\n",
    "pack: &a {name: x, version: 1.0.0}\nproviders: *a\n",
)  # fmt: skip


def document(ports: dict[str, int], *more: str) -> str:
    """A configuration with these targets in order, which redacts the marker and `more`."""
    targets = "\n".join(
        f"    - {{id: {name}, provider: openai, base_url: 'http://127.0.0.1:{port}/{name}/v1',"
        f" secret_key_ref: {{env: PROVIDER_KEY}}}}"
        for name, port in ports.items()
    )
    patterns = orjson.dumps(["ACME-[0-9]{6}", *more]).decode()
    return f"""
pack: {{name: storm, version: 1.0.0}}
workflow_cache: {{enabled: false}}
providers:
  targets:
{targets}
policies: {{chain: [rbac, dlp-filter, audit-logger]}}
policy:
  rbac: {{deny_if_missing: []}}
  dlp-filter: {{detect_patterns: {patterns}}}
  audit-logger: {{}}
"""


def chat(text: str, model: str = "demo", **more: object) -> bytes:
    return orjson.dumps({"model": model, "messages": [{"role": "user", "content": text}], **more})


@dataclass
class Client(threading.Thread):
    """Asks without a pause; `model` demo-slow asks for streams of some seconds."""

    gateway: Gateway
    stopping: threading.Event
    model: str
    told: Counter[str] = field(default_factory=Counter)

    def __post_init__(self) -> None:
        super().__init__()

    __hash__ = threading.Thread.__hash__

    def run(self) -> None:
        stream = self.model == "demo-slow"
        body = chat(f"hello {MARKER} " * (8 if stream else 1), self.model, stream=stream)
        with self.gateway.client(http2=stream) as client:
            while not self.stopping.is_set():
                self.told[self.ask(client, body, stream)] += 1

    def ask(self, client: httpx.Client, body: bytes, stream: bool) -> str:
        try:
            reply = client.post("/chat/completions", content=body, headers={"content-type": "application/json"})
        except httpx.HTTPError as error:
            return repr(error)
        whole = reply.content.endswith(b"data: [DONE]\n\n") if stream else b"You said" in reply.content
        return "whole" if reply.status_code == 200 and whole else f"{reply.status_code} {reply.text[-300:]}"


@dataclass
class Storm:
    """Writes files as a hurried operator would: in place, by rename, broken, and with SIGHUPs in bursts."""

    gateway: Gateway
    ports: dict[str, int]
    chance: random.Random

    def change(self, number: int) -> None:
        path, text = self.gateway.config, self.text(number)
        if self.chance.random() < 0.5:
            path.write_text(text)
        else:
            draft = path.with_suffix(".draft")
            draft.write_text(text)
            draft.rename(path)
        for _ in range(self.chance.choice((0, 0, 1, 10))):
            self.gateway.process.send_signal(signal.SIGHUP)
        threading.Event().wait(self.chance.uniform(0, 1.2))

    def text(self, number: int) -> str:
        names = self.chance.sample(sorted(self.ports), self.chance.randint(1, len(self.ports)))
        good = document({name: self.ports[name] for name in names}, f"CASE-{number}-[0-9]+")
        if number % 2:
            return good
        return self.chance.choice((*BROKEN, good[: self.chance.randrange(1, len(good) // 2)]))


@pytest.fixture
def served(tmp_path: Path, providers: Providers) -> Iterator[tuple[Gateway, Providers, dict[str, int]]]:
    ports = {name: providers.add()[1] for name in "abc"}
    gateway = start(tmp_path, [1])
    gateway.config.write_text(document({"a": ports["a"]}))
    eventually(lambda: "reloaded: storm" in "".join(gateway.lines), "first reload")
    yield gateway, providers, ports
    stop(gateway)


@pytest.mark.full
def test_fifty_changes_under_load_fail_nothing_and_the_last_good_one_holds(
    served: tuple[Gateway, Providers, dict[str, int]],
) -> None:
    gateway, providers, ports = served
    stopping = threading.Event()
    clients = [Client(gateway, stopping, model) for model in ("demo",) * 4 + ("demo-slow",) * 4]
    pids = set(gateway.pids(WORKERS))
    for client in clients:
        client.start()
    try:
        storm = Storm(gateway, ports, random.Random(SEED))
        for number in range(CHANGES):
            storm.change(number)
        gateway.config.write_text(document({"c": ports["c"]}, "LAST-[0-9]+"))
        last = providers.all[2]

        def is_last() -> bool:
            before = len(last.requests)
            gateway.chat("LAST-1")
            return len(last.requests) > before and not any(b"LAST-1" in each.body for each in last.requests[before:])

        eventually(is_last, "last configuration in force", 30)
        gateway.config.write_text(BROKEN[1])
        refused = sum("refused" in line for line in gateway.lines)
        eventually(lambda: sum("refused" in line for line in gateway.lines) > refused, "refusal")
        assert is_last()
    finally:
        stopping.set()
        for client in clients:
            client.join(60)
    told = sum((client.told for client in clients), Counter())
    assert set(told) == {"whole"}, told
    assert all(client.told["whole"] > 3 for client in clients)
    assert not any(MARKER.encode() in each.body for provider in providers.all for each in provider.requests)
    assert set(gateway.pids(WORKERS)) == pids  # no worker was lost to a signal or a file
    assert sum("reloaded" in line for line in gateway.lines) > CHANGES / 10
    assert sum("refused" in line for line in gateway.lines) > CHANGES / 10


@pytest.mark.full
def test_a_request_judged_before_a_target_left_is_still_sent_to_it(
    served: tuple[Gateway, Providers, dict[str, int]],
) -> None:
    gateway, providers, ports = served
    body = chat("hello")

    def reloaded() -> int:
        return sum("reloaded" in line for line in gateway.lines)

    def in_two() -> Iterator[bytes]:
        yield body[:20]
        before = reloaded()
        gateway.config.write_text(document({"b": ports["b"]}))
        eventually(lambda: reloaded() > before, "reload")
        yield body[20:]

    with gateway.client() as client:
        reply = client.post("/chat/completions", content=in_two(), headers={"content-type": "application/json"})
    assert reply.status_code == 200
    assert len(providers.all[0].requests) == 1 and providers.all[1].requests == []


@pytest.mark.full
def test_a_worker_that_dies_while_the_file_is_broken_comes_back_with_the_last_good_one(
    served: tuple[Gateway, Providers, dict[str, int]],
) -> None:
    gateway, providers, _ = served
    gateway.config.write_text(BROKEN[1])
    eventually(lambda: "refused" in "".join(gateway.lines), "refusal")
    old = gateway.pids(WORKERS)
    for pid in old:
        os.kill(pid, signal.SIGKILL)
    eventually(is_served(gateway), "answer from new workers", 30)
    assert not set(old) & set(gateway.pids(WORKERS))
    assert providers.all[0].requests
    assert kt("policy", "lint", "--file", str(gateway.config), check=False).returncode != 0


def is_served(gateway: Gateway) -> Callable[[], bool]:
    def asked() -> bool:
        try:
            return gateway.chat().status_code == 200
        except httpx.HTTPError:
            return False

    return asked
