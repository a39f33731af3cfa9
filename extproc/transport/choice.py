"""Which transport serves an address.

Our own is for an Envoy on the same host: a Unix socket, or plain TCP where it is asked for. grpc.aio stays for mTLS,
for other data planes, and as the yardstick that ours is measured and tested against.
"""

from __future__ import annotations

from typing import Literal, Protocol, get_args

from extproc.transport.http2 import Limits
from extproc.transport.native import NativeServer
from extproc.transport.service import Health, Mtls, NewDriver

Transport = Literal["auto", "native", "grpcio"]
TRANSPORTS: tuple[Transport, ...] = get_args(Transport)


class Server(Protocol):
    """A transport that listens."""

    @property
    def active(self) -> int: ...
    async def start(self, listen: str) -> int: ...
    async def stop(self, grace: float) -> None: ...


def chosen(transport: Transport, listen: str, mtls: Mtls | None) -> Transport:
    """What `auto` stands for at this address."""
    if transport != "auto":
        return transport
    return "native" if listen.startswith("unix:") and mtls is None else "grpcio"


def server(
    transport: Transport, listen: str, mtls: Mtls | None, new_driver: NewDriver, health: Health, max_message_bytes: int
) -> Server:
    """The server for an address. Raises ValueError for mTLS over our own, which has none."""
    if chosen(transport, listen, mtls) == "grpcio":
        from extproc.transport.grpcio import GrpcServer  # grpc is 15 MB of a process that may not need it

        return GrpcServer(new_driver, health, max_message_bytes, mtls)
    if mtls:
        raise ValueError("the native transport has no mTLS; use grpcio")
    return NativeServer(new_driver, health, Limits(max_message_bytes=max_message_bytes))
