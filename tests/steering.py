"""Gateways whose policy does as a request tells it, so that a test can act in the middle of a phase."""

from __future__ import annotations

import os
import signal
from dataclasses import dataclass
from pathlib import Path

import pytest
from live import Gateway, eventually

from extproc.gateway import admin

FOLDER = Path(__file__).parent / "steered"
POLICIES = """
policies:
  chain: [rbac, steered, dlp-filter, audit-logger]
policy:
  rbac: {deny_if_missing: []}
  steered: {}
  dlp-filter: {detect_patterns: ["ACME-[0-9]{6}"]}
  audit-logger: {}
"""


@dataclass(frozen=True, slots=True)
class Steering:
    """Where the policy writes that it was reached. Names are used once."""

    directory: Path

    def headers(self, name: str, stage: str, act: str) -> dict[str, str]:
        """Request headers that tell the policy what to do at `headers`, `input` or `output`."""
        return {"x-steer": f"{name} {stage} {act}"}

    def pid(self, name: str) -> int:
        """The process that was reached, once it was."""
        path = self.directory / name
        eventually(path.exists, f"policy reached for {name}")
        return int(path.read_text())

    def hit(self, name: str, number: signal.Signals) -> None:
        """Send a signal to the process that was reached."""
        os.kill(self.pid(name), number)


def steer(directory: Path, patch: pytest.MonkeyPatch) -> Steering:
    """Give the gateways that are started from now on the policy kind `steered`."""
    directory.mkdir()
    patch.setenv("PYTHONPATH", str(FOLDER))
    patch.setenv("KT_STEER", str(directory))
    return Steering(directory)


def unsized(gateway: Gateway) -> int:
    """The status of a chat that does not say how large it is, and so goes to the heavy worker."""
    body = b'{"model":"demo","messages":[{"role":"user","content":"hello"}]}'
    with gateway.client() as client:
        headers = {"content-type": "application/json"}
        return client.post("/chat/completions", content=iter([body]), headers=headers).status_code


def until_whole(gateway: Gateway, workers: int = 3) -> None:
    """Until all workers run, Envoy sees them healthy, and no request falls on one that is gone.

    Envoy needs up to two seconds to notice a loss, so a dozen answers in a row are the proof.
    """
    socket = gateway.state / "run" / "envoy-admin.sock"

    def is_whole() -> bool:
        return (
            len(gateway.pids("extproc.worker")) == workers
            and admin.healthy_workers(socket) == workers
            and all(gateway.chat().status_code == 200 and unsized(gateway) == 200 for _ in range(12))
        )

    eventually(is_whole, "whole gateway", 60)
