"""The grpc.aio transport: TCP with or without mTLS, Unix sockets, any data plane that speaks ext_proc.

Options and why: messages up to the largest body that a limit may allow, and head-room (gRPC's own 4 MiB default turns
larger bodies into 503s); pings as often as Envoy's one-second keepalive sends them (C-core's default answers with
GOAWAY).
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from pathlib import Path

import grpc
from grpc import aio

from extproc.transport.driver import Driver, StreamFailed

PROCESS = "/envoy.service.ext_proc.v3.ExternalProcessor/Process"
HEALTH = "/grpc.health.v1.Health/Check"
_SERVING, _NOT_SERVING = b"\x08\x01", b"\x08\x02"
"""HealthCheckResponse{status: SERVING} and {status: NOT_SERVING}; two bytes need no generated package."""

Write = Callable[[bytes], Awaitable[None]]
NewDriver = Callable[[str, Write], Driver]


@dataclass(frozen=True, slots=True)
class Mtls:
    """Paths of PEM files: our certificate and key, and the CA that client certificates must come from."""

    cert: Path
    key: Path
    ca: Path


@dataclass(slots=True)
class Health:
    """What the health service answers; it starts as NOT_SERVING and a worker sets it after its self-test."""

    serving: bool = False


@dataclass(slots=True)
class GrpcServer:
    """A listening server. `new_driver(traceparent, write)` makes the driver of one stream."""

    new_driver: NewDriver
    health: Health
    max_message_bytes: int
    active: int = field(default=0, init=False)
    _server: aio.Server | None = field(default=None, init=False)

    async def start(self, listen: str, mtls: Mtls | None = None) -> int:
        """Listen on `unix:PATH` or `HOST:PORT` and return the port (0 for a Unix socket). Raises OSError."""
        server = aio.server(
            options=[
                ("grpc.max_receive_message_length", self.max_message_bytes),
                ("grpc.max_send_message_length", self.max_message_bytes),
                ("grpc.http2.min_ping_interval_without_data_ms", 500),
                ("grpc.keepalive_permit_without_calls", 1),
                ("grpc.http2.max_ping_strikes", 0),
                ("grpc.so_reuseport", 0),
            ]
        )
        server.add_generic_rpc_handlers((_Handlers(self),))
        port = _bind(server, listen, mtls)
        await server.start()
        self._server = server
        return port

    async def stop(self, grace: float) -> None:
        """Refuse new streams, let open ones finish for `grace` seconds."""
        if self._server:
            await self._server.stop(grace)

    async def process(self, requests: AsyncIterator[bytes], context: aio.ServicerContext[bytes, bytes]) -> None:
        """One ext_proc stream, from Envoy's first message until Envoy half-closes or is gone."""
        driver = self.new_driver(_traceparent(context), context.write)
        self.active += 1
        try:
            async for data in requests:
                await driver.receive(data)
            driver.half_closed()
        except StreamFailed as error:
            await context.abort(grpc.StatusCode.INTERNAL, str(error))
        except asyncio.CancelledError:
            if driver.failure is None:
                raise
            if (task := asyncio.current_task()) is not None:
                task.uncancel()  # it was the driver that cancelled us
            await context.abort(grpc.StatusCode.INTERNAL, str(driver.failure))
        finally:
            self.active -= 1
            driver.closed()

    async def check(self, _request: bytes, _context: aio.ServicerContext[bytes, bytes]) -> bytes:
        """grpc.health.v1: the status of the whole process."""
        return _SERVING if self.health.serving else _NOT_SERVING


class _Handlers(grpc.GenericRpcHandler):  # type: ignore[type-arg]  # generic in the stubs alone
    def __init__(self, server: GrpcServer) -> None:
        self._methods = {
            PROCESS: grpc.stream_stream_rpc_method_handler(server.process),
            HEALTH: grpc.unary_unary_rpc_method_handler(server.check),
        }

    def service(self, call: grpc.HandlerCallDetails) -> grpc.RpcMethodHandler[bytes, bytes] | None:
        return self._methods.get(call.method)


def _bind(server: aio.Server, listen: str, mtls: Mtls | None) -> int:
    if listen.startswith("unix:"):
        path = listen.removeprefix("unix:")
        if os.path.exists(path):
            os.unlink(path)  # of a process that was killed; the state directory's lock keeps living ones apart
    try:
        if mtls is None:
            return int(server.add_insecure_port(listen))
        return int(server.add_secure_port(listen, _credentials(mtls)))
    except RuntimeError as error:
        raise OSError(f"cannot listen on {listen}: {error}") from error


def _credentials(mtls: Mtls) -> grpc.ServerCredentials:
    pair = (mtls.key.read_bytes(), mtls.cert.read_bytes())
    return grpc.ssl_server_credentials([pair], root_certificates=mtls.ca.read_bytes(), require_client_auth=True)


def _traceparent(context: aio.ServicerContext[bytes, bytes]) -> str:
    """Envoy's ext_proc span is our parent, and it comes as gRPC metadata (design, point 7)."""
    for name, value in context.invocation_metadata() or ():
        if name == "traceparent":
            return value if isinstance(value, str) else value.decode("latin-1")
    return ""
