"""The cheapest ext_proc processor that Python can be: our transport, and the same empty word to every message.

`python tests/bench/empty.py unix:PATH [BYTES] [--transport native]`

With BYTES, a piece of a streamed reply is answered by a piece of that size, neither looked at nor built: what is left
is gRPC's own.
"""

from __future__ import annotations

import argparse
import asyncio

import uvloop

from extproc.proto import ext_proc_pb2 as pb
from extproc.transport import choice
from extproc.transport.choice import TRANSPORTS
from extproc.transport.driver import Peer
from extproc.transport.service import Health

EMPTY = {
    "request_headers": pb.ProcessingResponse(request_headers=pb.HeadersResponse()).SerializeToString(),
    "request_body": pb.ProcessingResponse(request_body=pb.BodyResponse()).SerializeToString(),
    "response_headers": pb.ProcessingResponse(response_headers=pb.HeadersResponse()).SerializeToString(),
    "response_body": pb.ProcessingResponse(response_body=pb.BodyResponse()).SerializeToString(),
}
A_PIECE = b"\x2a"
"""How a message begins whose `response_body` is set (field 5, with a length)."""

THE_LAST = b"\x10\x01"
"""How one ends whose `end_of_stream` is set (field 2 of its body)."""


def piece(size: int, *, end: bool) -> bytes:
    streamed = pb.StreamedBodyResponse(body=b" " * size, end_of_stream=end)
    body = pb.BodyResponse(response=pb.CommonResponse(body_mutation=pb.BodyMutation(streamed_response=streamed)))
    return pb.ProcessingResponse(response_body=body).SerializeToString()


class Empty:
    """Parses, because a processor that does not look cannot know which reply is due; pieces alone are known at sight."""

    busy = False

    def __init__(self, peer: Peer, size: int) -> None:
        self._peer = peer
        self._streams = size > 0
        self._pieces = {end: piece(size, end=end) for end in (False, True)}

    def receive(self, data: bytes) -> None:
        if self._streams and data.startswith(A_PIECE):
            self._peer.send(self._pieces[data.endswith(THE_LAST)])
            return
        kind = pb.ProcessingRequest.FromString(data).WhichOneof("request")
        self._peer.send(EMPTY[str(kind)])

    def half_closed(self) -> None:
        self._peer.finish()

    def closed(self) -> None:
        """Nothing is kept."""


async def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("listen")
    parser.add_argument("bytes", type=int, nargs="?", default=0)
    parser.add_argument("--transport", choices=TRANSPORTS, default="auto")
    a = parser.parse_args()

    def new(trace: str, peer: Peer) -> Empty:
        return Empty(peer, a.bytes)

    server = choice.server(a.transport, a.listen, None, new, Health(serving=True), 64 << 20)  # type: ignore[arg-type]  # a Driver in all that is used
    await server.start(a.listen)
    await asyncio.Event().wait()


if __name__ == "__main__":
    uvloop.run(main())
