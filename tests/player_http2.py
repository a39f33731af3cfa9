"""The same over HTTP/2 and TLS, as providers of the world speak it: many exchanges to a connection."""

from __future__ import annotations

import asyncio
import ssl
from contextlib import suppress
from dataclasses import dataclass, field

import h2.config
import h2.connection
import h2.events
from h2.exceptions import ProtocolError
from player import Pairs, Play, Player

from extproc.gateway.certs import DevCertificate


@dataclass
class PlayerHttp2(Player):
    """`certificate` is for `localhost`."""

    certificate: DevCertificate = field(kw_only=True)

    async def start(self) -> int:
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        context.load_cert_chain(self.certificate.cert, self.certificate.key)
        context.set_alpn_protocols(["h2"])
        self._server = await asyncio.start_server(self._connection, "127.0.0.1", 0, ssl=context)
        return int(self._server.sockets[0].getsockname()[1])

    async def _connection(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(ConnectionError, ProtocolError):
            await _Connection(self, reader, writer).serve()
        writer.close()


class _Connection:
    """Reads frames, and starts a reply for each request that is whole."""

    def __init__(self, player: Player, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.http = h2.connection.H2Connection(h2.config.H2Configuration(client_side=False))
        self.writer = writer
        self.moved = asyncio.Event()  # set when a window grew or a stream ended
        self._player = player
        self._reader = reader
        self._bodies: dict[int, bytes] = {}
        self._replies: dict[int, _Http2] = {}
        self._tasks: set[asyncio.Task[None]] = set()

    async def serve(self) -> None:
        self.http.initiate_connection()
        self.flush()
        try:
            while data := await self._reader.read(1 << 16):
                for event in self.http.receive_data(data):
                    self._take(event)
                self.flush()
                self.moved.set()
        finally:
            for reply in self._replies.values():
                reply.leave()
            self.moved.set()

    def flush(self) -> None:
        if data := self.http.data_to_send():
            self.writer.write(data)

    def _take(self, event: h2.events.Event) -> None:
        match event:
            case h2.events.RequestReceived(stream_id=number):
                self._bodies[number] = b""
            case h2.events.DataReceived(stream_id=number):
                self._bodies[number] += event.data
                self.http.acknowledge_received_data(event.flow_controlled_length, number)
            case h2.events.StreamEnded(stream_id=number):
                self._player.bodies.append(self._bodies.pop(number))
                self._reply(number)
            case h2.events.StreamReset(stream_id=number) if number in self._replies:
                self._replies[number].leave()

    def _reply(self, number: int) -> None:
        reply = self._replies[number] = _Http2(self, number, self._player.now)
        task = asyncio.ensure_future(reply.perform())
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        task.add_done_callback(lambda _: self._replies.pop(number))


class _Http2:
    """One reply. Headers and data that are written together travel in one TLS record."""

    def __init__(self, connection: _Connection, number: int, play: Play) -> None:
        self._connection = connection
        self._http = connection.http
        self._number = number
        self._play = play
        self._left = False

    async def perform(self) -> None:
        self._http.send_headers(self._number, _fields(((":status", "200"), *self._play.headers)))
        if not self._play.joined:
            self._connection.flush()
        await self._play.perform(self)

    def left(self) -> bool:
        return self._left

    def leave(self) -> None:
        self._left = True
        self._play.gone.set()

    async def write(self, data: bytes) -> None:
        while data:
            size = min(len(data), self._room())
            if size:
                self._http.send_data(self._number, data[:size])
                data = data[size:]
                self._connection.flush()
                await self._connection.writer.drain()
            else:
                self._connection.moved.clear()
                await self._connection.moved.wait()

    async def end(self) -> None:
        if self._play.trailers:
            self._http.send_headers(self._number, _fields(self._play.trailers), end_stream=True)
        else:
            self._http.end_stream(self._number)
        self._connection.flush()
        await self._connection.writer.drain()

    def abort(self) -> None:
        self._http.reset_stream(self._number, 2)  # INTERNAL_ERROR
        self._connection.flush()

    def _room(self) -> int:
        if self._left:
            raise ConnectionError("the stream was reset")
        return min(self._http.local_flow_control_window(self._number), self._http.max_outbound_frame_size)


def _fields(pairs: Pairs) -> list[tuple[str, str]]:
    return [(name.lower(), value) for name, value in pairs]
