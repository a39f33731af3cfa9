"""Large bodies have a worker of their own: what it does, or fails to do, holds up nobody else."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Iterator
from pathlib import Path

import httpx
import orjson
import pytest
from live import Gateway, Providers, document, eventually, serve, start, stop

LARGE = 1 << 20


@pytest.fixture
def gateway(tmp_path: Path, providers: Providers) -> Iterator[Gateway]:
    _, port = providers.add()
    started = start(tmp_path, [port])
    yield started
    stop(started)


def chat(size: int) -> bytes:
    """A chat of exactly so many bytes."""
    empty = orjson.dumps({"model": "demo", "messages": [{"role": "user", "content": ""}]})
    return orjson.dumps({"model": "demo", "messages": [{"role": "user", "content": "x" * (size - len(empty))}]})


def in_pieces(body: bytes) -> Iterator[bytes]:
    """Without a content-length."""
    yield from (body[at : at + 65_536] for at in range(0, len(body), 65_536))


def post(gateway: Gateway, content: bytes | Iterator[bytes], *, http2: bool = False) -> httpx.Response:
    with gateway.client(http2=http2) as client:
        client.timeout = httpx.Timeout(30)
        return client.post("/chat/completions", content=content, headers={"content-type": "application/json"})


def heavy_pid(gateway: Gateway) -> int:
    (pid,) = gateway.pids("worker-heavy.sock")
    return pid


def judged_by(gateway: Gateway, answer: httpx.Response) -> str:
    """The worker whose audit file has the request's entry."""
    wanted = answer.headers["x-keeptrusts-request-id"].encode()
    found: list[str] = []

    def is_written() -> bool:
        found[:] = [path.name for path in (gateway.state / "spool").glob("*.seg") if wanted in path.read_bytes()]
        return bool(found)

    eventually(is_written, "its entry")
    return found[0].rpartition("-")[0].rpartition("-")[0]


@pytest.mark.parametrize("http2", [False, True], ids=["http1", "http2"])
def test_a_body_that_is_large_or_does_not_say_how_large_goes_to_the_heavy_worker(gateway: Gateway, http2: bool) -> None:
    small, large = chat(LARGE), chat(LARGE + 1)
    assert judged_by(gateway, post(gateway, small, http2=http2)).startswith("worker-")
    assert judged_by(gateway, post(gateway, small, http2=http2)) != "worker-heavy"
    assert judged_by(gateway, post(gateway, large, http2=http2)) == "worker-heavy"
    assert judged_by(gateway, post(gateway, in_pieces(chat(100)), http2=http2)) == "worker-heavy"


def test_while_the_heavy_worker_stands_still_chats_go_on_and_large_bodies_fail_closed(gateway: Gateway) -> None:
    stuck: list[httpx.Response] = []
    os.kill(heavy_pid(gateway), signal.SIGSTOP)
    waiting = threading.Thread(target=lambda: stuck.append(post(gateway, chat(2 * LARGE))), daemon=True)
    waiting.start()
    assert [gateway.chat(f"hello {n}").status_code for n in range(20)] == [200] * 20
    waiting.join(30)
    assert stuck[0].status_code in (503, 504)
    assert set(stuck[0].json()["error"]) == {"message", "type", "param", "code"}
    assert gateway.event(stuck[0])["decision"] == "refused_by_envoy"
    eventually(lambda: post(gateway, chat(2 * LARGE)).status_code == 200, "a heavy worker again", 40)


@pytest.mark.full
def test_the_lane_is_moved_and_closed_by_a_reload(tmp_path: Path, providers: Providers) -> None:
    _, port = providers.add()
    text = document([port])
    gateway = serve(tmp_path, text + "limits: {heavy_body_bytes: 5000}\n")
    try:
        assert judged_by(gateway, post(gateway, chat(6_000))) == "worker-heavy"
        gateway.config.write_text(text + "limits: {heavy_body_bytes: 0}\n")
        eventually(lambda: any("reloaded" in line for line in gateway.lines), "a reload")
        eventually(lambda: judged_by(gateway, post(gateway, in_pieces(chat(6_000)))) != "worker-heavy", "no lane")
    finally:
        stop(gateway)
