"""Responses that the provider keeps, through real Envoy: guarded as when they were made, and nobody else's."""

from __future__ import annotations

import json
import os
import signal
import ssl
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import openai
import pytest
from live import POLICIES, Gateway, Providers, document, eventually, kt, serve, start, stop

from extproc.gateway.demo import DemoProvider

LEAK = "ACME-123456"
ONCE_SECRET = POLICIES.replace("{detect_patterns", "{action: block, detect_patterns")
Pair = tuple[Gateway, DemoProvider]


@contextmanager
def sdk(gateway: Gateway, key: str = "") -> Iterator[openai.OpenAI]:
    with httpx.Client(verify=ssl.create_default_context(cafile=str(gateway.ca)), timeout=30) as transport:
        yield openai.OpenAI(base_url=gateway.base_url, api_key=key or gateway.key, http_client=transport, max_retries=0)


@pytest.fixture(scope="module")
def two(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Gateway, DemoProvider, str]]:
    """A gateway of two organisations, and the key of the second."""
    found = Providers()
    provider, port = found.add()
    gateway = start(tmp_path_factory.mktemp("two"), [port])
    yield gateway, provider, other_key(gateway)
    stop(gateway)
    found.close()


def other_key(gateway: Gateway) -> str:
    """A key of another organisation, once every worker knows that there is one."""
    made = kt("tokens", "create", "--name", "eve", "--org", "other", "--json", "--state-dir", str(gateway.state))
    key = str(json.loads(made.stdout)["key"])
    known = 0

    def everybody_knows() -> bool:
        nonlocal known
        known = known + 1 if call(gateway, "GET", "/models", key).status_code == 200 else 0
        return known > 20  # of two workers, one that does not know would have been asked by now

    eventually(everybody_knows, "the new key")
    return key


def call(gateway: Gateway, method: str, path: str, key: str = "", **more: object) -> httpx.Response:
    with gateway.client() as client:
        headers = {"authorization": f"Bearer {key or gateway.key}"}
        return client.request(method, path, headers=headers, **more)  # type: ignore[arg-type]


def post(gateway: Gateway, key: str = "", **more: object) -> httpx.Response:
    return call(gateway, "POST", "/responses", key, json={"model": "demo", "input": "hi", **more})


def code(reply: httpx.Response) -> tuple[int, str]:
    return reply.status_code, reply.json()["error"]["code"]


# --- one organisation ------------------------------------------------------------------------------------------------


def test_the_sdk_fetches_lists_cancels_and_deletes_what_is_kept(demo: Pair) -> None:
    gateway, provider = demo
    with sdk(gateway) as client:
        made = client.responses.create(model="demo", input="remember me", background=True)
        assert made.status == "queued" and made.output == []
        fetched = client.responses.retrieve(made.id)
        assert (fetched.id, fetched.output_text) == (made.id, "You said: remember me")
        events = list(client.responses.retrieve(made.id, stream=True))
        assert events[-1].type == "response.completed" and events[-1].response.output_text == "You said: remember me"
        (item,) = client.responses.input_items.list(made.id).data
        assert item.content == "remember me"  # type: ignore[union-attr]
        assert client.responses.cancel(made.id).status == "cancelled"
        client.responses.delete(made.id)
        with pytest.raises(openai.NotFoundError, match="not found"):
            client.responses.retrieve(made.id)
    asked = [(each.method, each.path) for each in provider.requests[-7:]]
    assert asked == [
        ("POST", "/v1/responses"), ("GET", f"/v1/responses/{made.id}"), ("GET", f"/v1/responses/{made.id}?stream=true"),
        ("GET", f"/v1/responses/{made.id}/input_items"), ("POST", f"/v1/responses/{made.id}/cancel"),
        ("DELETE", f"/v1/responses/{made.id}"), ("GET", f"/v1/responses/{made.id}"),
    ]  # fmt: skip
    for each in provider.requests[-7:]:
        assert dict(each.headers)["authorization"] == "Bearer sk-secret-of-the-provider"


