"""However a provider frames its reply, in either version of HTTP, the client gets every byte of it."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Iterator
from typing import Literal

import pytest
from chunks import TAIL, says
from corpus.streams import heard
from player import SSE, Pairs, Step
from player_http2 import PlayerHttp2
from stage import Stage, staged

from extproc.gateway.certs import ensure_dev_certificate

JSON = (("content-type", "application/json"),)
TRAILERS = (("x-provider-checksum", "abc"),)
MIB = 1 << 20
Kind = Literal["stream", "json"]
KINDS = pytest.mark.parametrize("kind", ["stream", "json"])


@pytest.fixture(scope="module", params=["HTTP/1.1", "HTTP/2"])
def stage(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    root = tmp_path_factory.mktemp("framings")
    if request.param == "HTTP/1.1":
        with staged(root) as found:
            yield found
        return
    certificate = ensure_dev_certificate(root / "provider", dt.datetime.now(dt.UTC))
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SSL_CERT_FILE", str(certificate.ca))
        with staged(root, player=PlayerHttp2(certificate=certificate), base="https://localhost") as found:
            yield found


def body(kind: Kind, text: str) -> bytes:
    if kind == "stream":
        return says(text) + TAIL
    message = {"role": "assistant", "content": text}
    choice = {"index": 0, "message": message, "finish_reason": "stop"}
    return json.dumps(
        {"id": "c1", "object": "chat.completion", "created": 1, "model": "m", "choices": [choice]}
    ).encode()


def answer(stage: Stage, kind: Kind, *script: Step, trailers: Pairs = ()) -> bytes:
    stage.player.play(*script, headers=SSE if kind == "stream" else JSON, trailers=trailers)
    found = stage.gateway.chat("hello", stream=kind == "stream")
    assert found.status_code == 200
    return found.content


@KINDS
def test_a_first_chunk_in_one_piece_with_the_headers_is_not_lost(stage: Stage, kind: Kind) -> None:
    data = body(kind, "Hello, you there")
    assert answer(stage, kind, data) == data
    assert answer(stage, kind, data[:20], 0.05, data[20:]) == data


@KINDS
def test_a_first_chunk_long_after_the_headers_is_not_lost(stage: Stage, kind: Kind) -> None:
    data = body(kind, "Hello, you there")
    assert answer(stage, kind, 0.05, data) == data


@KINDS
def test_trailers_take_nothing_of_the_body_with_them(stage: Stage, kind: Kind) -> None:
    data = body(kind, "Hello, you there")
    assert answer(stage, kind, data, trailers=TRAILERS) == data
    assert answer(stage, kind, data, 0.05, trailers=TRAILERS) == data


@KINDS
@pytest.mark.parametrize("before", ["Ask ", ""])  # without it all of the stream's text is held
def test_what_is_held_when_trailers_come_is_guarded_and_passed_on(stage: Stage, kind: Kind, before: str) -> None:
    text = f"{before}ana.lopez@example.net"
    data = says(text) if kind == "stream" else body(kind, text)
    for pause in ((), (0.05,)):  # trailers come before Envoy has our answer to the headers, and after it
        found = answer(stage, kind, data, *pause, trailers=TRAILERS)
        said = heard(found)[0, "content"] if kind == "stream" else json.loads(found)["choices"][0]["message"]["content"]
        assert said == f"{before}[EMAIL_REDACTED]"


@KINDS
@pytest.mark.parametrize("size", [MIB, 8 * MIB])
def test_a_large_first_chunk_is_not_lost(stage: Stage, kind: Kind, size: int) -> None:
    data = body(kind, "Hello, you there. " * (size // 18))
    assert len(data) > size - 20
    assert answer(stage, kind, data) == data


def test_a_stream_without_any_event_stays_empty(stage: Stage) -> None:
    assert answer(stage, "stream") == b""


def test_a_json_reply_whose_body_is_empty_is_an_error_in_shape(stage: Stage) -> None:
    stage.player.play(headers=JSON)
    found = stage.gateway.chat("hello")
    assert found.status_code == 502 and found.json()["error"]["code"] == "reply_unreadable"


def test_a_reply_of_headers_and_trailers_alone_does_not_hang(stage: Stage) -> None:
    stage.player.play(headers=JSON, trailers=TRAILERS)
    found = stage.gateway.chat("hello")
    # Envoy drops trailers of HTTP/1.1, so there it is a body that is empty
    assert (found.status_code, found.content) == (200, b"") or found.json()["error"]["code"] == "reply_unreadable"
