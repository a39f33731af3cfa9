"""What the doctor says of the collector."""

from __future__ import annotations

import socket

from extproc.gateway.doctor.telemetry import collector


def test_a_collector_that_does_not_listen_is_a_warning() -> None:
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        port = server.getsockname()[1]
        refused = collector("127.0.0.1", port)
        server.listen()
        assert collector("127.0.0.1", port).status == "ok"
    assert refused.status == "warn" and f"127.0.0.1:{port}: Connection refused" in refused.message