@pytest.mark.parametrize("path", ["", "?stream=true", "/input_items"])
def test_what_is_fetched_is_guarded_as_what_is_made(demo: Pair, path: str) -> None:
    gateway, provider = demo
    made = post(gateway, model="demo-leak", input=f"the card of {LEAK}").json()
    asked, said = provider.kept.all[made["id"]]
    provider.kept.all[made["id"]] = {**asked, "input": f"the card of {LEAK}"}, said  # as if it had come past us
    reply = call(gateway, "GET", f"/responses/{made['id']}{path}")
    assert reply.status_code == 200 and "ACME" not in reply.text and "[DLP_REDACTED]" in reply.text
    event = gateway.event(reply)
    assert (event["decision"], event["dialect"], event["provider"]) == ("redacted", "openai-responses", "t0")


def test_what_a_policy_blocks_is_blocked_when_it_is_fetched(tmp_path: Path, providers: Providers) -> None:
    provider, port = providers.add()
    gateway = start(tmp_path, [port], ONCE_SECRET)
    try:
        assert post(gateway, model="demo-leak").status_code == 409
        (identity,) = provider.kept.all
        reply = call(gateway, "GET", f"/responses/{identity}")
        assert code(reply) == (409, "output_blocked") and "ACME" not in reply.text
        stream = call(gateway, "GET", f"/responses/{identity}?stream=true")
        assert "ACME" not in stream.text and "invalid_prompt" in stream.text
    finally:
        stop(gateway)


def test_a_response_that_is_half_written_does_not_pass(demo: Pair) -> None:
    gateway, provider = demo
    identity = post(gateway).json()["id"]
    asked, said = provider.kept.all[identity]
    provider.kept.all[identity] = asked, {**said, "status": "in_progress"}
    assert code(call(gateway, "GET", f"/responses/{identity}")) == (502, "reply_unreadable")
    provider.kept.all[identity] = asked, {**said, "status": "in_progress", "output": []}
    assert call(gateway, "GET", f"/responses/{identity}").json()["status"] == "in_progress"


@pytest.mark.parametrize("query", ["starting_after=3", "stream=true&starting%5Fafter=3"])
def test_a_stream_from_its_middle_is_refused_where_a_policy_would_have_to_read_it(demo: Pair, query: str) -> None:
    gateway, provider = demo
    before = len(provider.requests)
    assert code(call(gateway, "GET", f"/responses/resp_1?{query}")) == (400, "starting_after_unscanned")
    assert len(provider.requests) == before


@pytest.mark.parametrize(
    ("method", "path", "status", "reason"),
    [
        ("POST", "/responses/resp_1", 405, "method_not_allowed"),
        ("GET", "/responses/resp_1/cancel", 405, "method_not_allowed"),
        ("GET", "/responses/resp_1/more", 404, "unknown_url"),
        ("GET", "/responses/a%20b", 404, "unknown_url"),
        ("GET", "/responses", 405, "method_not_allowed"),
    ],
)
def test_other_paths_and_methods_are_no_way_around(
    demo: Pair, method: str, path: str, status: int, reason: str
) -> None:
    gateway, provider = demo
    before = len(provider.requests)
    assert code(call(gateway, method, path)) == (status, reason) and len(provider.requests) == before


def test_a_cancel_with_a_body_is_refused(demo: Pair) -> None:
    assert code(call(demo[0], "POST", "/responses/resp_1/cancel", json={"a": 1})) == (400, "unexpected_body")


def test_tokens_count_once_and_those_of_a_background_response_when_it_is_fetched(demo: Pair) -> None:
    gateway, _ = demo
    made, behind = post(gateway), post(gateway, background=True)
    assert gateway.event(made)["output_tokens"] == 3 and gateway.event(behind)["output_tokens"] is None
    again = call(gateway, "GET", f"/responses/{made.json()['id']}")
    done = call(gateway, "GET", f"/responses/{behind.json()['id']}")
    assert gateway.event(again)["output_tokens"] is None and gateway.event(done)["output_tokens"] == 3


