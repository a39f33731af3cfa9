"""Completions and embeddings through real Envoy: OpenAI's SDK and curl, guarded, cached."""

from __future__ import annotations

import json
import ssl
import subprocess
from collections.abc import Iterator

import httpx
import openai
import pytest
from live import Gateway, Providers, document, serve, stop

from extproc.gateway.demo import DemoProvider

Demo = tuple[Gateway, DemoProvider]


@pytest.fixture(scope="module")
def cached(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Demo]:
    """A gateway with a cache."""
    found = Providers()
    provider, port = found.add()
    gateway = serve(tmp_path_factory.mktemp("gateway"), document([port], cache=""))
    yield gateway, provider
    stop(gateway)
    found.close()


def sdk(gateway: Gateway) -> openai.OpenAI:
    http = httpx.Client(verify=ssl.create_default_context(cafile=str(gateway.ca)))
    return openai.OpenAI(base_url=gateway.base_url, api_key=gateway.key, max_retries=0, http_client=http)


def curl(gateway: Gateway, path: str, body: object) -> dict[str, object]:
    command = ["curl", "-sS", "--cacert", str(gateway.ca), f"{gateway.base_url}/{path}"]
    command += ["-H", f"Authorization: Bearer {gateway.key}", "-H", "Content-Type: application/json"]
    done = subprocess.run([*command, "-d", json.dumps(body)], capture_output=True, text=True, check=True, timeout=30)
    found: dict[str, object] = json.loads(done.stdout)
    return found


def test_the_sdk_completes_one_prompt_and_several(demo: Demo) -> None:
    gateway, provider = demo
    with sdk(gateway) as client:
        one = client.completions.create(model="demo", prompt="def f(", suffix="return 1")
        two = client.completions.create(model="demo", prompt=["a", "b"])
    assert one.choices[0].text == "You said: def f(" and one.usage is not None and one.usage.total_tokens == 6
    assert [choice.text for choice in two.choices] == ["You said: a", "You said: b"]
    assert json.loads(provider.requests[-2].body)["suffix"] == "return 1"


def test_the_sdk_streams_a_completion_with_usage(demo: Demo) -> None:
    gateway, _ = demo
    with sdk(gateway) as client:
        chunks = list(
            client.completions.create(
                model="demo", prompt="one two", stream=True, stream_options={"include_usage": True}
            )
        )
    assert "".join(choice.text for chunk in chunks for choice in chunk.choices) == "You said: one two"
    assert chunks[-1].usage is not None and chunks[-1].usage.completion_tokens == 4


@pytest.mark.parametrize(("path", "place"), [("completions", "prompt"), ("embeddings", "input")])
def test_what_must_not_leave_does_not(demo: Demo, path: str, place: str) -> None:
    gateway, provider = demo
    curl(gateway, path, {"model": "demo", place: ["fine", "my id is ACME-123456"]})
    assert b"ACME-" not in provider.requests[-1].body and b"DLP_REDACTED" in provider.requests[-1].body


@pytest.mark.parametrize("stream", [False, True])
def test_a_completion_is_redacted_on_its_way_back(demo: Demo, stream: bool) -> None:
    gateway, _ = demo
    with gateway.client() as client:
        answer = client.post("/completions", json={"model": "demo-leak", "prompt": "x", "stream": stream})
    assert answer.status_code == 200 and "ACME-" not in answer.text and "DLP_REDACTED" in answer.text


@pytest.mark.parametrize("form", ["float", "base64"])
def test_the_sdk_embeds_in_either_form(demo: Demo, form: str) -> None:
    gateway, _ = demo
    with sdk(gateway) as client:
        if form == "float":
            found = client.embeddings.create(model="demo", input=["a", "b"], encoding_format="float")
        else:  # what the SDK asks for itself, and decodes
            found = client.embeddings.create(model="demo", input=["a", "b"])
    assert [len(each.embedding) for each in found.data] == [8, 8]
    assert found.data[0].embedding != found.data[1].embedding
    assert all(0 <= number < 1 for number in found.data[0].embedding)


def test_tokens_in_place_of_text_are_refused_with_a_setting_to_change(demo: Demo) -> None:
    gateway, provider = demo
    before = len(provider.requests)
    with sdk(gateway) as client, pytest.raises(openai.UnprocessableEntityError) as refused:
        client.embeddings.create(model="demo", input=[[1, 2], [3]])
    assert refused.value.code == "tokens_unreadable" and "limits.pretokenized_input" in str(refused.value)
    assert len(provider.requests) == before


def test_an_embedding_and_a_completion_are_the_next_ones_hit(cached: Demo) -> None:
    gateway, provider = cached
    for path, place in (("embeddings", "input"), ("completions", "prompt")):
        seen = []
        for user in ("ana", "ben"):
            with gateway.client() as client:
                answer = client.post(f"/{path}", json={"model": "demo", place: "what we all ask", "user": user})
            seen.append((answer.headers["x-keeptrusts-cache"], answer.content))
        assert [status for status, _ in seen] == ["miss", "hit"] and seen[0][1] == seen[1][1]
        assert sum(request.path.endswith(path) for request in provider.requests) == 1


def test_an_event_tells_the_dialect_and_the_tokens(demo: Demo) -> None:
    gateway, _ = demo
    with gateway.client() as client:
        answer = client.post("/embeddings", json={"model": "demo", "input": "one two three"})
    event = gateway.event(answer)
    assert (event["dialect"], event["decision"]) == ("openai-embeddings", "allowed")
    assert event["usage"]["input_tokens"] == 3  # type: ignore[index]
