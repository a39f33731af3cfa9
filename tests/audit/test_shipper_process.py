"""The shipper as a process under its supervisor."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from extproc.audit.spool import SpoolWriter
from extproc.gateway.child import Child


def shipper(state: Path, said: list[str], patience: float = 10.0, **environ: str) -> Child:
    argv = [sys.executable, "-m", "extproc.audit.shipper", "--state-dir", str(state)]
    return Child("shipper", argv, {**os.environ, **environ}, said.append, heartbeat=True, patience=patience)


async def until(condition: Callable[[], object], what: str) -> None:
    due = time.monotonic() + 20
    while not condition():
        assert time.monotonic() < due, f"no {what}"
        await asyncio.sleep(0.02)


async def test_a_shipper_that_stands_still_is_replaced(tmp_path: Path) -> None:
    said: list[str] = []
    child = shipper(tmp_path, said, patience=2.0)
    await child.start(20)
    try:
        os.kill(child.pid, signal.SIGSTOP)
        await until(lambda: child.restarts == 1 and child.ready.is_set(), "another shipper")
    finally:
        await child.stop(5)
    assert any("has not answered for 2 s" in line for line in said)


@pytest.mark.full
async def test_a_collector_that_hangs_does_not_stop_the_shippers_heart_or_its_events(tmp_path: Path) -> None:
    (tmp_path / "logs").mkdir()
    (tmp_path / "logs" / "edge.log").write_bytes(b'{"k":"edge","id":"a","path":"/v1/x"}\n')
    with socket.create_server(("127.0.0.1", 0)) as silent:  # takes connections and never says a word
        endpoint = f"http://127.0.0.1:{silent.getsockname()[1]}"
        variables = {"OTEL_EXPORTER_OTLP_ENDPOINT": endpoint, "OTEL_EXPORTER_OTLP_PROTOCOL": "http/protobuf"}
        child = shipper(tmp_path, [], patience=2.0, **variables)
        await child.start(20)
        first = child.pid
        try:
            silent.settimeout(15)
            asked, _ = await asyncio.to_thread(silent.accept)  # the event is written, and its span is on the way
            for key in ("b", "c"):  # each waits for its end for two seconds
                writer = SpoolWriter(tmp_path / "spool", "w")
                writer.append({"k": "begin", "id": key, "path": "/v1/x"})
                writer.close()
                await until(lambda: not list((tmp_path / "spool").glob("*.seg")), "events while the collector hangs")
            asked.close()
            assert (child.restarts, child.pid) == (0, first)
        finally:
            await child.stop(5)