def test_it_is_found_at_whichever_target_keeps_it(tmp_path: Path, providers: Providers) -> None:
    pairs = [providers.add() for _ in range(3)]
    gateway = start(tmp_path, [port for _, port in pairs])
    try:
        identity = post(gateway).json()["id"]
        first, _, third = (provider for provider, _ in pairs)
        third.kept.all[identity] = first.kept.all.pop(identity)
        reply = call(gateway, "GET", f"/responses/{identity}")
        assert reply.status_code == 200 and reply.json()["id"] == identity
        assert [len(provider.requests) for provider, _ in pairs] == [2, 1, 1]
        assert dict(third.requests[0].headers)["authorization"] == "Bearer sk-secret-of-the-provider"
        assert not [name for name, _ in third.requests[0].headers if name.startswith("x-envoy-")]
        assert call(gateway, "DELETE", f"/responses/{identity}").status_code == 200
        assert call(gateway, "GET", f"/responses/{identity}").status_code == 404
    finally:
        stop(gateway)


# --- two organisations -----------------------------------------------------------------------------------------------


WAYS: list[tuple[str, Callable[[str], tuple[str, str]]]] = [
    ("fetch", lambda name: ("GET", f"/responses/{name}")),
    ("stream", lambda name: ("GET", f"/responses/{name}?stream=true")),
    ("items", lambda name: ("GET", f"/responses/{name}/input_items")),
    ("cancel", lambda name: ("POST", f"/responses/{name}/cancel")),
    ("delete", lambda name: ("DELETE", f"/responses/{name}")),
]


@pytest.mark.parametrize("way", [way for _, way in WAYS], ids=[name for name, _ in WAYS])
@pytest.mark.parametrize("stream", [False, True])
def test_what_is_kept_for_one_organisation_is_not_there_for_another(
    two: tuple[Gateway, DemoProvider, str], way: Callable[[str], tuple[str, str]], stream: bool
) -> None:
    gateway, provider, other = two
    post(gateway, stream=stream).raise_for_status()
    identity = list(provider.kept.all)[-1]
    before = len(provider.requests)
    no, none = call(gateway, *way(identity), other), call(gateway, *way("resp_of_nobody"), other)
    assert code(no) == code(none) == (404, "response_not_found")
    assert no.text.replace(identity, "X") == none.text.replace("resp_of_nobody", "X")  # which tells nothing
    assert len(provider.requests) == before
    yes = call(gateway, *way(identity))
    assert yes.status_code == 200, yes.text


def test_nor_can_another_go_on_from_it(two: tuple[Gateway, DemoProvider, str]) -> None:
    gateway, provider, other = two
    identity = post(gateway).json()["id"]
    before = len(provider.requests)
    for stream in (False, True):
        no = post(gateway, other, previous_response_id=identity, stream=stream)
        assert code(no) == (400, "previous_response_not_found") and len(provider.requests) == before
    mine = post(gateway, previous_response_id=identity)
    assert mine.status_code == 200 and post(gateway, previous_response_id=mine.json()["id"]).status_code == 200
    theirs = post(gateway, other)
    assert post(gateway, other, previous_response_id=theirs.json()["id"]).status_code == 200
    assert code(post(gateway, previous_response_id=theirs.json()["id"])) == (400, "previous_response_not_found")


@pytest.mark.parametrize(
    ("more", "member"),
    [
        ({"conversation": "conv_1"}, "conversation"),
        ({"conversation": {"id": "conv_1"}}, "conversation"),
        ({"input": [{"role": "user", "content": "x"}, {"type": "item_reference", "id": "msg_1"}]}, "input[1]"),
        ({"input": [{"id": "msg_1"}]}, "input[0]"),
        ({"input": [{"type": "reasoning", "id": "rs_1", "summary": []}]}, "input[0]"),
    ],
)
def test_what_else_is_kept_is_refused_where_nobody_knows_whose_it_is(
    two: tuple[Gateway, DemoProvider, str], more: dict[str, object], member: str
) -> None:
    gateway, provider, _ = two
    before = len(provider.requests)
    no = post(gateway, **more)
    assert code(no) == (404, "item_not_found") and no.json()["error"]["message"].startswith(f"{member}: ")
    assert len(provider.requests) == before


