"""TLS in front of the gateway: the seed page's nginx block as it stands, and its equivalents, all of them real."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import pairwise
from pathlib import Path

import httpx
import pytest
from container import Container
from front import CADDY, CLIENT, DEPLOY, HAP, IDE, SEED, Front, Proxy
from live import Providers, document, eventually

from extproc.config.values import Limits
from extproc.gateway.certs import ensure_dev_certificate
from extproc.gateway.demo import DemoProvider

PIECES = "word " * 40

LATER = [pytest.param(each, id=each.file, marks=pytest.mark.full) for each in (IDE, CADDY, HAP)]
PROXIES = [pytest.param(SEED, id=SEED.file), *LATER]


@dataclass
class Site:
    """A gateway on plain HTTP with a proxy before it, and a key."""

    front: Front
    gateway: Container
    provider: DemoProvider
    key: str

    def chat(self, text: str = "hello", **headers: str) -> httpx.Response:
        body = {"model": "demo", "messages": [{"role": "user", "content": text}]}
        with self.front.client() as client:
            return client.post("/v1/chat/completions", json=body, headers={**self.auth, **headers})

    @property
    def auth(self) -> dict[str, str]:
        return {"authorization": f"Bearer {self.key}"}

    def address_in_event(self, answer: httpx.Response) -> str:
        """What the audit trail says of where a request came from."""
        wanted = answer.headers["x-keeptrusts-request-id"]
        found: list[str] = []

        def told() -> bool:
            rows = self.gateway.execute("kt", "events", "tail", "--no-follow", "--json", "--since", "1d").stdout
            events = map(json.loads, rows.splitlines())
            found[:] = [event["client"] for event in events if event["request_id"] == wanted]
            return bool(found)

        eventually(told, "event")
        return found[0]


def site(
    stack: ExitStack, proxy: Proxy, tmp_path: Path, container: Path, providers: Providers, hops: int, text: str = ""
) -> Site:
    provider, port = providers.add()
    config = tmp_path / "policy-config.yaml"
    config.write_text(f"{document([port])}\nlimits: {{trusted_hops: {hops}}}\n")
    command = ("kt", "gateway", "run", "--listen", "127.0.0.1:41002")
    mounts = {"/etc/keeptrusts/policy-config.yaml": config}
    gateway = Container(container, {"PROVIDER_KEY": "sk-of-the-provider"}, command, mounts)
    gateway.up()
    stack.callback(gateway.down)
    certificate = ensure_dev_certificate(tmp_path / "tls", datetime.now(UTC))
    front = Front(proxy, tmp_path, gateway.port, certificate, text)
    stack.callback(front.stop)
    key = gateway.execute("kt", "tokens", "create", "--name", "ana").stdout.split()[0]
    made = Site(front, gateway, provider, key)
    eventually(lambda: [made.chat().status_code for _ in range(8)] == [200] * 8, "key in force")
    return made


@pytest.fixture
def stack(providers: Providers, container: Path) -> Iterator[ExitStack]:
    """Whatever was started is ended, before the fixtures that it uses are."""
    with ExitStack() as found:
        yield found


def arrivals(site: Site) -> list[float]:
    """When the pieces of a stream of some forty events, a tenth of a second apart at the provider, came in."""
    body = {"model": "demo-slow", "stream": True, "messages": [{"role": "user", "content": PIECES}]}
    times, text = [], ""
    with (
        site.front.client() as client,
        client.stream("POST", "/v1/chat/completions", json=body, headers=site.auth) as answer,
    ):
        assert answer.headers["content-type"].startswith("text/event-stream")
        for piece in answer.iter_text():
            times.append(time.monotonic())
            text += piece
    assert text.endswith("data: [DONE]\n\n")
    return times


@pytest.mark.parametrize("proxy", PROXIES)
def test_a_proxy_passes_streams_as_they_come_and_tells_the_clients_address(
    stack: ExitStack, proxy: Proxy, tmp_path: Path, container: Path, providers: Providers
) -> None:
    found = site(stack, proxy, tmp_path, container, providers, hops=1)
    answer = found.chat()
    assert answer.json()["choices"][0]["message"]["content"] == "You said: hello"
    assert found.address_in_event(answer) == CLIENT

    http2 = proxy is not SEED  # the page's block speaks HTTP/1.1 to clients
    with found.front.client(http2=http2) as client:
        listed = client.get("/v1/models", headers=found.auth)
    assert (listed.status_code, listed.http_version) == (200, "HTTP/2" if http2 else "HTTP/1.1")

    times = arrivals(found)
    gaps = [after - before for before, after in pairwise(times)]
    assert len(times) > 20, "buffered: it came in few pieces"
    assert sorted(gaps)[len(gaps) // 2] > 0.05, "buffered: most pieces came together"
    assert max(gaps) < 2.0

    spoofed = found.chat(
        **{"x-forwarded-for": "6.6.6.6", "x-real-ip": "6.6.6.6", "x-envoy-external-address": "6.6.6.6"}
    )
    assert found.address_in_event(spoofed) == CLIENT, "what a client says of itself counts for nothing"


def test_without_trusted_hops_the_proxy_itself_is_named_and_never_what_a_client_made_up(
    stack: ExitStack, tmp_path: Path, container: Path, providers: Providers
) -> None:
    found = site(stack, SEED, tmp_path, container, providers, hops=0)
    spoofed = found.chat(**{"x-forwarded-for": "6.6.6.6"})
    assert found.address_in_event(spoofed) not in ("6.6.6.6", CLIENT)


def test_with_trusted_hops_whoever_reaches_the_gateway_around_its_proxy_is_believed(
    stack: ExitStack, tmp_path: Path, container: Path, providers: Providers
) -> None:
    """Why docs/tls.md wants the gateway to listen where only the proxy is."""
    found = site(stack, SEED, tmp_path, container, providers, hops=1)
    body = {"model": "demo", "messages": [{"role": "user", "content": "hello"}]}
    headers = {**found.auth, "x-forwarded-for": "6.6.6.6"}
    url = f"http://127.0.0.1:{found.gateway.port}/v1/chat/completions"
    assert found.address_in_event(httpx.post(url, json=body, headers=headers)) == "6.6.6.6"


@pytest.mark.full
def test_a_proxy_that_buffers_is_found_out(
    stack: ExitStack, tmp_path: Path, container: Path, providers: Providers
) -> None:
    """The measure is worth something: with buffering on, the same stream comes in one piece."""
    text = (DEPLOY / SEED.file).read_text().replace("proxy_buffering off", "proxy_buffering on")
    assert len(arrivals(site(stack, SEED, tmp_path, container, providers, 1, text))) < 10


@pytest.mark.full
@pytest.mark.parametrize(("proxy", "status"), [(SEED, 413), (IDE, 200)], ids=["as the page has it", "for editors"])
def test_an_editors_long_request_needs_more_than_the_pages_block(
    stack: ExitStack, proxy: Proxy, status: int, tmp_path: Path, container: Path, providers: Providers
) -> None:
    found = site(stack, proxy, tmp_path, container, providers, hops=1)
    # 2.5 MB, of which nginx takes 1 unless told otherwise; the worker that gets it may hear of the key a second later
    eventually(lambda: found.chat("word " * 500_000).status_code == status, f"a {status}")


def test_every_proxys_patience_is_longer_than_the_gateways_but_for_the_pages() -> None:
    """Which of the two ends a silent stream decides whether the client hears why."""
    patience = int(Limits().stream_idle_timeout_seconds) + 30
    assert f"proxy_read_timeout {patience}s" in (DEPLOY / IDE.file).read_text()
    assert f"timeout server {patience}s" in (DEPLOY / HAP.file).read_text()
    assert f"client_max_body_size {Limits().max_body_bytes >> 20}m" in (DEPLOY / IDE.file).read_text()


def test_the_seed_pages_block_says_what_the_page_says() -> None:
    lines = [line.strip() for line in (DEPLOY / SEED.file).read_text().splitlines()]
    assert [line for line in lines if line.endswith((";", "{"))] == [
        "server {",
        "listen 443 ssl;",
        "server_name gateway.yourcompany.com;",
        "ssl_certificate /etc/ssl/certs/gateway.crt;",
        "ssl_certificate_key /etc/ssl/private/gateway.key;",
        "location / {",
        "proxy_pass http://localhost:41002;",
        "proxy_set_header Host $host;",
        "proxy_set_header X-Real-IP $remote_addr;",
        "proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for;",
        "proxy_set_header X-Forwarded-Proto $scheme;",
        "proxy_buffering off;",
        "proxy_cache off;",
        "proxy_read_timeout 300s;",
    ]
