"""Bodies of 32 MiB, the default limit, in both directions: to the byte, over HTTP/1.1 and HTTP/2."""

from __future__ import annotations

import socket
import ssl
from collections.abc import Iterator

import h2.connection
import h2.events
import httpx
import orjson
import pytest
from live import Gateway

from extproc.gateway.demo import DemoProvider

LIMIT = 32 << 20
HTTP = pytest.mark.parametrize("http2", [False, True], ids=["http1", "http2"])

Demo = tuple[Gateway, DemoProvider]


def request_of(size: int) -> bytes:
    """A chat of exactly so many bytes, whose reply is short."""
    messages = [{"role": "system", "content": ""}, {"role": "user", "content": "hello"}]
    empty = orjson.dumps({"model": "demo", "messages": messages})
    messages[0]["content"] = "word " * ((size - len(empty)) // 5) + "x" * ((size - len(empty)) % 5)
    return orjson.dumps({"model": "demo", "messages": messages})


def post(gateway: Gateway, http2: bool, content: bytes | Iterator[bytes]) -> httpx.Response:
    with gateway.client(http2=http2) as client:
        client.timeout = httpx.Timeout(60)
        reply = client.post("/chat/completions", content=content, headers={"content-type": "application/json"})
    assert reply.http_version == ("HTTP/2" if http2 else "HTTP/1.1")
    return reply


def is_error(reply: httpx.Response, status: int, code: str) -> None:
    assert reply.status_code == status and reply.headers["x-keeptrusts-request-id"]
    error = reply.json()["error"]
    assert set(error) == {"message", "type", "param", "code"} and error["code"] == code


@pytest.mark.full
@HTTP
def test_a_request_of_exactly_the_limit_passes_untouched(demo: Demo, http2: bool) -> None:
    gateway, provider = demo
    body = request_of(LIMIT)
    assert len(body) == LIMIT
    assert post(gateway, http2, body).status_code == 200
    assert provider.requests[-1].body == body


@pytest.mark.full
@HTTP
def test_a_request_of_one_byte_more_is_a_413_in_shape(demo: Demo, http2: bool) -> None:
    gateway, provider = demo
    provider.requests.clear()
    body = request_of(LIMIT + 1)
    # in pieces, so that only its end shows its size; see below for one that declares it
    pieces = (body[at : at + (1 << 20)] for at in range(0, len(body), 1 << 20))
    is_error(post(gateway, http2, pieces), 413, "request_too_large")
    assert provider.requests == []


@pytest.mark.full
@HTTP
@pytest.mark.parametrize("more", [0, 1])
def test_a_json_reply_passes_up_to_exactly_the_limit(demo: Demo, http2: bool, more: int) -> None:
    gateway, _ = demo
    overhead = len(gateway.chat("x").content) - 1
    said = "x" * (LIMIT - overhead + more)
    reply = post(gateway, http2, orjson.dumps({"model": "demo", "messages": [{"role": "user", "content": said}]}))
    if more:
        is_error(reply, 502, "reply_too_large")
    else:
        assert reply.status_code == 200 and len(reply.content) == LIMIT
        assert reply.json()["choices"][0]["message"]["content"] == f"You said: {said}"


@pytest.mark.parametrize("declared", [True, False])
def test_a_413_in_the_middle_of_an_http2_upload_is_whole_before_the_stream_is_reset(demo: Demo, declared: bool) -> None:
    """Frame by frame, for clients differ in what they make of it (docs/decisions/0004)."""
    gateway, _ = demo
    size = 48 << 20
    headers = [
        (":method", "POST"), (":scheme", "https"), (":authority", "localhost"), (":path", "/v1/chat/completions"),
        ("authorization", f"Bearer {gateway.key}"), ("content-type", "application/json"),
    ]  # fmt: skip
    if declared:
        headers.append(("content-length", str(size)))
    told = uploaded(gateway, headers, size)
    kinds = [type(event).__name__ for event in told]
    assert kinds[0] == "ResponseReceived" and kinds[-2:] == ["StreamEnded", "StreamReset"]
    assert dict(told[0].headers)[b":status"] == b"413"  # type: ignore[attr-defined]
    body = b"".join(event.data for event in told if isinstance(event, h2.events.DataReceived))
    assert orjson.loads(body)["error"]["code"] == "request_too_large"
    assert told[-1].error_code == 0  # type: ignore[attr-defined]  # NO_ERROR, as RFC 9113, section 8.1 has it


def uploaded(gateway: Gateway, headers: list[tuple[str, str]], size: int) -> list[h2.events.Event]:
    """Upload until the server resets the stream; what was told on it."""
    context = ssl.create_default_context(cafile=str(gateway.ca))
    context.set_alpn_protocols(["h2"])
    told: list[h2.events.Event] = []
    with context.wrap_socket(
        socket.create_connection(("localhost", gateway.port), 30), server_hostname="localhost"
    ) as tls:
        connection = h2.connection.H2Connection()
        connection.initiate_connection()
        connection.send_headers(1, headers)
        left = size
        while not any(isinstance(event, h2.events.StreamReset) for event in told):
            tls.sendall(connection.data_to_send())
            room = min(connection.local_flow_control_window(1), left)
            while room:
                part = min(room, connection.max_outbound_frame_size)
                connection.send_data(1, b" " * part)
                room, left = room - part, left - part
            tls.sendall(connection.data_to_send())
            data = tls.recv(1 << 16)
            assert data and left, "the connection ended, or the upload, and no reset came"
            told += [event for event in connection.receive_data(data) if getattr(event, "stream_id", 0) == 1]
    return [event for event in told if not isinstance(event, h2.events.WindowUpdated)]
