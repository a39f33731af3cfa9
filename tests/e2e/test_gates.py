"""Kinds that judge what a request is, on real Envoy: who sends it, which documents it holds, in each dialect."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from live import Gateway, Providers, serve, stop
from shapes import SHAPES, tool

from extproc.gateway.demo import DemoProvider

POLICY = """
pack: {{name: test, version: 1.0.0}}
workflow_cache: {{enabled: false}}
providers:
  targets:
    - {{id: a, provider: openai, base_url: 'http://127.0.0.1:{port}'}}
    - {{id: b, provider: anthropic, base_url: 'http://127.0.0.1:{port}'}}
policies: {{chain: [rbac, document-analyzer, audit-logger]}}
policy:
  rbac:
    deny_if_missing: []
    roles: {{coder: {{allowed_tools: [grep]}}}}
    data_access: {{coder: {{max_sensitivity: internal}}}}
  document-analyzer: {{max_document_bytes: 4, allowed_mime_types: [image/png]}}
"""
ALL = pytest.mark.parametrize("dialect", SHAPES)


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Gateway, DemoProvider]]:
    providers = Providers()
    provider, port = providers.add()
    gateway = serve(tmp_path_factory.mktemp("gates"), POLICY.format(port=port))
    yield gateway, provider
    stop(gateway)
    providers.close()


def picture(dialect: str, data: str) -> dict[str, Any]:
    match dialect:
        case "chat":
            return {"type": "image_url", "image_url": {"url": f"data:image/png;base64,{data}"}}
        case "messages":
            return {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": data}}
        case _:
            return {"type": "input_image", "image_url": f"data:image/png;base64,{data}"}


def post(
    gateway: Gateway, dialect: str, text: str = "hello", *parts: object, role: str = "coder", **more: object
) -> httpx.Response:
    path, key, kind = SHAPES[dialect]
    said = [{"role": "user", "content": [{"type": kind, "text": text}, *parts]}]
    body = {"model": "demo", key: said, **({"max_tokens": 50} if dialect == "messages" else {}), **more}
    with gateway.client() as client:
        return client.post(f"https://localhost:{gateway.port}{path}", json=body, headers={"X-User-Role": role})


@ALL
def test_what_a_role_may_and_a_document_that_fits_pass(demo: tuple[Gateway, DemoProvider], dialect: str) -> None:
    gateway, _ = demo
    answer = post(gateway, dialect, "hello", picture(dialect, "aGk="), tools=[tool(dialect, "grep")])
    assert answer.status_code == 200, answer.text


@ALL
@pytest.mark.parametrize("reason", ["rbac.unknown_role", "rbac.tool", "rbac.sensitivity", "document.too_large"])
def test_what_may_not_pass_never_reaches_the_provider(
    demo: tuple[Gateway, DemoProvider], dialect: str, reason: str
) -> None:
    gateway, provider = demo
    before = len(provider.requests)
    match reason:
        case "rbac.unknown_role":
            answer = post(gateway, dialect, role="cook")
        case "rbac.tool":
            answer = post(gateway, dialect, tools=[tool(dialect, "grep"), tool(dialect, "shell")])
        case "rbac.sensitivity":
            answer = post(gateway, dialect, "Shorten this:\n# CONFIDENTIAL\nWe buy Northwind.")
        case _:
            answer = post(gateway, dialect, "What is this?", picture(dialect, "aGVsbG8="))
    assert answer.status_code == 409
    assert len(provider.requests) == before
    assert gateway.event(answer)["reason"] == reason
