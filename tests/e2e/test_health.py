"""`kt health` on a gateway that serves, drains and is gone."""

from __future__ import annotations

import json
import signal
from pathlib import Path

from live import POLICIES, Providers, eventually, kt, start, stop

from extproc.cli import exit_codes


def asked(state: Path) -> tuple[int, dict[str, object]]:
    done = kt("health", "--json", "--state-dir", str(state), check=False)
    found: dict[str, object] = json.loads(done.stdout)
    return done.returncode, found


def test_a_gateway_is_ready_until_it_drains(tmp_path: Path, providers: Providers) -> None:
    _, port = providers.add()
    limits = "limits: {shutdown_grace_seconds: 20}"
    gateway = start(tmp_path, [port], f"{POLICIES}\n{limits}")
    try:
        code, found = asked(gateway.state)
        assert (code, found["ready"], found["listen"]) == (exit_codes.OK, True, f"127.0.0.1:{gateway.port}")
        with gateway.client() as client:
            body = {"model": "demo-stall", "stream": True, "messages": [{"role": "user", "content": "a b c d e f g"}]}
            with client.stream("POST", "/chat/completions", json=body) as answer:
                assert answer.status_code == 200
                gateway.process.send_signal(signal.SIGTERM)
                eventually(lambda: asked(gateway.state)[0] == exit_codes.FAILED, "draining")
                _, found = asked(gateway.state)
                assert (found["ready"], found["running"]) == (False, True) and "draining" in str(found["message"])
    finally:
        stop(gateway)
    code, found = asked(gateway.state)
    assert (code, found["running"], found["listen"]) == (exit_codes.MISSING, False, None)
