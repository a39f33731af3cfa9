"""What a browser asks before a page may use the gateway, through real Envoy."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator

import httpx
import pytest
from live import Gateway, Providers, document, eventually, serve, start, stop

PAGE = "https://chat.example.com"
EDITOR = "vscode-file://vscode-app"
PATHS = (
    "/chat/completions", "/completions", "/embeddings", "/models", "/models/demo", "/messages", "/messages/count_tokens",
    "/responses", "/responses/resp_1", "/images/generations", "/files", "/audio/speech", "/realtime", "/anything",
)  # fmt: skip
"""Governed, passing unscanned, refused as such, and none."""

CORS = f"cors: {{allow_origins: ['{PAGE}', '{EDITOR}'], credentials: true, max_age: 600}}\n"


@pytest.fixture(scope="module")
def gateway(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    providers = Providers()
    named = "passthrough: {target: t0, routes: [images, files]}\n"
    found = serve(tmp_path_factory.mktemp("gateway"), document([providers.add()[1]]) + CORS + named)
    yield found
    stop(found)
    providers.close()


def preflight(gateway: Gateway, origin: str, path: str = "/chat/completions") -> httpx.Response:
    """What a browser sends: never a key."""
    asks = {"access-control-request-method": "POST", "access-control-request-headers": "authorization,content-type"}
    with gateway.client() as client:
        del client.headers["authorization"]
        return client.options(path, headers={"origin": origin, **asks})


@pytest.mark.parametrize("origin", [PAGE, EDITOR])
@pytest.mark.parametrize("path", PATHS)
def test_an_allowed_page_is_given_leave_without_a_key(gateway: Gateway, origin: str, path: str) -> None:
    yes = preflight(gateway, origin, path)
    assert yes.status_code == 200 and yes.content == b""
    assert yes.headers["access-control-allow-origin"] == origin
    assert yes.headers["access-control-allow-methods"] == "GET, POST, OPTIONS"
    assert {"authorization", "x-api-key", "x-stainless-lang"} <= set(
        yes.headers["access-control-allow-headers"].split(", ")
    )
    assert yes.headers["access-control-max-age"] == "600"
    assert yes.headers["access-control-allow-credentials"] == "true"


@pytest.mark.parametrize("origin", ["https://evil.example.com", f"{PAGE}.evil.com", "http://chat.example.com", "null"])
def test_another_page_is_given_none(gateway: Gateway, origin: str) -> None:
    no = preflight(gateway, origin)
    assert no.status_code == 200 and "access-control-allow-origin" not in no.headers


def test_the_answer_can_be_read_by_the_page_that_may_ask(gateway: Gateway) -> None:
    body = {"model": "demo", "messages": [{"role": "user", "content": "hi"}]}
    for stream in (False, True):
        with gateway.client() as client:
            said = client.post("/chat/completions", json={**body, "stream": stream}, headers={"origin": PAGE})
            other = client.post("/chat/completions", json={**body, "stream": stream}, headers={"origin": "https://x.y"})
        assert said.status_code == 200 and said.headers["access-control-allow-origin"] == PAGE
        assert said.headers["access-control-expose-headers"] == "x-keeptrusts-request-id"
        assert other.status_code == 200 and "access-control-allow-origin" not in other.headers


@pytest.mark.parametrize(
    ("path", "key", "status"),
    [
        ("/models", "x", 401),
        ("/nothing", "", 404),
        ("/images/generations", "x", 401),
        ("/audio/speech", "", 404),
        ("/realtime", "", 404),
        ("/files", "", 404),
    ],
)
def test_so_can_a_refusal(gateway: Gateway, path: str, key: str, status: int) -> None:
    """A key check shows the user what is wrong; without leave it could only say that it failed."""
    headers = {"origin": EDITOR, **({"authorization": f"Bearer {key}"} if key else {})}
    with gateway.client() as client:
        no = client.get(path, headers=headers)
    assert no.status_code == status and no.json()["error"]["message"]
    assert no.headers["access-control-allow-origin"] == EDITOR


def test_asking_for_leave_is_no_event(gateway: Gateway) -> None:
    log = gateway.state / "logs" / "edge.log"
    preflight(gateway, PAGE, "/only-here")
    preflight(gateway, "https://evil.example.com", "/only-here")

    def lines() -> list[dict[str, object]]:
        rows = map(json.loads, log.read_bytes().splitlines())
        return [row for row in rows if row.get("path") == "/v1/only-here"]

    eventually(lambda: len(lines()) == 2, "lines of the edge log")
    assert {row["details"] for row in lines()} == {"cors_response"}  # which the audit leaves out


def test_curl_can_play_the_browser(gateway: Gateway) -> None:
    command = ["curl", "-sS", "-i", "-X", "OPTIONS", "--cacert", str(gateway.ca), f"{gateway.base_url}/models"]
    command += ["-H", f"Origin: {PAGE}", "-H", "Access-Control-Request-Method: GET"]
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=30)
    assert f"access-control-allow-origin: {PAGE}" in done.stdout


def test_an_options_that_asks_for_no_leave_needs_a_key_and_is_no_method(gateway: Gateway) -> None:
    with gateway.client() as client:
        with_key = client.options("/chat/completions")
        del client.headers["authorization"]
        without = client.options("/chat/completions")
    assert (with_key.status_code, without.status_code) == (405, 401)


def test_without_the_section_no_page_is_given_leave_and_a_reload_may_add_it(
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    providers = Providers()
    _, port = providers.add()
    gateway = start(tmp_path_factory.mktemp("closed"), [port])
    try:
        no = preflight(gateway, PAGE)
        assert no.status_code == 401 and "access-control-allow-origin" not in no.headers
        gateway.config.write_text(document([port]) + "cors: {allow_origins: ['*']}\n")
        eventually(lambda: "access-control-allow-origin" in preflight(gateway, PAGE).headers, "leave for every page")
        yes = preflight(gateway, "https://any.example")
        assert yes.headers["access-control-allow-origin"] == "https://any.example"
        assert "access-control-allow-credentials" not in yes.headers
    finally:
        stop(gateway)
        providers.close()
