"""A client that leaves in the middle of a guarded stream: nothing stays open behind it, and it is told once."""

from __future__ import annotations

import socket
import ssl
import threading
from collections.abc import Callable, Iterator

import h2.config
import h2.connection
import h2.events
import orjson
import pytest
from chunks import TAIL, says
from live import Gateway, eventually
from player import Step
from stage import BODY, Stage, staged

KEEPS_WRITING: list[Step] = [0.02, says("and on ")] * 1000
SILENT: list[Step] = [threading.Event()]
HOLDING: list[Step] = [says("ana.lopez@exam"), threading.Event(), says("ple.net")]
PROVIDERS = pytest.mark.parametrize("then", [KEEPS_WRITING, SILENT, HOLDING], ids=["writing", "silent", "holding"])


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    with staged(tmp_path_factory.mktemp("aborts")) as found:
        yield found


def is_quiet(stage: Stage) -> bool:
    """Whether Envoy has no request open, on any side, and every call to a worker is closed."""
    calls = stage.stats("ext_proc[.]streams_(started|closed)$")
    active = stage.stats("^(http[.]gateway[.]downstream|cluster[.](workers|target_t0)[.]upstream)_rq_active$")
    assert len(active) == 3 and calls["http.gateway.ext_proc.streams_started"]
    return len(set(calls.values())) == 1 and not any(active.values())


def leave_http1(gateway: Gateway) -> str:
    """Read the beginning of a stream, and close the connection."""
    with gateway.client() as client, client.stream("POST", "/chat/completions", json=BODY) as answer:
        assert next(answer.iter_bytes())
        return answer.headers["x-keeptrusts-request-id"]


def leave_http2(gateway: Gateway) -> str:
    """Read the beginning of a stream, and reset it on a connection that stays: most HTTP libraries never do."""
    context = ssl.create_default_context(cafile=str(gateway.ca))
    context.set_alpn_protocols(["h2"])
    with context.wrap_socket(
        socket.create_connection(("localhost", gateway.port), 30), server_hostname="localhost"
    ) as tls:
        connection = h2.connection.H2Connection(h2.config.H2Configuration(header_encoding="utf-8"))
        connection.initiate_connection()
        headers = [
            (":method", "POST"), (":scheme", "https"), (":authority", "localhost"), (":path", "/v1/chat/completions"),
            ("authorization", f"Bearer {gateway.key}"), ("content-type", "application/json"),
        ]  # fmt: skip
        connection.send_headers(1, headers)
        connection.send_data(1, orjson.dumps(BODY), end_stream=True)
        told: list[h2.events.Event] = []
        while not any(isinstance(event, h2.events.DataReceived) for event in told):
            tls.sendall(connection.data_to_send())
            data = tls.recv(1 << 16)
            assert data
            told += connection.receive_data(data)
        connection.reset_stream(1, 8)  # CANCEL
        connection.ping(b"isitgone")
        tls.sendall(connection.data_to_send())
        while not any(isinstance(event, h2.events.PingAckReceived) for event in told):
            data = tls.recv(1 << 16)
            assert data
            told += connection.receive_data(data)
        (head,) = (event for event in told if isinstance(event, h2.events.ResponseReceived))
        return dict(head.headers)["x-keeptrusts-request-id"]  # type: ignore[return-value]


@PROVIDERS
@pytest.mark.parametrize("leave", [leave_http1, leave_http2])
def test_a_client_that_leaves_stops_the_provider_and_leaves_nothing_open(
    stage: Stage, leave: Callable[[Gateway], str], then: list[Step]
) -> None:
    stage.player.play(says("Hello, "), says("you "), *then, TAIL)
    leave(stage.gateway)
    eventually(stage.player.gone.is_set, "the provider's connection closed")
    eventually(lambda: is_quiet(stage), "end of all streams")


@PROVIDERS
@pytest.mark.parametrize("leave", [leave_http1, leave_http2])
def test_a_client_that_leaves_is_told_once_and_as_aborted(
    stage: Stage, leave: Callable[[Gateway], str], then: list[Step]
) -> None:
    stage.player.play(says("Hello, "), says("you "), *then, TAIL)
    key = leave(stage.gateway)
    eventually(stage.player.gone.is_set, "the provider's connection closed")
    assert [row["decision"] for row in stage.told(key)] == ["aborted"]
    stage.player.play(says("Hello."), TAIL)
    stage.told(stage.gateway.chat("hello", stream=True))  # whose event is later
    (event,) = stage.told(key)
    assert (event["reason"], event["stream"], event["status"]) == ("stream_closed", True, 200)
