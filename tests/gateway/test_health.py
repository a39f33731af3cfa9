"""What `kt health` says where Envoy is not there, not ready, or does not answer; tests/e2e/test_health.py has a real one."""

from __future__ import annotations

import socketserver
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest
from live import free_port

from extproc.gateway.health import health


@pytest.fixture
def state() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="kt-") as name:
        root = Path(name)
        (root / "run").mkdir()
        (root / "envoy").mkdir()
        (root / "envoy" / "lds.json").write_text("{}")
        yield root


@contextmanager
def answering(server: socketserver.BaseServer) -> Iterator[None]:
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield
    server.shutdown()
    thread.join()
    server.server_close()


def saying(status: int, text: str) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:  # http.server's name
            self.send_response(status)
            self.send_header("content-length", str(len(text)))
            self.end_headers()
            self.wfile.write(text.encode())

        def log_message(self, format: str, *arguments: object) -> None:  # noqa: A002  # http.server's name
            """Not into the tests' output."""

        def address_string(self) -> str:
            return "admin"

    return Handler


def admin(state: Path, listeners: str) -> socketserver.BaseServer:
    return socketserver.UnixStreamServer(str(state / "run" / "envoy-admin.sock"), saying(200, listeners))


def test_without_an_envoy_no_gateway_runs(state: Path) -> None:
    found = health(state)
    assert (found.ready, found.running, found.message) == (False, False, f"no gateway runs on {state}")


def test_a_socket_that_a_killed_envoy_left_is_no_gateway(state: Path) -> None:
    admin(state, "").server_close()
    assert not health(state).running


@pytest.mark.parametrize("listeners", ["", "gateway::nonsense\n", "other::127.0.0.1:1\n"])
def test_an_envoy_that_does_not_listen_yet_is_starting(state: Path, listeners: str) -> None:
    with answering(admin(state, listeners)):
        found = health(state)
    assert (found.ready, found.running, found.listen) == (False, True, "")
    assert "starting" in found.message


@pytest.mark.parametrize(
    ("status", "ready", "words"), [(200, True, "is ready"), (503, False, "is draining, or no worker is ready (503)")]
)
def test_the_port_itself_is_asked_a_wildcard_by_the_loopback_address(
    state: Path, status: int, ready: bool, words: str
) -> None:
    server = HTTPServer(("127.0.0.1", 0), saying(status, "ok"))
    address = f"0.0.0.0:{server.server_port}"
    with answering(server), answering(admin(state, f"gateway::{address}\n")):
        found = health(state)
    assert (found.ready, found.running, found.listen) == (ready, True, address)
    assert found.message == f"{address} {words}"


def test_a_port_where_nobody_answers_is_not_ready(state: Path) -> None:
    with answering(admin(state, f"gateway::127.0.0.1:{free_port()}\n")):
        found = health(state)
    assert (found.ready, found.running) == (False, True) and "does not answer" in found.message
