"""A stream that must not go on: how soon the provider is stopped, and what client and audit are told."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator

import pytest
from chunks import DONE, TAIL, says
from corpus.streams import heard
from live import eventually
from stage import BODY, Stage, staged

from extproc.dialects.sse import Framer

SECRET = "ACME-123456"
ASKS_USAGE = {**BODY, "stream_options": {"include_usage": True}}


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    with staged(tmp_path_factory.mktemp("stops")) as found:
        yield found


def read_to_its_end(stage: Stage, body: dict[str, object], http2: bool) -> tuple[bytes, int]:
    """The stream, and how many pieces the provider had written when its last byte was here."""
    client = stage.gateway.client(http2=http2)
    with client, client.stream("POST", "/chat/completions", json=body) as answer:
        said = b""
        for part in answer.iter_bytes():
            said += part
            if said.endswith(DONE):
                return said, stage.player.written
    raise AssertionError(said)


def last_events(said: bytes, count: int) -> list[dict[str, object]]:
    events = [event for event in Framer().feed(said) if event.data]
    assert events[-1].data == b"[DONE]"
    return [json.loads(event.data) for event in events[-1 - count : -1]]


@pytest.mark.parametrize("http2", [False, True])
def test_a_block_stops_a_provider_that_keeps_writing_within_one_chunk(stage: Stage, http2: bool) -> None:
    stage.player.play(says("All is well. "), says(f"{SECRET} "), *[0.02, says("and on ")] * 1000, TAIL)
    said, written = read_to_its_end(stage, BODY, http2)
    eventually(stage.player.gone.is_set, "the provider's connection closed")
    assert stage.player.written <= written + 1
    assert SECRET.encode() not in said


def test_a_provider_that_writes_as_fast_as_it_can_is_stopped(stage: Stage) -> None:
    flood = says("and on " * 100)
    stage.player.play(says("All is well. "), says(f"{SECRET} "), *[flood] * 100_000, TAIL)
    read_to_its_end(stage, BODY, False)
    eventually(stage.player.gone.is_set, "the provider's connection closed")
    assert (
        stage.player.written * len(flood) < 8 << 20
    )  # what the kernel's buffers on the way took before anybody read it


@pytest.mark.parametrize("wants_usage", [True, False])
def test_a_block_ends_with_content_filter_then_usage_where_it_was_asked_for_then_done(
    stage: Stage, wants_usage: bool
) -> None:
    stage.player.play(says("All is well. "), says(f"{SECRET} "), *[0.02, says("and on ")] * 1000, TAIL)
    said, _ = read_to_its_end(stage, ASKS_USAGE if wants_usage else BODY, False)
    if wants_usage:
        finish, usage = last_events(said, 2)
        assert usage["choices"] == [] and usage["usage"]
    else:
        (finish,) = last_events(said, 1)
        assert b"usage" not in said
    assert [choice["finish_reason"] for choice in finish["choices"]] == ["content_filter"]  # type: ignore[attr-defined]


def test_text_that_was_held_when_its_stream_was_blocked_never_leaves_and_the_event_says_blocked(stage: Stage) -> None:
    gate = threading.Event()
    stage.player.play(says("All is well. "), says("ana.lopez@exam"), gate, says(f"ple.net {SECRET}"), TAIL)
    with stage.gateway.client() as client, client.stream("POST", "/chat/completions", json=BODY) as answer:
        parts = answer.iter_bytes()
        said = next(parts)
        gate.set()
        said += b"".join(parts)
    assert heard(said) == {(0, "content"): "All is well. "}
    (event,) = stage.told(answer)
    assert (event["decision"], event["policy"]) == ("blocked", "dlp-filter")


def test_text_that_is_judged_only_when_the_provider_has_ended_is_blocked_too(stage: Stage) -> None:
    stage.player.play(says("All is well. "), says("ACME-1"), says("23456"))
    answer = stage.gateway.chat("hello", stream=True)
    assert heard(answer.content) == {(0, "content"): "All is well. "}
    assert answer.content.endswith(DONE)
    (event,) = stage.told(answer)
    assert (event["decision"], event["policy"]) == ("blocked", "dlp-filter")


def test_harmless_text_that_was_held_when_the_provider_ended_is_passed_on(stage: Stage) -> None:
    script = [says("All is well. "), says("Ask ana"), says(".lopez or ACME-1234")]
    stage.player.play(*script)
    answer = stage.gateway.chat("hello", stream=True)
    assert answer.content == b"".join(script)
    (event,) = stage.told(answer)
    assert event["decision"] == "allowed"
