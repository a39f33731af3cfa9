"""The grpc.aio transport: TCP with or without mTLS, Unix sockets, any data plane that speaks ext_proc.

Options and why: messages up to the largest body that a limit may allow, and head-room (gRPC's own 4 MiB default turns
larger bodies into 503s); pings as often as Envoy's one-second keepalive sends them (C-core's default answers with
GOAWAY).
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from functools import partial

import grpc
from grpc import aio

from extproc.transport.driver import Driver
from extproc.transport.service import HEALTH, PROCESS, SERVED, UNSERVED, Health, Mtls, NewDriver, unbind


@dataclass(slots=True)
class GrpcServer:
    """A listening server. `new_driver(traceparent, peer)` makes the driver of one stream."""

    new_driver: NewDriver
    health: Health
    max_message_bytes: int
    mtls: Mtls | None = None
    active: int = field(default=0, init=False)
    _server: aio.Server | None = field(default=None, init=False)

    async def start(self, listen: str) -> int:
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
        port = _bind(server, listen, self.mtls)
        await server.start()
        self._server = server
        return port

    async def stop(self, grace: float) -> None:
        """Refuse new streams, let open ones finish for `grace` seconds."""
        if self._server:
            await self._server.stop(grace)

    async def process(self, requests: AsyncIterator[bytes], context: aio.ServicerContext[bytes, bytes]) -> None:
        """One ext_proc stream, from Envoy's first message until Envoy half-closes or is gone."""
        call = _Call(context)
        driver = self.new_driver(_traceparent(context), call)
        self.active += 1
        try:
            async for data in requests:
                if not await call.performed(driver, partial(driver.receive, data)):
                    break
            else:
                await call.performed(driver, driver.half_closed)
        except asyncio.CancelledError:
            if call.failure is None:
                raise
            if (task := asyncio.current_task()) is not None:
                task.uncancel()  # it was the call that cancelled us
        finally:
            self.active -= 1
            driver.closed()
            call.stop()
        if call.failure is not None:
            await context.abort(grpc.StatusCode.INTERNAL, call.failure)

    async def check(self, _request: bytes, _context: aio.ServicerContext[bytes, bytes]) -> bytes:
        """grpc.health.v1: the status of the whole process."""
        return SERVED if self.health.serving else UNSERVED


class _Call:
    """A driver's peer. What a message causes is written by the task that reads, before it reads on; what a timer
    causes while that task waits for Envoy, by a task of its own. A failure then ends the wait.
    """

    def __init__(self, context: aio.ServicerContext[bytes, bytes]) -> None:
        self.failure: str | None = None
        self._context = context
        self._said: deque[bytes] = deque()
        self._one_at_a_time = asyncio.Lock()
        self._changed = asyncio.Event()
        self._reader = asyncio.current_task()
        self._reads = True
        self._writer: asyncio.Task[None] | None = None

    async def performed(self, driver: Driver, perform: Callable[[], None]) -> bool:
        """Perform, and write all that comes of it; then say whether the driver can take more, or has failed."""
        self._reads = False
        perform()
        await self._write()
        while driver.busy and self.failure is None:
            await self._changed.wait()
            self._changed.clear()
            await self._write()
        self._reads = True
        return self.failure is None

    def send(self, data: bytes) -> None:
        self._said.append(data)
        if self._reads:
            self._writer = asyncio.create_task(self._write_by_itself())
        else:
            self._changed.set()

    def settled(self) -> None:
        self._changed.set()

    def finish(self) -> None:
        """Returning from the handler is what ends a call with OK."""

    def fail(self, error: str) -> None:
        self.failure = error
        self._changed.set()
        if self._reads and self._reader:
            self._reader.cancel()

    def stop(self) -> None:
        """Leave nothing behind."""
        if self._writer:
            self._writer.cancel()

    async def _write_by_itself(self) -> None:
        try:
            await self._write()
        except Exception as error:  # noqa: BLE001  # whatever it is, a reply that is lost must not look like a clean end
            self.fail(type(error).__name__)

    async def _write(self) -> None:
        if not self._said:
            return
        async with self._one_at_a_time:
            while self._said:
                await self._context.write(self._said.popleft())


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
        unbind(listen.removeprefix("unix:"))
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
