"""Event streams through real Envoy: guarded while they run, wherever the bytes are cut."""

from __future__ import annotations

import base64
import gzip
import json
import threading
import zlib
from collections.abc import Iterator
from pathlib import Path

import httpx
import openai
import pytest
from chunks import TAIL, says
from corpus.streams import Case, every_cut, heard
from corpus.values import Value
from live import Gateway, eventually
from player import ABORT
from stage import BODY, POLICIES, Stage, staged

LIMITS = "limits: {stream_idle_timeout_seconds: 5}\n"
VALUE = Value("email", "ana.lopez@example.net")


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    with staged(tmp_path_factory.mktemp("streams"), POLICIES + LIMITS) as found:
        yield found


def ask(gateway: Gateway, **more: object) -> httpx.Response:
    return gateway.chat("hello", stream=True, **more)


def boundaries(case: Case) -> list[int]:
    """Where to cut the bytes: at every byte of the value as it is written, and here and there in its events."""
    first, last = case.around
    start = case.body.rindex(b'":"', first, last) + 3  # the case's value stands whole in the last of them
    end = case.body.index(b'"', start)
    assert end - start >= len(case.value)
    return sorted({*range(start, end + 1), *range(first, last + 1, 25)})


@pytest.mark.parametrize("http2", [False, True])
@pytest.mark.parametrize("place", ["text", "arguments", "escaped"])
def test_a_value_is_redacted_wherever_the_bytes_are_cut(stage: Stage, place: str, http2: bool) -> None:
    gateway, player = stage.gateway, stage.player
    client = gateway.client(http2=http2)
    (case, *_) = every_cut(VALUE, place, seed=3)  # type: ignore[arg-type]
    for cut in boundaries(case):
        player.play(case.body[:cut], case.body[cut:])
        answer = client.post("/chat/completions", json=BODY)
        assert answer.status_code == 200 and answer.http_version == ("HTTP/2" if http2 else "HTTP/1.1")
        texts = heard(answer.content)
        assert "example.net" not in "".join(texts.values()) and "example.net" not in answer.text, cut
        assert answer.content.endswith(b"data: [DONE]\n\n")
        if place != "text":
            assert json.loads(texts[0, "arguments.0"])
    client.close()


@pytest.mark.parametrize("written", ["jo\u200be@examp\u00adle.net", "jоe@eхample.net", "joe%40example.net", "&#106;oe&#64;example.net",
                                     base64.b64encode(b"write to joe@example.net").decode(), b"joe@example.net".hex()])  # fmt: skip
def test_so_is_a_value_in_disguise(stage: Stage, written: str) -> None:
    """The look-alikes are Cyrillic."""
    for cut in range(0, len(written) + 1, 7):
        stage.player.play(says(f"Write to {written[:cut]}"), says(f"{written[cut:]}, please."), TAIL)
        said = "".join(heard(ask(stage.gateway).content).values())
        assert said == "Write to [EMAIL_REDACTED], please.", cut


def test_a_stream_without_a_hit_arrives_byte_for_byte(stage: Stage) -> None:
    gateway, player = stage.gateway, stage.player
    data = b": comment\r\n\r\n" + says("Hel") + says("lo, wor") + says("ld") + TAIL
    for size in (1, 7, 64, len(data)):
        player.play(*(data[at : at + size] for at in range(0, len(data), size)))
        assert ask(gateway).content == data


def test_a_block_ends_the_stream_in_protocol_and_stops_the_provider(stage: Stage) -> None:
    gateway, player = stage.gateway, stage.player
    more = [threading.Event() for _ in range(40)]
    later = [step for gate in more for step in (gate, says("and on "))]
    player.play(says("All is well. "), says("ACME-123456 "), *later, TAIL)
    answer = ask(gateway)
    assert answer.status_code == 200 and "ACME" not in answer.text
    assert '"finish_reason":"content_filter"' in answer.text and answer.content.endswith(b"data: [DONE]\n\n")
    eventually(player.gone.is_set, "the provider's connection closed")
    assert player.written == 2
    for gate in more:
        gate.set()
    event = gateway.event(answer)
    assert (event["decision"], event["policy"], event["stream"]) == ("blocked", "dlp-filter", True)


def test_a_pause_of_the_provider_lets_out_what_is_settled(stage: Stage) -> None:
    gateway, player = stage.gateway, stage.player
    gate = threading.Event()
    player.play(says("All of this, but not ana"), gate, says(".lopez@example.net!"), TAIL)
    with gateway.client() as client, client.stream("POST", "/chat/completions", json=BODY) as answer:
        parts = answer.iter_bytes()
        first = b""
        while b"but not " not in first:
            first += next(parts)
        assert b"ana" not in first
        gate.set()
        rest = first + b"".join(parts)
    assert heard(rest)[0, "content"] == "All of this, but not [EMAIL_REDACTED]!"


