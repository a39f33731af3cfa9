"""Every error that Envoy makes itself has the client's error shape and our request id."""

from __future__ import annotations

import json
import os
import signal
from pathlib import Path

import httpx
import pytest
from live import Gateway, Providers, eventually, free_port, start, stop

from extproc.gateway.demo import DemoProvider


def is_shaped(answer: httpx.Response, status: int, code: str) -> None:
    assert answer.status_code == status
    assert answer.headers["content-type"] == "application/json"
    assert answer.headers["x-keeptrusts-request-id"]
    error = answer.json()["error"]
    assert set(error) == {"message", "type", "param", "code"}
    assert error["code"] == code


@pytest.mark.parametrize(("model", "status", "code"), [("demo-reset", 503, "unavailable")])
def test_a_provider_that_breaks_off_is_an_error_in_shape(
    demo: tuple[Gateway, DemoProvider], model: str, status: int, code: str
) -> None:
    is_shaped(demo[0].chat(model=model), status, code)


def test_an_error_of_envoys_own_is_on_record_before_the_client_reads_it(demo: tuple[Gateway, DemoProvider]) -> None:
    with demo[0].client() as client:
        answer = client.post(f"https://localhost:{demo[0].port}/{chr(233)}'nothing?q=secret", json={})
    assert answer.status_code == 404 and "x-kt-local" not in answer.headers
    lines = map(json.loads, (demo[0].state / "logs" / "edge.log").read_bytes().splitlines())
    found = [line for line in lines if line["id"] == answer.headers["x-keeptrusts-request-id"] and line["k"] == "local"]
    assert [(line["status"], line["method"], line["path"]) for line in found] == [(404, "POST", "/%C3%A9'nothing")]


def test_an_unknown_page_is_an_error_in_shape(demo: tuple[Gateway, DemoProvider]) -> None:
    with demo[0].client() as client:
        is_shaped(client.get(f"https://localhost:{demo[0].port}/elsewhere"), 404, "unknown_url")
        is_shaped(client.post("/nothing", json={}), 404, "unknown_url")


def test_a_body_above_the_limit_is_an_error_in_shape(demo: tuple[Gateway, DemoProvider]) -> None:
    with demo[0].client() as client:

        def endless() -> object:
            for _ in range(42):
                yield b" " * (1 << 20)

        try:
            answer = client.post("/chat/completions", content=endless())  # type: ignore[arg-type]
        except httpx.WriteError:
            pytest.fail("the connection was cut before the answer was read")
        is_shaped(answer, 413, "request_too_large")


def test_a_target_that_nobody_serves_is_an_error_in_shape(tmp_path: Path) -> None:
    gateway = start(tmp_path, [free_port()])
    try:
        answer = gateway.chat()
        is_shaped(answer, 503, "unavailable")
        assert gateway.event(answer)["decision"] == "error"
    finally:
        stop(gateway)


def test_without_workers_every_request_is_refused_and_recorded(tmp_path: Path, providers: Providers) -> None:
    provider, port = providers.add()
    gateway = start(tmp_path, [port])
    try:
        for pid in gateway.pids("extproc.worker"):
            os.kill(pid, signal.SIGSTOP)
        answer = gateway.chat()
        assert answer.status_code in (503, 504)
        is_shaped(answer, answer.status_code, answer.json()["error"]["code"])
        assert provider.requests == []
        eventually(lambda: gateway.chat().status_code == 200, "workers replaced by the watchdog", 40)
    finally:
        stop(gateway)
