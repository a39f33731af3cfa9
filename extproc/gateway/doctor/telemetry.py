"""The collector, when there is to be one."""

from __future__ import annotations

import socket

from extproc.gateway.doctor.check import Check

PATIENCE = 3.0


def collector(host: str, port: int) -> Check:
    """Whether it accepts connections. No more than a warning: spans wait on disk, and no request waits for a span."""
    try:
        socket.create_connection((host, port), timeout=PATIENCE).close()
    except OSError as error:
        reason = error.strerror or str(error)
        step = "start it, or correct OTEL_EXPORTER_OTLP_ENDPOINT"
        return Check("collector", "warn", f"cannot connect to {host}:{port}: {reason}", step)
    return Check("collector", "ok", f"{host}:{port} accepts connections")
