"""`kt conformance` against our own gateway: every client is content, and what it sent arrives as it sent it."""

from __future__ import annotations

import json
import os
import ssl
import subprocess
import sys
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from live import NO_CACHE, POLICIES, Gateway, Providers, serve, stop

from extproc.conformance.check import Ask, Client, Reply
from extproc.conformance.clients import CLIENTS
from extproc.conformance.exchange import Gateway as Asked
from extproc.conformance.models import subject
from extproc.conformance.runner import run
from extproc.dialects.cursor import as_chat
from extproc.gateway.certs import ensure_dev_certificate
from extproc.gateway.demo import DemoProvider

CORS = "cors: {allow_origins: ['vscode-file://vscode-app']}"
MODELS = {"gpt-x": "openai", "embed-x": "openai", "claude-x": "anthropic"}


def targets(port: int) -> str:
    rows = [
        f"    - {{id: {model}, provider: {provider}, base_url: 'http://127.0.0.1:{port}/v1', model: {model}}}"
        for model, provider in MODELS.items()
    ]
    return "\n".join(("providers:", "  targets:", *rows))


@pytest.fixture(scope="module")
def gateway(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Gateway, DemoProvider]]:
    providers = Providers()
    provider, port = providers.add()
    text = f"pack: {{name: test, version: 1.0.0}}\n{NO_CACHE}\n{targets(port)}\n{CORS}\n{POLICIES}"
    found = serve(tmp_path_factory.mktemp("gateway"), text)
    yield found, provider
    stop(found)
    providers.close()


def conformance(gateway: Gateway, *words: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "extproc", "conformance", "--url", gateway.base_url, *words]
    environ = {**os.environ, "KEEPTRUSTS_ACCESS_KEY": gateway.key, "SSL_CERT_FILE": str(gateway.ca)}
    return subprocess.run(command, env=environ, capture_output=True, text=True, check=False, timeout=120)


def test_every_client_passes_every_check(gateway: tuple[Gateway, DemoProvider]) -> None:
    done = conformance(gateway[0], "--json")
    report = json.loads(done.stdout)
    wrong = [
        (each["client"], check) for each in report["clients"] for check in each["checks"] if check["status"] != "ok"
    ]
    assert not wrong and (done.returncode, done.stderr) == (0, "")
    assert [each["client"] for each in report["clients"]] == [client.name for client in CLIENTS]


def test_a_certificate_that_nobody_trusts_is_said_to_be_that(
    gateway: tuple[Gateway, DemoProvider], tmp_path: Path
) -> None:
    ca = ensure_dev_certificate(tmp_path, datetime.now(UTC)).ca
    done = conformance(gateway[0], "--ca-file", str(ca))
    assert done.returncode == 3 and "its certificate is not trusted" in done.stderr and done.stdout == ""


@pytest.mark.parametrize("client", CLIENTS, ids=lambda client: client.name)
def test_what_a_client_sends_reaches_the_provider_as_it_is(
    gateway: tuple[Gateway, DemoProvider], client: Client
) -> None:
    found, provider = gateway
    begun = len(provider.requests)
    asks: list[Ask] = []
    root = found.base_url.removesuffix("/v1") + client.below
    asked = Asked(root, ssl.create_default_context(cafile=str(found.ca)), 30)

    def perform(ask: Ask) -> Reply:
        reply = asked.ask(ask)
        if reply.status == 200 and ask.method == "POST":
            asks.append(ask)
        return reply

    chosen = subject(client.speaks, tuple(MODELS), found.key)
    assert chosen is not None
    assert all(each.status == "ok" for each in run(client, chosen, perform, time.monotonic))
    received = provider.requests[begun:]
    assert len(received) == len(asks) > 0
    for ask, arrived in zip(asks, received, strict=True):
        headers = dict(arrived.headers)
        assert arrived.path == ask.path
        sent = as_chat(ask.body) if client.name == "cursor" else ask.body
        assert json.loads(arrived.body) == {**json.loads(sent), **_asked_for_usage(ask)}
        if not _asked_for_usage(ask):
            assert arrived.body == sent
        kept = [
            pair for pair in ask.headers if pair[0].startswith(("anthropic-", "x-stainless-", "x-codex-", "user-agent"))
        ]
        assert all(headers.get(name) == value for name, value in kept)
        assert found.key not in str(arrived)


def _asked_for_usage(ask: Ask) -> dict[str, object]:
    """What the gateway adds so that a stream's tokens are known, and takes out of the reply again."""
    body = json.loads(ask.body)
    adds = body.get("stream") and "stream_options" not in body and ask.path.endswith("completions")
    return {"stream_options": {"include_usage": True}} if adds else {}
