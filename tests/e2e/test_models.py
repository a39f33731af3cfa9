"""The list of models through real Envoy, as SDKs, Codex and Claude Code ask for it; and every other path."""

from __future__ import annotations

import json
import ssl
from collections.abc import Iterator

import httpx
import openai
import pytest
from live import Gateway, Providers, document, serve, stop


@pytest.fixture(scope="module")
def gateway(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    providers = Providers()
    _, port = providers.add()
    text = (
        document([port, port])
        .replace("{id: t0,", "{id: t0, model: gpt-x,")
        .replace("{id: t1,", "{id: t1, model: claude-y,")
    )
    found = serve(tmp_path_factory.mktemp("gateway"), text)
    yield found
    stop(found)
    providers.close()


def test_the_sdk_lists_and_retrieves(gateway: Gateway) -> None:
    http = httpx.Client(verify=ssl.create_default_context(cafile=str(gateway.ca)))
    with openai.OpenAI(base_url=gateway.base_url, api_key=gateway.key, max_retries=0, http_client=http) as client:
        assert [model.id for model in client.models.list()] == ["gpt-x", "claude-y"]
        assert client.models.retrieve("gpt-x").id == "gpt-x"
        with pytest.raises(openai.NotFoundError) as missing:
            client.models.retrieve("gpt-z")
    assert missing.value.code == "model_not_found"


def test_codex_and_claude_code_get_what_they_read(gateway: Gateway) -> None:
    with gateway.client() as client:
        codex = client.get("/models?client_version=0.150.0")
        claude = client.get("/models?limit=1000", headers={"anthropic-version": "2023-06-01", "x-api-key": gateway.key})
    assert codex.status_code == claude.status_code == 200
    assert codex.json()["models"] == [] and [each["id"] for each in codex.json()["data"]] == ["gpt-x", "claude-y"]
    assert [each["display_name"] for each in claude.json()["data"]] == ["gpt-x", "claude-y"]
    assert claude.json()["has_more"] is False


def test_without_a_key_there_is_no_list(gateway: Gateway) -> None:
    with gateway.client() as client:
        refused = client.get("/models", headers={"authorization": "Bearer nonsense"})
    assert refused.status_code == 401 and refused.json()["error"]["code"] == "invalid_api_key"


def test_a_head_has_the_lists_headers_and_no_body(gateway: Gateway) -> None:
    with gateway.client() as client:
        head, get = client.head("/models"), client.get("/models")
    assert head.status_code == 200 and head.content == b""
    assert head.headers["content-length"] == str(len(get.content)) == get.headers["content-length"]


@pytest.mark.parametrize(
    ("method", "path", "status", "code"),
    [
        ("GET", "", 404, "unknown_url"),
        ("GET", "/", 404, "unknown_url"),
        ("GET", "/chat/completions", 405, "method_not_allowed"),
        ("PUT", "/embeddings", 405, "method_not_allowed"),
        ("POST", "/models", 405, "method_not_allowed"),
        ("POST", "/images/generations", 404, "route_not_allowed"),
        ("POST", "/audio/speech", 404, "route_not_allowed"),
        ("GET", "/files", 404, "route_not_allowed"),
        ("POST", "/fine_tuning/jobs", 404, "unknown_url"),
        ("GET", "/realtime?model=gpt-x", 404, "route_not_allowed"),
        ("POST", "/moderations", 404, "route_not_allowed"),
    ],
)
def test_what_is_not_served_is_an_error_in_shape(
    gateway: Gateway, method: str, path: str, status: int, code: str
) -> None:
    with gateway.client() as client:
        no = client.request(method, f"{gateway.base_url}{path}", json={} if method in ("POST", "PUT") else None)
    assert (no.status_code, no.json()["error"]["code"]) == (status, code)
    assert no.headers["content-type"] == "application/json" and no.headers["x-keeptrusts-request-id"]


def test_an_escaped_slash_is_refused_before_anyone_sees_it(gateway: Gateway) -> None:
    with gateway.client() as client:
        no = client.get("/models/org%2Fgpt-x")
    assert (no.status_code, no.json()["error"]["code"]) == (400, "bad_request")


def test_a_head_of_what_is_not_served_has_its_status(gateway: Gateway) -> None:
    with gateway.client() as client:
        assert client.head(gateway.base_url).status_code == 404


def test_what_is_outside_of_the_api_is_an_error_in_shape_without_a_key(gateway: Gateway) -> None:
    with gateway.client() as client:
        no = client.get(f"https://localhost:{gateway.port}/nothing")
    assert no.status_code == 404 and json.loads(no.content)["error"]["code"] == "unknown_url"
