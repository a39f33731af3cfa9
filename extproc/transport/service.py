"""What both transports serve: the ext_proc method, and gRPC's health service."""

from __future__ import annotations

import os
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from extproc.transport.driver import Driver, Peer

PROCESS = "/envoy.service.ext_proc.v3.ExternalProcessor/Process"
HEALTH = "/grpc.health.v1.Health/Check"

SERVED, UNSERVED = b"\x08\x01", b"\x08\x02"
"""HealthCheckResponse{status: SERVING} and {status: NOT_SERVING}; two bytes need no generated package."""

NewDriver = Callable[[str, Peer], Driver]
"""Makes the driver of one stream from its trace context."""


@dataclass(frozen=True, slots=True)
class Mtls:
    """Paths of PEM files: our certificate and key, and the CA that client certificates must come from."""

    cert: Path
    key: Path
    ca: Path


def unbind(path: str) -> None:
    """Take away the socket of a process that was killed; the state directory's lock keeps living ones apart."""
    with suppress(FileNotFoundError):
        os.unlink(path)


@dataclass(slots=True)
class Health:
    """What the health service answers; it starts as NOT_SERVING and a worker sets it after its self-test."""

    serving: bool = False
