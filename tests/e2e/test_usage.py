"""The tokens of every stream are known, through real Envoy, whether its client asks or not."""

from __future__ import annotations

import json

import httpx
import pytest
from live import Gateway, eventually

from extproc.gateway.demo import DemoProvider

Demo = tuple[Gateway, DemoProvider]
PATHS = {
    "/chat/completions": {"messages": [{"role": "user", "content": "one two three"}]},
    "/completions": {"prompt": "one two three"},
}


@pytest.mark.parametrize("path", PATHS)
def test_a_streams_tokens_are_known_although_its_client_did_not_ask(demo: Demo, path: str) -> None:
    gateway, provider = demo
    with gateway.client() as client:
        answer = client.post(path, json={"model": "demo", "stream": True, **PATHS[path]})
    assert json.loads(provider.requests[-1].body)["stream_options"] == {"include_usage": True}
    assert answer.status_code == 200 and b"usage" not in answer.content
    assert answer.content.endswith(b"data: [DONE]\n\n")
    event = gateway.event(answer)
    assert (event["input_tokens"], event["output_tokens"], event["usage_estimated"]) == (3, 5, False)


@pytest.mark.parametrize("path", PATHS)
def test_who_asks_is_told(demo: Demo, path: str) -> None:
    gateway, provider = demo
    asks = {"model": "demo", "stream": True, "stream_options": {"include_usage": True}, **PATHS[path]}
    with gateway.client() as client:
        answer = client.post(path, json=asks)
    assert json.loads(provider.requests[-1].body) == asks
    assert b'"completion_tokens":5' in answer.content


def test_a_stream_that_breaks_off_is_estimated_and_its_event_says_so(demo: Demo) -> None:
    gateway, _ = demo
    body = {"model": "demo-cut", "messages": [{"role": "user", "content": "word " * 200}], "stream": True}
    for _ in range(20):  # the reset may overtake what came before it, and then there is no stream that could break
        with gateway.client() as client, client.stream("POST", "/chat/completions", json=body) as answer:
            key = answer.headers["x-keeptrusts-request-id"]
            if answer.status_code == 200:
                with pytest.raises(httpx.RemoteProtocolError):
                    answer.read()
                break
    assert answer.status_code == 200
    eventually(lambda: key in gateway.events(), "an event of the broken stream")
    event = gateway.events()[key]
    assert event["decision"] == "aborted" and event["usage_estimated"] is True
    assert event["input_tokens"] == 250