def test_a_stream_that_breaks_is_one_event_and_no_clean_end(stage: Stage) -> None:
    gateway, player = stage.gateway, stage.player
    before = count(gateway, "aborted")
    gate = threading.Event()
    player.play(says("Hello, "), gate, ABORT)
    with gateway.client() as client, client.stream("POST", "/chat/completions", json=BODY) as answer:
        parts = answer.iter_bytes()
        assert next(parts)
        gate.set()
        with pytest.raises(httpx.RemoteProtocolError):
            list(parts)
    eventually(lambda: count(gateway, "aborted") == before + 1, "an event of the broken stream")


def test_text_still_held_when_the_provider_ends_is_guarded_and_passed_on(stage: Stage) -> None:
    gateway, player = stage.gateway, stage.player
    player.play(says("Ask ana"), says(".lopez@example.net"))
    answer = ask(gateway)
    assert heard(answer.content) == {(0, "content"): "Ask [EMAIL_REDACTED]"}
    assert gateway.event(answer)["stream"] is True


def count(gateway: Gateway, decision: str) -> int:
    return sum(row["decision"] == decision for row in gateway.events().values())


def test_a_client_that_leaves_is_one_event_and_the_provider_is_let_go(stage: Stage) -> None:
    gateway, player = stage.gateway, stage.player
    before = count(gateway, "aborted")
    player.play(says("Hello, "), threading.Event(), TAIL)
    with gateway.client() as client, client.stream("POST", "/chat/completions", json=BODY) as answer:
        assert next(answer.iter_bytes())
    eventually(player.gone.is_set, "the provider's connection closed")
    eventually(lambda: sum(row["decision"] == "aborted" for row in gateway.events().values()) == before + 1, "an event")


@pytest.mark.parametrize("stream", [True, False])
def test_what_a_provider_sends_compressed_is_guarded_too(stage: Stage, stream: bool) -> None:
    gateway, player = stage.gateway, stage.player
    if stream:
        squeeze = zlib.compressobj(wbits=31)
        pieces = [squeeze.compress(says("To ana.lopez@example.net ")) + squeeze.flush(zlib.Z_SYNC_FLUSH)]
        pieces.append(squeeze.compress(TAIL) + squeeze.flush())
        kind = "text/event-stream"
    else:
        reply = {
            "id": "c",
            "choices": [{"index": 0, "message": {"role": "assistant", "content": "To ana.lopez@example.net"}}],
        }
        pieces, kind = [gzip.compress(json.dumps(reply).encode())], "application/json"
    player.play(*pieces, headers=(("content-type", kind), ("content-encoding", "gzip")))
    answer = gateway.chat("hello", stream=stream)
    assert answer.status_code == 200 and "content-encoding" not in answer.headers
    assert "[EMAIL_REDACTED]" in answer.text and "example.net" not in answer.text


def test_the_sdk_reads_a_redacted_and_a_blocked_stream(stage: Stage) -> None:
    gateway, player = stage.gateway, stage.player
    with gateway.client() as http:
        client = openai.OpenAI(base_url=gateway.base_url, api_key=gateway.key, max_retries=0, http_client=http)

        def run() -> tuple[str, str | None]:
            stream = client.chat.completions.create(
                model="demo", messages=[{"role": "user", "content": "hi"}], stream=True
            )
            chunks = [chunk.choices[0] for chunk in stream if chunk.choices]
            return "".join(each.delta.content or "" for each in chunks), chunks[-1].finish_reason

        player.play(says("Write to ana.lopez@"), says("example.net now."), TAIL)
        assert run() == ("Write to [EMAIL_REDACTED] now.", "stop")
        player.play(says("All is well. "), says("ACME-123456 "), TAIL)
        assert run() == ("All is well. ", "content_filter")


def test_what_is_no_stream_of_the_api_is_an_error_that_the_sdk_raises(stage: Stage) -> None:
    gateway, player = stage.gateway, stage.player
    player.play(says("Hello. "), b"data: <html>\n\n")
    with gateway.client() as http:
        client = openai.OpenAI(base_url=gateway.base_url, api_key=gateway.key, max_retries=0, http_client=http)
        stream = client.chat.completions.create(model="demo", messages=[{"role": "user", "content": "x"}], stream=True)
        with pytest.raises(openai.APIError, match="API promises"):
            list(stream)


def test_the_state_directory_holds_no_value(stage: Stage) -> None:
    for path in Path(stage.gateway.state).rglob("*"):
        if path.is_file() and not path.name.startswith("secret-"):
            assert b"example.net" not in path.read_bytes(), path


def test_a_stream_that_must_be_judged_whole_is_kept_alive_and_judged(tmp_path: Path) -> None:
    policies = POLICIES.replace("pii-detector,", "{pii-detector: {stream: buffered}},")
    gate = threading.Event()
    with staged(tmp_path, policies + "limits: {stream_ping_seconds: 0.2}\n") as found:
        found.player.play(says("To ana.lopez@"), gate, says("example.net."), TAIL)
        with found.gateway.client() as client, client.stream("POST", "/chat/completions", json=BODY) as answer:
            parts = answer.iter_bytes()
            assert next(parts).startswith(b": ")
            gate.set()
            rest = b"".join(parts)
    assert heard(rest.partition(b"data: ")[1] + rest.partition(b"data: ")[2])[0, "content"] == "To [EMAIL_REDACTED]."
