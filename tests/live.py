"""A real gateway for tests: `kt gateway run` with real Envoy, TLS, and demo providers in this process."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import socket
import ssl
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx

from extproc.detect.databases import keep_on
from extproc.gateway.demo import DemoProvider
from extproc.pattern_shelf import PatternShelf

POLICIES = """
policies:
  chain: [rbac, prompt-injection, dlp-filter, audit-logger]
policy:
  rbac: {deny_if_missing: []}
  prompt-injection: {}
  dlp-filter: {detect_patterns: ["ACME-[0-9]{6}"]}
  audit-logger: {}
"""


_KEPT = tempfile.TemporaryDirectory(prefix="kt-patterns-")
keep_on(PatternShelf(Path(_KEPT.name)))


def share_patterns(state: Path) -> None:
    """Let a gateway read what another one of this run compiled: each would take seconds of two cores for the same."""
    (Path(_KEPT.name) / "patterns").mkdir(exist_ok=True, mode=0o700)
    state.mkdir(parents=True, exist_ok=True, mode=0o700)
    kept = state / "patterns"
    if not kept.is_symlink():
        kept.symlink_to(Path(_KEPT.name) / "patterns")


@dataclass
class Providers:
    """Demo providers on a loop of their own, so that tests may block."""

    loop: asyncio.AbstractEventLoop = field(default_factory=asyncio.new_event_loop)

    def __post_init__(self) -> None:
        self.thread = threading.Thread(target=self.loop.run_forever, daemon=True)
        self.thread.start()
        self.all: list[DemoProvider] = []

    def add(self, fault: str = "", together: int = 0) -> tuple[DemoProvider, int]:
        provider = DemoProvider(fault=fault, together=together)
        self.all.append(provider)
        return provider, asyncio.run_coroutine_threadsafe(provider.start(), self.loop).result(5)

    def close(self) -> None:
        for provider in self.all:
            asyncio.run_coroutine_threadsafe(provider.stop(), self.loop).result(5)
        asyncio.run_coroutine_threadsafe(self._rest(), self.loop).result(5)
        self.loop.call_soon_threadsafe(self.loop.stop)
        self.thread.join(5)

    async def _rest(self) -> None:
        """End the connections that are still served, so that nothing outlives the loop."""
        serving = asyncio.all_tasks() - {asyncio.current_task()}
        for task in serving:
            task.cancel()
        await asyncio.gather(*serving, return_exceptions=True)


@dataclass
class Gateway:
    """A running gateway and how to talk to it."""

    process: subprocess.Popen[str]
    state: Path
    config: Path
    port: int
    key: str
    lines: list[str]

    @property
    def base_url(self) -> str:
        return f"https://localhost:{self.port}/v1"

    @property
    def ca(self) -> Path:
        return self.state / "tls" / "ca.pem"

    def client(self, *, http2: bool = False) -> httpx.Client:
        context = ssl.create_default_context(cafile=str(self.ca))
        headers = {"authorization": f"Bearer {self.key}"}
        return httpx.Client(base_url=self.base_url, verify=context, http2=http2, headers=headers, timeout=30)

    def chat(self, text: str = "hello", **more: object) -> httpx.Response:
        body = {"model": "demo", "messages": [{"role": "user", "content": text}], **more}
        with self.client() as client:
            return client.post("/chat/completions", json=body)

    def events(self) -> dict[str, dict[str, object]]:
        rows = kt("events", "tail", "--no-follow", "--json", "--limit", "100000", "--state-dir", str(self.state)).stdout
        return {row["request_id"]: row for row in map(json.loads, rows.splitlines())}

    def rows(self) -> list[dict[str, Any]]:
        """Every event as it was written, one that was written twice too."""
        files = sorted((self.state / "events").glob("*.jsonl"))
        return [json.loads(line) for path in files for line in path.open("rb")]

    def event(self, response: httpx.Response) -> dict[str, object]:
        key = response.headers["x-keeptrusts-request-id"]
        eventually(lambda: key in self.events(), f"an event for {key}")
        return self.events()[key]

    def pids(self, module: str) -> list[int]:
        """The processes of this gateway whose command line holds a word."""
        found = []
        for path in Path("/proc").glob("[0-9]*/cmdline"):
            with suppress(OSError):
                line = path.read_bytes().replace(b"\0", b" ").decode("utf-8", "replace")
                if module in line and str(self.state) in line and "gateway run" not in line:
                    found.append(int(path.parent.name))
        return found


def kt(*arguments: str, check: bool = True) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "extproc", *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=check, timeout=60)


def eventually(condition: Callable[[], object], what: str, seconds: float = 20) -> None:
    """Until a condition of the running system holds; the pause only spares the processor."""
    until = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < until, f"no {what} within {seconds} s"
        threading.Event().wait(0.05)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def start(root: Path, ports: list[int], policies: str = POLICIES, *flags: str) -> Gateway:
    """Start a gateway with one target per port, in order, and a key for it."""
    return serve(root, document(ports, policies), *flags)


def serve(root: Path, text: str, *flags: str) -> Gateway:
    """Start a gateway with this configuration, and a key for it."""
    state, config, port = root / "state", root / "policy-config.yaml", free_port()
    config.write_text(text)
    share_patterns(state)
    key = json.loads(
        kt("tokens", "create", "--name", "ana", "--team", "payments", "--json", "--state-dir", str(state)).stdout
    )
    command = [sys.executable, "-m", "extproc", "gateway", "run", "--dev-tls", "--listen", f"127.0.0.1:{port}"]
    command += ["--policy-config", str(config), "--state-dir", str(state), "--workers", "2", *flags]
    environ = {**os.environ, "PROVIDER_KEY": "sk-secret-of-the-provider"}
    process = subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, env=environ, cwd=root
    )
    gateway = Gateway(process, state, config, port, key["key"], [])
    threading.Thread(target=lambda: gateway.lines.extend(process.stdout or ()), daemon=True).start()
    eventually(
        lambda: any("gateway ready" in line for line in gateway.lines) or process.poll() is not None, "ready", 60
    )
    assert process.poll() is None, "".join(gateway.lines)
    return gateway


NO_CACHE = "workflow_cache: {enabled: false}"
"""Tests ask the same question often and mean to reach a provider each time."""


def document(ports: list[int], policies: str = POLICIES, cache: str = NO_CACHE) -> str:
    targets = "\n".join(
        f"    - {{id: t{n}, provider: openai, base_url: 'http://127.0.0.1:{port}{'/other' * n}/v1',"
        f" secret_key_ref: {{env: PROVIDER_KEY}}, api_key_header: {'x-api-key' if n % 2 else 'authorization'},"
        f" api_key_prefix: '{'' if n % 2 else 'Bearer '}'}}"
        for n, port in enumerate(ports)
    )
    return f"pack: {{name: test, version: 1.0.0}}\n{cache}\nproviders:\n  targets:\n{targets}\n{policies}"


def stop(gateway: Gateway) -> None:
    with suppress(ProcessLookupError):
        gateway.process.send_signal(signal.SIGTERM)
    gateway.process.wait(60)
    if gateway.process.stdout:
        gateway.process.stdout.close()
