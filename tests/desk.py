"""A developer's desk: a client that is set up with exactly what `kt connect` prints, in a home and a scratch directory of
its own, before a gateway that guards; behind that is the demo provider, and no way out leads elsewhere.
"""

from __future__ import annotations

import json
import os
import shlex
import signal
import socketserver
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from live import Gateway, Providers, eventually, kt, serve, stop

from extproc.gateway.demo import DemoProvider

MODEL = "demo"
SECRET = "ACME-123456"
BLOCKED = "The text holds data that must not leave."
_SECONDS = 120


@dataclass(frozen=True, slots=True)
class Ran:
    """How a command ended and what it wrote."""

    status: int
    out: str
    err: str

    def rows(self) -> list[dict[str, Any]]:
        """The lines that are JSON objects."""
        return [json.loads(line) for line in self.out.splitlines() if line.startswith("{")]


@dataclass(frozen=True, slots=True)
class Desk:
    """`elsewhere` has every host that was asked for besides the gateway; none was reached."""

    gateway: Gateway
    provider: DemoProvider
    home: Path
    work: Path
    environ: dict[str, str]
    elsewhere: list[str]

    def run(self, *command: str, seconds: float = _SECONDS) -> Ran:
        """Run a command to its end. Raises TimeoutExpired, and leaves none of its processes then."""
        with subprocess.Popen(
            command,
            cwd=self.work,
            env=self.environ,
            text=True,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            start_new_session=True,
        ) as process:
            try:
                out, err = process.communicate(timeout=seconds)
            except subprocess.TimeoutExpired:
                os.killpg(process.pid, signal.SIGKILL)
                raise
        return Ran(process.returncode, out, err)

    def decisions(self, count: int) -> list[str]:
        """What became of each request, in order, once there are so many."""
        eventually(lambda: len(self.gateway.rows()) >= count, f"{count} events")
        return [row["decision"] for row in self.gateway.rows()]

    def sent(self) -> list[tuple[str, bytes]]:
        """The path and body of everything that has reached the provider."""
        return [(each.path, each.body) for each in self.provider.requests]


@contextmanager
def desk(
    root: Path,
    client: str,
    action: str = "redact",
    stage: str = "",
    *,
    status: int = 409,
    model: str = MODEL,
    cache: bool = False,
) -> Iterator[Desk]:
    """A desk with one client's settings.

    The guard takes this action where it sees the secret, at this stage or all; what it blocks has this HTTP status.
    """
    providers = Providers()
    provider, port = providers.add()
    guard = f"dlp-filter: {{stage: {stage}}}" if stage else "dlp-filter"
    ours = f"limits: {{block_status: {status}}}\nworkflow_cache: {{enabled: {str(cache).lower()}}}"
    gateway = serve(root, f"{ours}{_document(port, action, guard)}")
    home, work, scratch = root / "home", root / "work", root / "tmp"
    work.mkdir()
    scratch.mkdir()
    (work / "notes.txt").write_text(f"The customer is {SECRET}.\n")
    try:
        with _exit() as (proxy, elsewhere):
            environ = {
                "PATH": os.environ["PATH"],
                "HOME": str(home),
                "TERM": "dumb",
                "TMPDIR": str(scratch),
                **dict.fromkeys(("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"), proxy),
                "NO_PROXY": "localhost,127.0.0.1",
                **dict.fromkeys(("SSL_CERT_FILE", "NODE_EXTRA_CA_CERTS"), str(gateway.ca)),
                **_set_up(home, gateway, client, model),
            }
            yield Desk(gateway, provider, home, work, environ, elsewhere)
    finally:
        stop(gateway)
        providers.close()


def _document(port: int, action: str, guard: str) -> str:
    return f"""
pack: {{name: test, version: 1.0.0}}
providers:
  targets:
    - {{id: chat, provider: openai, base_url: 'http://127.0.0.1:{port}/v1', secret_key_ref: {{env: PROVIDER_KEY}}}}
    - {{id: claude, provider: anthropic, base_url: 'http://127.0.0.1:{port}', secret_key_ref: {{env: PROVIDER_KEY}}}}
policies:
  chain: [rbac, prompt-injection, {guard}, audit-logger]
policy:
  rbac: {{deny_if_missing: []}}
  prompt-injection: {{}}
  dlp-filter: {{detect_patterns: ["ACME-[0-9]{{6}}"], action: {action}}}
  audit-logger: {{}}
"""


def _set_up(home: Path, gateway: Gateway, client: str, model: str) -> dict[str, str]:
    """Do what `kt connect` says: write its files, and return its variables."""
    key = home.with_name("key")
    key.write_text(gateway.key)
    command = ("connect", client, "--url", gateway.base_url, "--key-file", str(key), "--model", model, "--json")
    environ: dict[str, str] = {}
    for setting in json.loads(kt(*command).stdout)["settings"]:
        where, text = setting["where"], setting["text"]
        if where.startswith("~/"):
            path = home / where.removeprefix("~/")
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
        else:
            environ.update(word.split("=", 1) for word in shlex.split(text) if word != "export")
    return environ


@contextmanager
def _exit() -> Iterator[tuple[str, list[str]]]:
    """A proxy that writes down who was asked for and lets nobody through."""
    asked: list[str] = []

    class Refusal(socketserver.StreamRequestHandler):
        def handle(self) -> None:
            asked.append(self.rfile.readline().decode("latin-1").split(" ")[1])
            self.wfile.write(b"HTTP/1.1 403 Forbidden\r\ncontent-length: 0\r\nconnection: close\r\n\r\n")

    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), Refusal) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_address[1]}", asked
        server.shutdown()