@pytest.mark.parametrize("stream", [False, True])
def test_an_item_is_there_for_the_organisation_that_made_it(
    two: tuple[Gateway, DemoProvider, str], stream: bool
) -> None:
    gateway, provider, other = two
    post(gateway, stream=stream).raise_for_status()
    _, said = list(provider.kept.all.values())[-1]
    again = [{"type": "item_reference", "id": said["output"][0]["id"]}, {"role": "user", "content": "and?"}]
    assert post(gateway, input=again).status_code == 200
    assert code(post(gateway, other, input=again)) == (404, "item_not_found")


def test_a_client_that_left_its_stream_can_come_back_to_it(two: tuple[Gateway, DemoProvider, str]) -> None:
    gateway, provider, _ = two
    body = {"model": "demo-slow", "input": "hi " * 40, "stream": True, "background": True}
    with gateway.client() as client, client.stream("POST", "/responses", json=body) as reply:
        next(reply.iter_bytes())
    identity = list(provider.kept.all)[-1]
    eventually(lambda: call(gateway, "GET", f"/responses/{identity}").status_code == 200, "the response again")


def test_whose_it_is_is_known_after_a_restart_and_unknown_is_nobodys(tmp_path: Path, providers: Providers) -> None:
    provider, port = providers.add()
    gateway = start(tmp_path, [port])
    try:
        identity = post(gateway).json()["id"]  # made while there was one organisation
        provider.kept.all["resp_unknown"] = provider.kept.all[identity]
        assert call(gateway, "GET", "/responses/resp_unknown").status_code == 200
        other = other_key(gateway)
        assert code(call(gateway, "GET", "/responses/resp_unknown")) == (404, "response_not_found")
        (keeper,) = gateway.pids("extproc.keeper.server")
        os.kill(keeper, signal.SIGTERM)
        eventually(lambda: gateway.pids("extproc.keeper.server") not in ([], [keeper]), "another keeper")
        path = f"/responses/{identity}"
        eventually(lambda: call(gateway, "GET", path).status_code == 200, "an owner again")
        assert code(call(gateway, "GET", path, other)) == (404, "response_not_found")
    finally:
        stop(gateway)


@pytest.mark.full
def test_without_a_keeper_nobody_can_prove_anything(tmp_path: Path, providers: Providers) -> None:
    _, port = providers.add()
    gateway = start(tmp_path, [port])
    try:
        identity = post(gateway).json()["id"]
        other_key(gateway)
        (keeper,) = gateway.pids("extproc.keeper.server")
        os.kill(keeper, signal.SIGSTOP)
        assert code(call(gateway, "GET", f"/responses/{identity}")) == (503, "kept_unavailable")
        assert code(post(gateway, previous_response_id=identity)) == (503, "kept_unavailable")
        assert post(gateway, store=False).status_code == 200
        os.kill(keeper, signal.SIGCONT)
    finally:
        stop(gateway)


def test_conditions_on_a_model_hold_for_what_is_fetched(tmp_path: Path, providers: Providers) -> None:
    """The model that was asked for is not known any more, so any may have been."""
    _, port = providers.add()
    policies = POLICIES.replace("dlp-filter, audit", "{dlp-filter: {when: {model: [demo-leak]}}}, audit")
    gateway = serve(tmp_path, document([port], policies))
    try:
        identity = post(gateway, model="demo-leak").json()["id"]
        reply = call(gateway, "GET", f"/responses/{identity}")
        assert "ACME" not in reply.text and "[DLP_REDACTED]" in reply.text
    finally:
        stop(gateway)
