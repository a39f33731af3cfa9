"""One request over a real socket: what is sent, and what is made of answers that are not whole."""

from __future__ import annotations

import gzip
import socket
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

import pytest
from live import free_port

from extproc.conformance import exchange
from extproc.conformance.check import Ask, Reply
from extproc.conformance.exchange import Gateway, NoAnswerError, UnreachableError

ASK = Ask("POST", "/v1/x?beta=true", (("X-One", "1"), ("authorization", "Bearer k")), b'{"a":1}')
HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\n"


@contextmanager
def server(*pieces: bytes, stays: bool = False) -> Iterator[tuple[Gateway, list[bytes]]]:
    """One that takes a request, sends these pieces, and closes unless it `stays`."""
    listener, got = socket.create_server(("127.0.0.1", 0)), list[bytes]()
    leave = threading.Event()

    def serve() -> None:
        peer, _ = listener.accept()
        with peer:
            while not b"".join(got).endswith(ASK.body):  # closing with bytes unread would reset the connection
                got.append(peer.recv(65536))
            for piece in pieces:
                peer.sendall(piece)
            if stays:
                leave.wait(10)

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    yield Gateway(f"http://127.0.0.1:{listener.getsockname()[1]}/team", ssl.create_default_context(), 0.3), got
    leave.set()
    thread.join(5)
    listener.close()


def asked(*pieces: bytes, stays: bool = False) -> Reply:
    with server(*pieces, stays=stays) as (gateway, _):
        return gateway.ask(ASK)


def test_a_request_leaves_as_its_client_would_send_it_and_with_nothing_added() -> None:
    with server(HEAD + b"content-length: 0\r\n\r\n") as (gateway, got):
        gateway.ask(ASK)
        host = gateway.root.split("/")[2]
    head = f"POST /team/v1/x?beta=true HTTP/1.1\r\nHost: {host}\r\nX-One: 1\r\nauthorization: Bearer k\r\ncontent-length: 7\r\n\r\n"
    assert b"".join(got).startswith(head.encode())


def test_a_base_url_without_a_version_is_asked_without_one() -> None:
    with server(HEAD + b"content-length: 0\r\n\r\n") as (gateway, got):
        replace(gateway, version="").ask(ASK)
    assert b"".join(got).startswith(b"POST /team/x?beta=true HTTP/1.1\r\n")


def test_a_whole_answer_is_read_with_its_headers_in_lower_case() -> None:
    assert asked(HEAD + b"content-length: 2\r\n\r\n", b"ok") == Reply(
        200, {"content-type": "text/plain", "content-length": "2"}, b"ok"
    )


def test_chunks_are_joined() -> None:
    said = asked(HEAD + b"transfer-encoding: chunked\r\n\r\n2\r\nok\r\n", b"1\r\n!\r\n0\r\n\r\n")
    assert (said.body, said.cut) == (b"ok!", "")


@pytest.mark.parametrize(
    "pieces",
    [(b"content-length: 9\r\n\r\n", b"ok"), (b"transfer-encoding: chunked\r\n\r\n", b"2\r\nok\r\n"), (b"transfer-encoding: chunked\r\n\r\n", b"9\r\nok")],
)  # fmt: skip
def test_an_answer_that_breaks_off_says_so_and_keeps_what_came(pieces: tuple[bytes, bytes]) -> None:
    said = asked(HEAD + pieces[0], pieces[1])
    assert said.body == b"ok" and "closed in the middle" in said.cut


def test_silence_in_the_middle_is_an_answer_that_breaks_off() -> None:
    said = asked(HEAD + b"content-length: 9\r\n\r\n", b"ok", stays=True)
    assert (said.body, said.cut) == (b"ok", "nothing came within 0.3 s")


def test_silence_instead_of_an_answer_is_none() -> None:
    with pytest.raises(NoAnswerError, match=r"nothing came within 0\.3 s"):
        asked(stays=True)


def test_a_connection_that_is_closed_at_once_is_no_answer() -> None:
    with pytest.raises(NoAnswerError, match="the connection was closed"):
        asked()


def test_what_is_no_http_is_no_answer() -> None:
    with pytest.raises(NoAnswerError):
        asked(b"SSH-2.0-OpenSSH_9.6\r\n")


def test_nobody_there_is_said_with_the_place() -> None:
    port = free_port()
    with pytest.raises(UnreachableError, match=f"cannot connect to http://127.0.0.1:{port}: Connection refused"):
        Gateway(f"http://127.0.0.1:{port}", ssl.create_default_context(), 1).ask(ASK)


def test_a_compressed_answer_is_decoded() -> None:
    coded = gzip.compress(b"hello")
    head = HEAD + b"content-encoding: gzip\r\ncontent-length: %d\r\n\r\n"
    assert asked(head % len(coded) + coded).body == b"hello"
    assert asked(head % (len(coded) - 9) + coded[:-9]).cut == "its compression does not end"
    assert "is broken" in asked(head % 4 + b"nope").cut


def test_an_endless_answer_is_left(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(exchange, "MOST", 1 << 20)
    said = asked(HEAD + b"transfer-encoding: chunked\r\n\r\n", *[b"10000\r\n" + b"x" * 65536 + b"\r\n"] * 17)
    assert said.cut == "it is longer than 1 MiB"


def test_an_answer_has_its_time_although_pieces_keep_coming() -> None:
    times = iter((0.0, 0.1, 99.0))
    with server(HEAD + b"content-length: 9\r\n\r\nab", stays=True) as (gateway, _):
        late = replace(gateway, clock=lambda: next(times))
        assert late.ask(ASK).cut in ("it is not whole after 0.3 s", "nothing came within 0.3 s")
