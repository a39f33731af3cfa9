"""Each check passes at a gateway that is right, and fails at one that is not, by what its client would miss."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scripted import KEY, MODELS, Perform, error, gateway, whole

from extproc.conformance.check import Ask, Check, Client, Reply, Subject
from extproc.conformance.clients import CLIENTS
from extproc.conformance.clients.shared import NO_MODEL
from extproc.conformance.exchange import NoAnswerError
from extproc.conformance.models import subject
from extproc.conformance.runner import run

ALL = [(client, check) for client in CLIENTS for check in client.checks]
NAMES = {f"{client.name} {check.name}" for client, check in ALL}


def the_subject(client: Client) -> Subject:
    found = subject(client.speaks, MODELS, KEY)
    assert found is not None
    return found


def found(perform: Perform) -> dict[str, str]:
    """What fails at a gateway, by client and check."""
    outcomes = {
        f"{client.name} {each.check.name}": each
        for client in CLIENTS
        for each in run(client, the_subject(client), perform, lambda: 0.0)
    }
    assert outcomes.keys() == NAMES and all(each.status != "skip" for each in outcomes.values())
    return {name: each.message for name, each in outcomes.items() if each.status == "fail"}


def faults(client: Client, check: Check, perform: Perform) -> str:
    (outcome,) = run(replace(client, checks=(check,)), the_subject(client), perform, lambda: 0.0)
    return outcome.message if outcome.status == "fail" else ""


def test_a_gateway_that_is_right_passes_every_check() -> None:
    assert found(gateway) == {}


def test_names_are_unique_and_every_check_says_what_breaks_and_what_to_do() -> None:
    assert len(NAMES) == len(ALL)
    for _, check in ALL:
        assert check.breaks and check.next and not check.breaks.endswith(".") and not check.next.endswith(".")


EVERY = pytest.mark.parametrize(("client", "check"), ALL, ids=lambda value: value.name)


@EVERY
@pytest.mark.parametrize("status", [200, 301, 404, 500])
def test_a_page_in_place_of_an_answer_fails_every_check(client: Client, check: Check, status: int) -> None:
    page = Reply(status, {"content-type": "text/html"}, b"<html>Not what you think</html>")
    assert faults(client, check, lambda _: page)


@EVERY
def test_an_empty_object_fails_every_check(client: Client, check: Check) -> None:
    assert faults(client, check, lambda _: whole({}))


@EVERY
def test_no_answer_fails_every_check(client: Client, check: Check) -> None:
    def silent(_: Ask) -> Reply:
        raise NoAnswerError("no answer: nothing came within 60 s")

    assert "nothing came within 60 s" in faults(client, check, silent)


BY_STATUS = {"bad-key", "unknown-model", "malformed", "preflight"}
OF_ANSWERS = [(client, check) for client, check in ALL if check.name not in BY_STATUS]


@pytest.mark.parametrize(("client", "check"), OF_ANSWERS, ids=lambda value: value.name)
def test_a_body_that_broke_off_fails_every_check_of_an_answer(client: Client, check: Check) -> None:
    assert "broke off" in faults(client, check, lambda ask: replace(gateway(ask), cut="the connection was closed"))


# --- what real gateways were seen to get wrong -------------------------------------------------------------------------


def only(spoils: Callable[[Ask], bool], reply: Callable[[Ask], Reply]) -> Perform:
    return lambda ask: reply(ask) if spoils(ask) else gateway(ask)


def edited(old: str, new: str) -> Perform:
    """Everything that is answered, with this text in place of that."""

    def perform(ask: Ask) -> Reply:
        right = gateway(ask)
        return replace(right, body=right.body.replace(old.encode(), new.encode()))

    return perform


def refuses(status: int) -> Callable[[Ask], Reply]:
    return lambda ask: error(status, anthropic="/messages" in ask.path)


def goes_to(path: str) -> Callable[[Ask], bool]:
    return lambda ask: ask.path.partition("?")[0] == path


def has(header: str) -> Callable[[Ask], bool]:
    return lambda ask: header in dict(ask.headers)


def sends(*members: str) -> Callable[[Ask], bool]:
    def spoils(ask: Ask) -> bool:
        try:
            return any(member in json.loads(ask.body) for member in members)
        except ValueError:
            return False

    return spoils


def without_arguments(ask: Ask) -> Reply:
    right = gateway(ask)
    pieces = (
        b'{\\"que',
        b'ry\\": \\"conformance\\"}',
        b'{\\"query\\": \\"conformance\\"}',
        b'{"query": "conformance"}',
    )
    body = right.body
    for piece in sorted(pieces, key=len, reverse=True):
        body = body.replace(piece, b"{}" if piece.startswith(b'{"') else b"")
    return replace(right, body=body)


def named(*parts: str) -> set[str]:
    return {name for name in NAMES if any(name.split()[1] == part or name == part for part in parts)}


def of(client: str) -> set[str]:
    return {name for name in NAMES if name.split()[0] == client}


def blind_to_versions(ask: Ask) -> Reply:
    return gateway(replace(ask, headers=tuple(pair for pair in ask.headers if pair[0] != "anthropic-version")))


def answers_any_model(ask: Ask) -> Reply:
    return gateway(replace(ask, body=ask.body.replace(NO_MODEL.encode(), b"gpt-x")))


def without_header(name: str) -> Perform:
    def perform(ask: Ask) -> Reply:
        right = gateway(ask)
        return replace(right, headers={key: value for key, value in right.headers.items() if key != name})

    return perform


def as_responses(ask: Ask) -> Reply:
    return gateway(replace(ask, path="/v1/responses"))


CHAT_REPLIES = {"openai reply", "openai tools", "openai extras", "aider reply", "gptel reply", "cursor key"}
CHAT_STREAMS = {"zed stream", "zed tools", "zed large-body", "continue stream", "continue tools", "aider stream"} | {
    "gptel stream", "gptel tools", "openai stream", "cursor stream", "cursor tools", "cursor chat", "cursor chat-tools",
    "cursor large-body",
}  # fmt: skip
MESSAGE_STREAMS = {f"claude-code {name}" for name in ("stream", "tools", "extras", "large-body")} | {
    "anthropic stream",
    "anthropic tools",
}
RESPONSE_STREAMS = {f"codex {name}" for name in ("stream", "tools", "extras", "large-body")} | {
    "openai responses-stream"
}


@pytest.mark.parametrize(
    ("perform", "failing", "says"),
    [
        (only(goes_to("/v1/models"), refuses(404)), named("models") | {"claude-code key"}, "404"),
        (only(lambda ask: ask.path.startswith("/v1/models/"), refuses(404)), named("model"), "404"),
        (only(lambda ask: ask.path.startswith("/v1/models?"), refuses(404)), {"codex models", "claude-code models", "claude-code key"}, "404"),
        (edited('"models": []', '"other": []'), {"codex models"}, "models is no list"),
        (edited('"has_more": false', '"other": false'), {"claude-code models", "claude-code key", "anthropic models"}, "has_more"),
        (edited('"display_name"', '"name"'), {"claude-code models", "claude-code key", "anthropic models", "anthropic model"}, "display_name"),
        (edited('"object": "list", "models"', '"models"'), {"cursor models", "continue models", "openai models"}, 'object is not "list"'),
        (only(lambda ask: ask.method == "GET" and has("anthropic-version")(ask), blind_to_versions), {"claude-code models", "claude-code key", "anthropic models", "anthropic model"}, "type of a model"),
        (only(lambda ask: has("x-api-key")(ask) and not has("authorization")(ask), refuses(401)), {"claude-code key", "anthropic key"}, "401"),
        (only(lambda ask: ask.method == "OPTIONS", refuses(401)), {"cursor preflight"}, "401"),
        (without_header("access-control-allow-origin"), {"cursor preflight", "cursor models", "cursor key"}, "access-control-allow-origin is"),
        (without_header("access-control-allow-headers"), {"cursor preflight"}, "access-control-allow-headers does not name authorization"),
        (only(lambda ask: has("origin")(ask) and ask.method == "POST", refuses(405)), {"cursor key"}, "405"),
        (only(lambda ask: ask.path == "/v1/chat/completions" and sends("input")(ask), refuses(400)), of("cursor") - {"cursor preflight", "cursor models", "cursor key", "cursor chat", "cursor chat-tools", "cursor malformed", "cursor unknown-model"}, "400"),
        (only(lambda ask: ask.path == "/v1/chat/completions" and sends("input")(ask), as_responses), {"cursor stream", "cursor tools", "cursor large-body"}, "does not end with data: [DONE]"),
        (only(lambda ask: b'"tools":[{"type":"function","name":' in ask.body and b"nested" in ask.body, refuses(400)), {"cursor stream", "cursor tools", "cursor large-body", "cursor bad-key"}, "400"),
        (edited("data: [DONE]\n\n", ""), CHAT_STREAMS | {"continue autocomplete"}, "does not end with data: [DONE]"),
        (edited('"finish_reason": "stop"', '"finish_reason": null'), CHAT_STREAMS | CHAT_REPLIES, "finish_reason"),
        (edited('"usage": {"prompt_tokens"', '"other": {"prompt_tokens"'), CHAT_REPLIES | {"zed stream", "continue stream", "openai stream", "cursor stream", "cursor chat"} | named("embeddings"), "usage"),
        (without_arguments, named("tools", "chat-tools"), "request 1 of 2: "),
        (edited('"id": "call_1"', '"id": "chatcmpl-tool-1"'), {"gptel tools"}, "call_"),
        (edited('"usage": {"input_tokens": 1, "output_tokens": 1}}}', '"usage": {}}}'), MESSAGE_STREAMS, "message_start has no usage"),
        (edited('event: message_stop\ndata: {"type": "message_stop"}\n\n', ""), MESSAGE_STREAMS, "does not end with message_stop"),
        (edited("event: message_start\n", ""), MESSAGE_STREAMS, "not named as its type"),
        (edited('event: content_block_stop\ndata: {"type": "content_block_stop", "index": 0}\n\n', ""), MESSAGE_STREAMS, "not stopped"),
        (edited('"stop_reason": "end_turn"}, "usage"', '"stop_reason": null}, "usage"'), MESSAGE_STREAMS, "stop_reason"),
        (edited("event: ping\n", "event: error\n"), MESSAGE_STREAMS, "named as its type"),
        (edited("response.completed", "response.incomplete"), RESPONSE_STREAMS, "does not end with response.completed"),
        (edited('"sequence_number": 3', '"sequence_number": 0'), RESPONSE_STREAMS, "sequence_number"),
        (edited('"delta": "hell"', '"delta": "hel"'), RESPONSE_STREAMS, "does not say what its deltas said"),
        (edited('"metadata": {"conformance": "kt"}', '"metadata": {}'), {"openai responses"}, "metadata"),
        (only(goes_to("/v1/messages/count_tokens"), refuses(404)), named("count-tokens"), "404"),
        (only(goes_to("/v1/completions"), refuses(404)), {"continue autocomplete"}, "404"),
        (only(goes_to("/v1/responses"), refuses(404)), of("codex") - {"codex models", "codex unknown-model"} | {"openai responses", "openai responses-stream"}, ""),
        (edited('"AACAPwAAAEA="', "[1.0, 2.0]"), {"openai embeddings"}, "Base64"),
        (edited('"index": 1, "embedding"', '"index": 0, "embedding"'), {"continue embeddings"}, "order"),
        (only(sends("context_management", "prompt_cache_key", "client_metadata"), refuses(400)), of("codex") - {"codex models", "codex unknown-model", "codex malformed"} | {"claude-code extras", "openai extras"}, ""),
        (only(lambda ask: "beta=true" in ask.path, refuses(404)), of("claude-code") - {"claude-code models", "claude-code key", "claude-code unknown-model"}, ""),
        (only(lambda ask: len(ask.body) > 1 << 20, refuses(413)), named("large-body"), "413"),
        (edited('"type": "some_error"', '"kind": "some_error"'), named("bad-key", "unknown-model", "malformed"), "the error is not"),
        (only(lambda ask: gateway(ask).status == 401, refuses(403)), named("bad-key"), "403"),
        (only(lambda ask: gateway(ask).status == 404, answers_any_model), named("unknown-model"), "200"),
        (only(lambda ask: gateway(ask).status == 400, refuses(500)), named("malformed"), "500"),
    ],
)  # fmt: skip
def test_what_gateways_get_wrong_is_found_where_clients_would_miss_it(
    perform: Perform, failing: set[str], says: str
) -> None:
    wrong = found(perform)
    assert wrong.keys() == failing
    assert all(says in message for message in wrong.values()), wrong


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ('"text": "hello there", "finish_reason": null', '"finish_reason": "stop"'),
        ('"id": "gpt-x", "object": "model"', '"id": "gpt-x", "object": "model", "mode": "chat"'),
    ],
)
def test_what_clients_put_up_with_is_no_fault(old: str, new: str) -> None:
    assert found(edited(old, new)) == {}


def test_a_stream_of_responses_may_end_as_chats_do() -> None:
    def perform(ask: Ask) -> Reply:
        right = gateway(ask)
        return (
            replace(right, body=right.body + b"data: [DONE]\n\n") if "response.completed" in str(right.body) else right
        )

    assert found(perform) == {}


def test_an_error_in_a_stream_is_one() -> None:
    def perform(ask: Ask) -> Reply:
        right = gateway(ask)
        return replace(
            right, body=right.body.replace(b"data: [DONE]", b'data: {"error": {"message": "x"}}\n\ndata: [DONE]')
        )

    wrong = found(perform)
    assert wrong.keys() == CHAT_STREAMS | {"continue autocomplete"}


def test_embeddings_are_passed_over_where_no_model_embeds() -> None:
    (client,) = (each for each in CLIENTS if each.name == "openai")
    outcomes = {each.check.name: each.status for each in run(client, Subject(KEY, "gpt-x"), gateway, lambda: 0.0)}
    assert {name for name, status in outcomes.items() if status == "skip"} == {"embeddings"}


def test_no_check_sends_the_key_anywhere_but_in_its_headers() -> None:
    asked: list[Ask] = []

    def perform(ask: Ask) -> Reply:
        asked.append(ask)
        return gateway(ask)

    found(perform)
    assert len(asked) == sum(len(check.turns) for _, check in ALL)
    for ask in asked:
        assert KEY not in ask.path and KEY.encode() not in ask.body and KEY not in repr(ask)


values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(
        ["data", "choices", "message", "delta", "tool_calls", "function", "type", "index", "error", "content", "usage",
         "content_block", "response", "item", "output", "sequence_number", "id", "object", "input"]), inner, max_size=4),
    max_leaves=12,
)  # fmt: skip


@given(
    value=values,
    spread=st.integers(0, 3),
    streams=st.booleans(),
    name=st.sampled_from(["", "message_start", "response.created", "error"]),
)
def test_no_answer_makes_a_judge_fail(value: Any, spread: int, streams: bool, name: str) -> None:
    text = json.dumps(value)
    if streams:
        head = f"event: {name}\n" if name else ""
        reply = Reply(
            200,
            {"content-type": "text/event-stream"},
            (f"{head}data: {text}\n\n" * spread + "data: [DONE]\n\n").encode(),
        )
    else:
        reply = Reply(200, {"content-type": "application/json"}, text.encode())
    for _, check in ALL:
        for turn in check.turns:
            assert isinstance(turn.judge(reply), str)
