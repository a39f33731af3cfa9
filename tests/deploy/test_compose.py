"""The Compose files: the seed page's, started as it stands, and the hardened one."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

import compose
import httpx
import pytest
import yaml
from container import IMAGE, Container
from live import Providers, eventually

from extproc import __version__
from extproc.gateway.demo import DemoProvider

SEED, HARDENED = compose.SEED, compose.FOLDER / "docker-compose.hardened.yml"
KEYS = {"OPENAI_API_KEY": "sk-of-openai", "ANTHROPIC_API_KEY": "sk-of-anthropic"}


def test_the_seed_pages_file_says_what_the_page_says() -> None:
    assert yaml.safe_load(SEED.read_text()) == {
        "services": {
            "keeptrusts-gateway": {
                "image": "keeptrusts/gateway:latest",
                "ports": ["41002:41002"],
                "environment": [
                    "KEEPTRUSTS_GATEWAY_TOKEN=your-gateway-key",
                    "KEEPTRUSTS_API_URL=https://api.yourcompany.com",
                    "OPENAI_API_KEY=${OPENAI_API_KEY}",
                    "ANTHROPIC_API_KEY=${ANTHROPIC_API_KEY}",
                ],
                "volumes": ["./policy-config.yaml:/etc/keeptrusts/policy-config.yaml:ro"],
                "command": "kt gateway run --policy-config /etc/keeptrusts/policy-config.yaml --listen 0.0.0.0:41002\n",
                "restart": "unless-stopped",
            }
        }
    }


def test_the_hardened_file_gives_the_container_nothing_it_does_not_need() -> None:
    document = yaml.safe_load(HARDENED.read_text())
    service = document["services"]["keeptrusts-gateway"]
    assert service["image"] == f"keeptrusts/gateway:{__version__}"
    assert (service["read_only"], service["cap_drop"]) == (True, ["ALL"])
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert f"state:{IMAGE.one('VOLUME').text}" in service["volumes"] and "state" in document["volumes"]
    assert service["ulimits"]["nofile"] >= 4096  # below it, kt doctor warns
    assert int(service["stop_grace_period"].removesuffix("s")) > 30  # limits.shutdown_grace_seconds


Started = tuple[Container, DemoProvider]


def started(file: Path, container: Path, providers: Providers, outside: Mapping[str, str]) -> Started:
    """The service with the policy-config.yaml that lies beside it, its two providers being the demo's."""
    provider, port = providers.add()
    service = compose.service(compose.project(container, file, port), container, outside)
    service.up()
    return service, provider


def chat(service: Container, key: str, model: str = "gpt-4o-mini") -> httpx.Response:
    body = {"model": model, "messages": [{"role": "user", "content": "hello"}]}
    url = f"http://127.0.0.1:{service.port}/v1/chat/completions"
    return httpx.post(url, json=body, headers={"authorization": f"Bearer {key}"}, timeout=30)


def key_of(service: Container) -> str:
    """`docker compose exec keeptrusts-gateway kt tokens create --name ana`, in force in every worker."""
    made = service.execute("kt", "tokens", "create", "--name", "ana")
    assert made.returncode == 0, made.stderr
    key = made.stdout.split()[0]
    eventually(lambda: [chat(service, key).status_code for _ in range(8)] == [200] * 8, "key in force")
    return key


@pytest.fixture(params=[pytest.param(SEED, id="seed"), pytest.param(HARDENED, id="hardened", marks=pytest.mark.full)])
def service(request: pytest.FixtureRequest, container: Path, providers: Providers) -> Iterator[Started]:
    found = started(request.param, container, providers, KEYS)
    yield found
    if found[0].process and found[0].process.poll() is None:
        found[0].down()


def test_a_service_starts_as_written_answers_stops_and_starts_again(service: Started) -> None:
    gateway, provider = service
    assert gateway.healthy()
    key = key_of(gateway)
    assert chat(gateway, key).json()["choices"][0]["message"]["content"] == "You said: hello"
    assert ("authorization", "Bearer sk-of-openai") in provider.requests[-1].headers
    chat(gateway, key, "claude-sonnet-4-5")
    assert ("authorization", "Bearer sk-of-anthropic") in provider.requests[-1].headers
    assert chat(gateway, "kt_ak_" + "x" * 32).status_code == 401
    assert gateway.down() == 0
    assert not gateway.healthy()
    gateway.up()
    assert chat(gateway, key).status_code == 200, "a key outlives the container"


def test_the_seed_page_says_that_it_speaks_to_no_control_plane_and_keeps_the_token_to_itself(
    container: Path, providers: Providers
) -> None:
    gateway, _ = started(SEED, container, providers, KEYS)
    assert gateway.down() == 0
    (line,) = [line for line in gateway.lines if "control plane" in line]
    assert line.startswith("warning: KEEPTRUSTS_API_URL and KEEPTRUSTS_GATEWAY_TOKEN not used")
    said = "".join(gateway.lines)
    secrets = ["your-gateway-key", *KEYS.values()]
    assert not [secret for secret in secrets if secret in said]
    written = [path for path in (gateway.root / "var").rglob("*") if path.is_file()]
    held = [path.name for path in written if any(secret.encode() in path.read_bytes() for secret in secrets)]
    assert sorted(held) == ["secret-anthropic.json", "secret-openai.json"], "only what Envoy reads the keys from"


@pytest.mark.full
def test_a_provider_without_its_key_is_warned_about_and_passed_over(container: Path, providers: Providers) -> None:
    """As Compose has it: a variable that is not set outside is an empty one inside."""
    gateway, provider = started(SEED, container, providers, {"OPENAI_API_KEY": "sk-of-openai"})
    try:
        warned = "ANTHROPIC_API_KEY is not set; 'anthropic' is unavailable"
        assert [line for line in gateway.lines if warned in line]
        assert "warn  credential of anthropic: ANTHROPIC_API_KEY is not set" in gateway.execute("kt", "doctor").stdout
        key = key_of(gateway)
        assert chat(gateway, key, "claude-sonnet-4-5").status_code == 200, "the other target serves any model"
        assert ("authorization", "Bearer sk-of-openai") in provider.requests[-1].headers
        assert not [each for each in provider.requests if ("authorization", "Bearer sk-of-openai") not in each.headers]
    finally:
        gateway.down()


@pytest.mark.full
def test_without_any_key_the_gateway_serves_and_says_why_it_cannot_ask(container: Path, providers: Providers) -> None:
    gateway, provider = started(SEED, container, providers, {})
    try:
        assert gateway.healthy()
        made = gateway.execute("kt", "tokens", "create", "--name", "ana").stdout.split()[0]
        eventually(lambda: chat(gateway, made).status_code == 503, "key in force")
        error = chat(gateway, made).json()["error"]
        assert (error["type"], error["code"]) == ("upstream_error", "provider_unavailable")
        assert not provider.requests
    finally:
        gateway.down()
