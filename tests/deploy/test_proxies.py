"""TLS in front of the gateway: the seed page's nginx block as it stands, and its equivalents, all of them real."""

from __future__ import annotations

import json
import ssl
import subprocess
import time
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import pairwise
from pathlib import Path

import debian
import httpx
import pytest
from container import Container
from live import Providers, document, eventually, free_port

from extproc.config.values import Limits
from extproc.gateway.certs import DevCertificate, ensure_dev_certificate
from extproc.gateway.demo import DemoProvider

DEPLOY = Path(__file__).parents[2] / "deploy"
PIECES = "word " * 40
CLIENT = "127.0.0.77"
"""From where the tests ask: the whole of 127.0.0.0/8 is this machine."""


@dataclass(frozen=True)
class Proxy:
    """A real proxy: its packages, its program, its own file, and how it is told to use that file."""

    file: str
    packages: tuple[str, ...]
    program: str
    arguments: tuple[str, ...]


NGINX = ("nginx", "nginx-common", "libpcre2-8-0", "libssl3", "zlib1g", "libcrypt1")
HAPROXY = ("haproxy", "liblua5.3-0", "libopentracing-c-wrapper0", "libopentracing1", "libpcre2-8-0", "libssl3")
SEED = Proxy("nginx/gateway.conf", NGINX, "usr/sbin/nginx", ("-e", "stderr", "-c", "FILE", "-g", "daemon off;"))
IDE = Proxy("nginx/gateway-ide.conf", NGINX, SEED.program, SEED.arguments)
CADDY = Proxy("caddy/Caddyfile", ("caddy",), "usr/bin/caddy", ("run", "--adapter", "caddyfile", "--config", "FILE"))
HAP = Proxy("haproxy/haproxy.cfg", (*HAPROXY, "libsystemd0", "libcrypt1"), "usr/sbin/haproxy", ("-db", "-f", "FILE"))
LATER = [pytest.param(each, id=each.file, marks=pytest.mark.full) for each in (IDE, CADDY, HAP)]
PROXIES = [pytest.param(SEED, id=SEED.file), *LATER]


