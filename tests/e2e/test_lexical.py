"""Kinds that look for terms, on real Envoy: each dialect, whole and as a stream."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from live import Gateway, Providers, serve, stop

from extproc.gateway.demo import DemoProvider

POLICY = """
pack: {{name: test, version: 1.0.0}}
workflow_cache: {{enabled: false}}
providers:
  targets:
    - {{id: a, provider: openai, base_url: 'http://127.0.0.1:{port}'}}
    - {{id: b, provider: anthropic, base_url: 'http://127.0.0.1:{port}'}}
policies:
  chain:
    - mnpi-filter
    - entity-list-filter
    - financial-compliance: {{when: {{header: {{x-desk: retail}}}}}}
    - healthcare-compliance
policy:
  mnpi-filter: {{}}
  entity-list-filter: {{blocked_entities: [Northwind Petrochem]}}
  financial-compliance: {{required_disclaimers: [Not investment advice.]}}
  healthcare-compliance: {{}}
"""
DIALECTS = {
    "chat": ("/v1/chat/completions", lambda text: {"messages": [{"role": "user", "content": text}]}),
    "messages": ("/v1/messages", lambda text: {"messages": [{"role": "user", "content": text}], "max_tokens": 50}),
    "responses": ("/v1/responses", lambda text: {"input": text}),
}
ALL = pytest.mark.parametrize("dialect", DIALECTS)
BOTH = pytest.mark.parametrize("streaming", [False, True], ids=["whole", "stream"])


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Gateway, DemoProvider]]:
    providers = Providers()
    provider, port = providers.add()
    gateway = serve(tmp_path_factory.mktemp("lexical"), POLICY.format(port=port))
    yield gateway, provider
    stop(gateway)
    providers.close()


def post(gateway: Gateway, dialect: str, text: str, *, streaming: bool, **headers: str) -> httpx.Response:
    path, asked = DIALECTS[dialect]
    body: dict[str, Any] = {"model": "demo", "stream": streaming, **asked(text)}
    sent = {
        "authorization": f"Bearer {gateway.key}",
        **{name.replace("_", "-"): value for name, value in headers.items()},
    }
    with gateway.client() as client:
        return client.post(f"https://localhost:{gateway.port}{path}", json=body, headers=sent)


@ALL
@BOTH
def test_what_must_not_be_asked_never_reaches_the_provider(
    demo: tuple[Gateway, DemoProvider], dialect: str, streaming: bool
) -> None:
    gateway, provider = demo
    before = len(provider.requests)
    response = post(gateway, dialect, "Polish our unreleased earnings.", streaming=streaming)
    assert response.status_code == 409 and "earnings" not in response.text
    assert len(provider.requests) == before
    assert gateway.event(response)["reason"] == "mnpi.term"


@ALL
@BOTH
def test_what_must_not_be_answered_never_reaches_the_client(
    demo: tuple[Gateway, DemoProvider], dialect: str, streaming: bool
) -> None:
    gateway, _ = demo
    response = post(gateway, dialect, "Hm. You probably have pneumonia. Rest.", streaming=streaming)
    assert "pneumonia" not in response.text
    assert response.status_code == (200 if streaming else 409)
    event = gateway.event(response)
    assert (event["decision"], event["reason"]) == ("blocked", "healthcare_compliance.term")


@ALL
@BOTH
def test_what_harms_nobody_passes(demo: tuple[Gateway, DemoProvider], dialect: str, streaming: bool) -> None:
    response = post(demo[0], dialect, "What did pneumonia do in 1918?", streaming=streaming)
    assert response.status_code == 200 and "1918" in response.text
    assert "Not investment advice." not in response.text


@pytest.mark.parametrize(
    ("dialect", "streaming"),
    [("chat", False), ("chat", True), ("messages", False), ("messages", True), ("responses", False)],
)
def test_a_disclaimer_is_added_for_those_it_is_meant_for(
    demo: tuple[Gateway, DemoProvider], dialect: str, streaming: bool
) -> None:
    response = post(demo[0], dialect, "Bonds are loans.", streaming=streaming, x_desk="retail")
    assert response.status_code == 200
    assert response.text.count("Not investment advice.") == 1
