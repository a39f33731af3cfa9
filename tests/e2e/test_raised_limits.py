"""Limits that a reload raises hold in the workers that run, without a restart of anything."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import orjson
import pytest
from live import POLICIES, Gateway, Providers, document, eventually, start, stop

from extproc.gateway.demo import DemoProvider

SMALL, LARGE = 1 << 20, 10 << 20
"""Apart by more than any head-room."""


@pytest.fixture
def small(tmp_path: Path, providers: Providers) -> Iterator[tuple[Gateway, DemoProvider, int]]:
    provider, port = providers.add()
    gateway = start(tmp_path, [port], limited(SMALL))
    yield gateway, provider, port
    stop(gateway)


def limited(size: int) -> str:
    return f"{POLICIES}limits: {{max_body_bytes: {size}, max_response_bytes: {size}}}\n"


@pytest.mark.full
def test_a_body_limit_that_is_raised_holds_at_once_in_both_directions(small: tuple[Gateway, DemoProvider, int]) -> None:
    gateway, provider, port = small
    said = "word " * (LARGE // 5 - 1000)
    assert gateway.chat(said).status_code == 413
    pids = set(gateway.pids("extproc.worker"))
    gateway.config.write_text(document([port], limited(LARGE)))
    eventually(lambda: any("reloaded" in line for line in gateway.lines), "reload")
    with gateway.client() as client:
        for _ in range(6):  # both workers
            body = orjson.dumps({"model": "demo", "messages": [{"role": "user", "content": said}]})
            reply = client.post("/chat/completions", content=body, headers={"content-type": "application/json"})
            assert reply.status_code == 200, reply.text
            assert provider.requests.pop().body == body
            assert reply.json()["choices"][0]["message"]["content"] == f"You said: {said}"
    assert set(gateway.pids("extproc.worker")) == pids
    assert gateway.chat(said * 2).status_code == 413