class Front:
    """A proxy that runs before a gateway. Ports below 1024 and files in /etc/ssl would need root, so they are remapped;
    the gateway's port is the file's own unless another process has it.
    """

    def __init__(self, proxy: Proxy, root: Path, gateway: Container, certificate: DevCertificate) -> None:
        self.port = free_port()
        self.certificate = certificate
        unpacked = debian.unpacked(*proxy.packages)
        file = root / Path(proxy.file).name
        file.write_text(self._whole(proxy, (DEPLOY / proxy.file).read_text(), root, gateway.port, unpacked))
        arguments = [word.replace("FILE", str(file)) for word in proxy.arguments]
        environ = {**debian.environ(unpacked), "HOME": str(root), "XDG_DATA_HOME": str(root)}
        self.log = (root / "proxy.log").open("w")
        self.process = subprocess.Popen(
            [unpacked / proxy.program, *arguments], env=environ, stdout=self.log, stderr=subprocess.STDOUT, cwd=root
        )
        try:
            eventually(self._answers, "proxy")
        except BaseException:
            self.stop()
            raise

    def stop(self) -> None:
        self.process.terminate()
        self.process.wait(20)
        self.log.close()

    def client(self, source: str = CLIENT) -> httpx.Client:
        context = ssl.create_default_context(cafile=str(self.certificate.ca))
        context.check_hostname = False  # the certificate is this machine's, the name the page's
        transport = httpx.HTTPTransport(verify=context, local_address=source)
        headers = {"host": "gateway.yourcompany.com"}
        address = f"https://127.0.0.1:{self.port}"
        return httpx.Client(transport=transport, base_url=address, headers=headers, timeout=30)

    def _answers(self) -> bool:
        assert self.process.poll() is None, Path(self.log.name).read_text()
        try:
            with self.client() as client:
                return client.get("/readyz", extensions={"sni_hostname": "gateway.yourcompany.com"}).status_code == 200
        except httpx.TransportError:
            return False

    def _whole(self, proxy: Proxy, text: str, root: Path, gateway: int, unpacked: Path) -> str:
        pem = root / "gateway.pem"
        pem.write_bytes(self.certificate.cert.read_bytes() + self.certificate.key.read_bytes())
        for old, new in {
            "/etc/ssl/certs/gateway.crt": str(self.certificate.cert),
            "/etc/ssl/private/gateway.key": str(self.certificate.key),
            "/etc/ssl/private/gateway.pem": str(pem),
            "listen 443": f"listen 127.0.0.1:{self.port}",
            "bind :443": f"bind 127.0.0.1:{self.port}",
            "gateway.yourcompany.com {": f"gateway.yourcompany.com:{self.port} {{",
            ":41002": f":{gateway}",
        }.items():
            text = text.replace(old, new)
        if proxy.file.startswith("nginx"):
            (root / "conf.d").mkdir()
            (root / "conf.d" / "gateway.conf").write_text(text)
            return self._debians_nginx((unpacked / "etc/nginx/nginx.conf").read_text(), root, unpacked)
        if proxy is CADDY:
            return f"{{\n\tadmin off\n\tauto_https disable_redirects\n}}\n{text}"
        return text

    @staticmethod
    def _debians_nginx(text: str, root: Path, unpacked: Path) -> str:
        """Debian's own nginx.conf, which includes conf.d, below another root."""
        kept = [line for line in text.splitlines() if not line.startswith("user ") and "sites-enabled" not in line]
        paths = {
            "/run/nginx.pid": f"{root}/nginx.pid",
            "/var/log/nginx": str(root),
            "/etc/nginx/conf.d": f"{root}/conf.d",
        }
        text = "\n".join(kept)
        for old, new in paths.items():
            text = text.replace(old, new)
        text = text.replace("/etc/nginx/", f"{unpacked}/etc/nginx/")
        scratch = "".join(
            f"{kind}_temp_path {root}/{kind};" for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
        )
        return text.replace("http {", f"http {{ {scratch}", 1)


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


def site(stack: ExitStack, proxy: Proxy, tmp_path: Path, container: Path, providers: Providers, hops: int) -> Site:
    provider, port = providers.add()
    config = tmp_path / "policy-config.yaml"
    config.write_text(f"{document([port])}\nlimits: {{trusted_hops: {hops}}}\n")
    command = ("kt", "gateway", "run", "--listen", "127.0.0.1:41002")
    mounts = {"/etc/keeptrusts/policy-config.yaml": config}
    gateway = Container(container, {"PROVIDER_KEY": "sk-of-the-provider"}, command, mounts)
    gateway.up()
    stack.callback(gateway.down)
    certificate = ensure_dev_certificate(tmp_path / "tls", datetime.now(UTC))
    front = Front(proxy, tmp_path, gateway, certificate)
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
    stack: ExitStack, tmp_path: Path, container: Path, providers: Providers, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The measure is worth something: with buffering on, the same stream comes in one piece."""
    text = (DEPLOY / SEED.file).read_text().replace("proxy_buffering off", "proxy_buffering on")
    (tmp_path / "deploy" / "nginx").mkdir(parents=True)
    (tmp_path / "deploy" / SEED.file).write_text(text)
    monkeypatch.setitem(globals(), "DEPLOY", tmp_path / "deploy")
    assert len(arrivals(site(stack, SEED, tmp_path, container, providers, hops=1))) < 10


@pytest.mark.full
@pytest.mark.parametrize(("proxy", "status"), [(SEED, 413), (IDE, 200)], ids=["as the page has it", "for editors"])
def test_an_editors_long_request_needs_more_than_the_pages_block(
    stack: ExitStack, proxy: Proxy, status: int, tmp_path: Path, container: Path, providers: Providers
) -> None:
    found = site(stack, proxy, tmp_path, container, providers, hops=1)
    assert found.chat("word " * 500_000).status_code == status  # 2.5 MB; nginx takes 1 MB unless told otherwise


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
