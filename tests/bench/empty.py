"""The cheapest ext_proc processor that Python can be: our transport, and the same empty word to every message.

`python tests/bench/empty.py unix:PATH`
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Awaitable, Callable

import uvloop

from extproc.proto import ext_proc_pb2 as pb
from extproc.transport.grpcio import GrpcServer, Health

EMPTY = {
    "request_headers": pb.ProcessingResponse(request_headers=pb.HeadersResponse()).SerializeToString(),
    "request_body": pb.ProcessingResponse(request_body=pb.BodyResponse()).SerializeToString(),
    "response_headers": pb.ProcessingResponse(response_headers=pb.HeadersResponse()).SerializeToString(),
    "response_body": pb.ProcessingResponse(response_body=pb.BodyResponse()).SerializeToString(),
}


class Empty:
    """Parses, because a processor that does not look cannot know which reply is due."""

    def __init__(self, write: Callable[[bytes], Awaitable[None]]) -> None:
        self._write = write

    async def receive(self, data: bytes) -> None:
        kind = pb.ProcessingRequest.FromString(data).WhichOneof("request")
        await self._write(EMPTY[str(kind)])

    def closed(self) -> None:
        """Nothing is kept."""


async def main() -> None:
    server = GrpcServer(lambda _, write: Empty(write), Health(serving=True), 64 << 20)  # type: ignore[arg-type]  # a Driver in all that is used
    await server.start(sys.argv[1])
    await asyncio.Event().wait()


if __name__ == "__main__":
    uvloop.run(main())
