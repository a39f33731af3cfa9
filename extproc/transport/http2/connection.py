"""A server's end of an HTTP/2 connection that carries gRPC (RFC 9113; gRPC over HTTP/2).

Bytes in, events and bytes out. No I/O and no clock: `receive` is told the time. What breaks a rule is answered with the
error that the RFC asks for; nothing a peer sends raises here, or makes us hold more than `Limits` says.

A message is held by whoever dealt with it: its bytes go back to the stream's window with `consumed`, those of a message
that is not complete yet, and of padding and prefixes, at once. So a message may be larger than the window, and a stream
whose messages are not consumed sends at most a window more.
"""

from __future__ import annotations

from urllib.parse import quote

from extproc.transport.http2 import frames, hpack, requests
from extproc.transport.http2.events import Aborted, Event, HalfClosed, Lost, Message, Opened
from extproc.transport.http2.frames import HEAD, Code, ConnectionFault, Setting, StreamFault
from extproc.transport.http2.hpack import HeaderList
from extproc.transport.http2.limits import Limits
from extproc.transport.http2.messages import INTERNAL, RESOURCE_EXHAUSTED, MessageFault, framed
from extproc.transport.http2.requests import Request
from extproc.transport.http2.streams import Stream

_RESPONSE = hpack.encode(((b":status", b"200"), (b"content-type", b"application/grpc")))
_OK = hpack.encode(((b"grpc-status", b"0"),))
_DRAINED = b"draining"
"""Eight bytes: the payload of the ping whose answer says that the peer knows of our leaving."""

_CLOSED_REMEMBERED = 8192
_BLOCKS_REMEMBERED = 64
_CONTINUATIONS = 64
_EARNED = 2
"""Control frames that a message allows."""

_RESET_COSTS = 4
"""More than the message of a stream earns that is opened to be reset."""

_NO_TABLE = b"\x20"
"""What begins our first header block: its encoder keeps no table, however small the peer's is (RFC 7541, 4.2)."""

_REASON_BYTES = 1024
_WINDOW = 65_535
"""Of connections and streams before anybody said otherwise (6.9.2)."""


class Connection:
    """Feed it bytes, write what it has to say: `take` after every call. Numbers are those of HTTP/2 streams."""

    def __init__(self, limits: Limits | None = None) -> None:
        self._limits = limits = limits or Limits()
        self._streams: dict[int, Stream] = {}
        self._closed: dict[int, bool] = {}  # of the last ones: whether the peer may not have known yet
        self._out: list[bytes | memoryview] = []
        self._events: list[Event] = []
        self._rest = bytearray()
        self._need = len(frames.PREFACE)
        self._started = self._settled = self._over = False
        self._decoder = hpack.Decoder(limits.header_table_bytes, limits.max_header_list_bytes)
        self._known: dict[bytes, Request] = {}  # header blocks that came, as long as they mean the same
        self._forgotten = 0  # the highest of those that ended before them
        self._block: tuple[int, int] | None = None  # stream and flags of a block that goes on
        self._fragments: list[bytes] = []
        self._last = 0
        self._window = _WINDOW
        self._peer_window = _WINDOW
        self._peer_frame = 16_384
        self._credit = limits.connection_window
        self._unreturned = 0
        self._blocked: dict[int, Stream] = {}
        self._spare = float(limits.control_burst)
        self._time = 0.0
        self._draining = self._refusing = False
        self._assembling = 0
        self._prelude = _NO_TABLE
        self._out.append(
            frames.settings(
                {
                    Setting.HEADER_TABLE_SIZE: limits.header_table_bytes,
                    Setting.MAX_CONCURRENT_STREAMS: limits.max_streams,
                    Setting.INITIAL_WINDOW_SIZE: limits.stream_window,
                    Setting.MAX_FRAME_SIZE: limits.max_frame_bytes,
                    Setting.MAX_HEADER_LIST_SIZE: limits.max_header_list_bytes,
                }
            )
            + frames.window_update(0, max(1, limits.connection_window - _WINDOW))
        )

    # --- what is asked of it ---

    @property
    def open_streams(self) -> int:
        """Streams that have not ended on both sides."""
        return len(self._streams)

    @property
    def idle(self) -> bool:
        """Whether nothing is lost by closing: no stream is open, and whoever drains has told the peer."""
        return not self._streams and (not self._draining or self._refusing)

    def receive(self, data: bytes, now: float = 0.0) -> list[Event]:
        """What these bytes mean; `now` is in seconds of a clock that never goes back."""
        if self._over:
            return []
        events: list[Event] = []
        self._events = events
        try:
            self._frames(self._joined(data), now)
        except ConnectionFault as fault:
            self._fail(fault.code, str(fault))
        return events

    def take(self) -> bytes:
        """What has to be written now, b"" for nothing."""
        out, self._out = self._out, []
        return b"".join(out)

    def queued(self, number: int) -> int:
        """Bytes that wait for the peer's window."""
        stream = self._streams.get(number)
        return stream.queued if stream else 0

    def send(self, number: int, message: bytes) -> None:
        """Send a message as far as the windows allow, and the rest as they open."""
        stream = self._streams.get(number)
        if stream is None or stream.trailers is not None:
            return
        if not stream.responded:
            stream.responded = True
            self._say_headers(number, frames.END_HEADERS, _RESPONSE)
        data = framed(message)
        size = len(data)
        if not stream.queue and size <= self._peer_frame and size <= stream.window and size <= self._window:
            self._sent(stream, size)
            self._out.append(data)
            return
        stream.queue.append(memoryview(data))
        stream.queued += size
        self._flush(stream)

    def finish(self, number: int, status: int, message: str = "") -> None:
        """End the stream with a status of gRPC's, after all that was sent."""
        stream = self._streams.get(number)
        if stream is None or stream.trailers is not None:
            return
        said = _OK if status == 0 and not message else _status(status, message)
        stream.trailers = said if stream.responded else _RESPONSE + said
        if not stream.queue:
            self._conclude(stream)

    def consumed(self, number: int, size: int) -> None:
        """Messages of so many bytes (`Message.size`) that were handed out are dealt with."""
        stream = self._streams.get(number)
        if stream:
            stream.held = max(0, stream.held - size)
            self._return(stream)

    def drain(self) -> None:
        """Tell the peer to open no more streams. What it opens before it knows is served (6.8)."""
        if not self._draining and not self._over:
            self._draining = True
            self._out.append(frames.goaway(frames.LARGEST_WINDOW, Code.NO_ERROR))
            self._out.append(frames.frame(frames.PING, 0, 0, _DRAINED))

    # --- bytes to frames ---

    def _joined(self, data: bytes) -> bytes:
        """All bytes of frames that are not done, b"" while the next is not complete."""
        if not self._rest:
            return data
        self._rest += data
        if len(self._rest) < self._need:
            return b""
        data = bytes(self._rest)
        self._rest.clear()
        return data

    def _frames(self, data: bytes, now: float) -> None:
        at, end = 0, len(data)
        if not self._started and end:
            at = self._preface(data)
            if not self._started:
                return
        self._refill(now)
        most = self._limits.max_frame_bytes
        while end - at >= HEAD:
            head = int.from_bytes(data[at : at + HEAD], "big")
            length, stop = head >> 48, at + HEAD + (head >> 48)
            if length > most:
                raise ConnectionFault(Code.FRAME_SIZE_ERROR, "a frame larger than we allow")
            if stop > end:
                break
            self._frame(head >> 40 & 0xFF, head >> 32 & 0xFF, head & 0x7FFFFFFF, data, at + HEAD, stop)
            at = stop
        if at < end:
            self._rest += data[at:] if at else data
            self._need = HEAD if end - at < HEAD else HEAD + int.from_bytes(data[at : at + 3], "big")

    def _preface(self, data: bytes) -> int:
        size = len(frames.PREFACE)
        if not frames.PREFACE.startswith(data[:size]):
            raise ConnectionFault(Code.PROTOCOL_ERROR, "no HTTP/2 preface")
        if len(data) < size:
            self._rest += data
            return 0
        self._started = True
        return size

    def _frame(self, kind: int, flags: int, number: int, data: bytes, at: int, end: int) -> None:
        if self._block and kind != frames.CONTINUATION:
            raise ConnectionFault(Code.PROTOCOL_ERROR, "another frame within a header block")
        if not self._settled and kind != frames.SETTINGS:
            raise ConnectionFault(Code.PROTOCOL_ERROR, "the first frame is no SETTINGS")
        try:
            if kind == frames.DATA:
                self._data(flags, number, data, at, end)
            elif kind == frames.HEADERS:
                self._headers(flags, number, data[at:end])
            elif kind == frames.CONTINUATION:
                self._continuation(flags, number, data[at:end])
            else:
                self._control(kind, flags, number, data[at:end])
        except StreamFault as fault:
            self._reset(number, fault.code)

    # --- streams ---

    def _data(self, flags: int, number: int, data: bytes, at: int, end: int) -> None:
        size = end - at
        self._count(size)
        stream = self._streams.get(number)
        if stream is None or stream.ended:
            self._out_of_place(number)
            return
        if flags & frames.PADDED:
            at, end = _unpadded(data, at, end)
        stream.received(size)
        if stream.credit < 0:
            raise StreamFault(Code.FLOW_CONTROL_ERROR, "more than the stream's window")
        if stream.owed is not None:
            stream.owed -= end - at
            if stream.owed < 0:
                raise StreamFault(Code.PROTOCOL_ERROR, "more than content-length promises")
        if at < end:
            if stream.trailers is None:
                self._messages(stream, data, at, end)
        elif not flags & frames.END_STREAM:
            self._spend()
        if flags & frames.END_STREAM:
            self._half_close(stream)
        else:
            self._return(stream)

    def _messages(self, stream: Stream, data: bytes, at: int, end: int) -> None:
        deframer, before = stream.deframer, stream.deframer.size
        fault: MessageFault | None = None
        try:
            for found in deframer.feed(data, at, end):
                message = Message(stream.number, found)
                stream.held += message.size
                self._spare += _EARNED
                self._events.append(message)
        except MessageFault as raised:
            fault = raised
        self._assembling += deframer.size - before
        if self._assembling > self._limits.max_assembling_bytes:
            fault = MessageFault(RESOURCE_EXHAUSTED, "too much is on its way at once")
        if fault:
            self._refuse(stream, fault.status, str(fault))

    def _half_close(self, stream: Stream) -> None:
        stream.ended = True
        if stream.owed:
            raise StreamFault(Code.PROTOCOL_ERROR, "less than content-length promises")
        if stream.trailers is not None:
            return  # we are done with it, but for what is queued
        if stream.deframer.within:
            self._refuse(stream, INTERNAL, "the stream ends within a message")
        else:
            self._events.append(HalfClosed(stream.number))

    def _refuse(self, stream: Stream, status: int, message: str) -> None:
        """A fault in the gRPC of a stream: it ends with a status, and whoever serves it hears that it is over."""
        self.finish(stream.number, status, message)
        self._events.append(Aborted(stream.number, Code.CANCEL))

    def _out_of_place(self, number: int) -> None:
        """DATA for no open stream: what was on its way when we ended it is nobody's fault."""
        if not number or number > self._last:
            raise ConnectionFault(Code.PROTOCOL_ERROR, "DATA on an idle stream")
        if number in self._streams:
            raise StreamFault(Code.STREAM_CLOSED, "DATA after the end")
        self._late(number, "DATA")

    def _late(self, number: int, what: str) -> None:
        """A frame on a stream that is over. What its peer could not know yet passes unheard; of streams that ended long
        ago nobody remembers that, and only they hear of it.
        """
        self._spend()
        if number not in self._closed:
            raise StreamFault(Code.STREAM_CLOSED, f"{what} on a stream that ended long ago")
        if not self._closed[number]:
            raise ConnectionFault(Code.STREAM_CLOSED, f"{what} on a closed stream")

    def _headers(self, flags: int, number: int, payload: bytes) -> None:
        if not number % 2:
            raise ConnectionFault(Code.PROTOCOL_ERROR, "HEADERS on a stream that no client opens")
        at, end = _unpadded(payload, 0, len(payload)) if flags & frames.PADDED else (0, len(payload))
        if flags & frames.PRIORITISED:
            if end - at < 5:
                raise ConnectionFault(Code.FRAME_SIZE_ERROR, "HEADERS without the priority that it announces")
            if int.from_bytes(payload[at : at + 4], "big") & 0x7FFFFFFF == number:
                raise ConnectionFault(Code.PROTOCOL_ERROR, "a stream that depends on itself")
            at += 5
        if flags & frames.END_HEADERS:
            self._fields(number, flags, payload[at:end])
        else:
            self._block, self._fragments = (number, flags), [payload[at:end]]
            self._check_block()

    def _continuation(self, flags: int, number: int, payload: bytes) -> None:
        if self._block is None or self._block[0] != number:
            raise ConnectionFault(Code.PROTOCOL_ERROR, "CONTINUATION without a block")
        self._fragments.append(payload)
        self._check_block()
        if flags & frames.END_HEADERS:
            first, self._block = self._block[1], None
            self._fields(number, first, b"".join(self._fragments))

    def _check_block(self) -> None:
        size = sum(map(len, self._fragments))
        if size > self._limits.max_header_block_bytes or len(self._fragments) > _CONTINUATIONS:
            raise ConnectionFault(Code.ENHANCE_YOUR_CALM, "a header block that does not end")

    def _fields(self, number: int, flags: int, block: bytes) -> None:
        """A whole block. It is decoded whatever becomes of its stream, for the table's sake."""
        request = self._known.get(block) or self._decoded(block)
        if number <= self._last:
            self._trailers(number, flags, request.fields)
            return
        self._last = number
        if request.fault or request.fields is None:
            raise StreamFault(Code.PROTOCOL_ERROR, request.fault)
        if self._refusing or len(self._streams) >= self._limits.max_streams:
            raise StreamFault(Code.REFUSED_STREAM, "no more streams")
        limits = self._limits
        most = limits.max_message_bytes
        stream = Stream(number, self._peer_window, limits.stream_window, most, request.length)
        self._streams[number] = stream
        self._events.append(Opened(number, request.fields))
        if flags & frames.END_STREAM:
            self._half_close(stream)

    def _decoded(self, block: bytes) -> Request:
        """What a block says. Envoy's are mostly references that come again as they are, so those are remembered."""
        if len(block) > self._limits.max_header_block_bytes:
            raise ConnectionFault(Code.ENHANCE_YOUR_CALM, "a header block larger than we allow")
        version = self._decoder.version
        try:
            request = requests.read(self._decoder.decode(block))
        except hpack.HpackError as error:
            raise ConnectionFault(Code.COMPRESSION_ERROR, str(error)) from error
        if version != self._decoder.version:
            self._known.clear()
        elif len(self._known) < _BLOCKS_REMEMBERED:
            self._known[block] = request
        return request

    def _trailers(self, number: int, flags: int, fields: HeaderList | None) -> None:
        stream = self._streams.get(number)
        if stream is None:
            if number > self._forgotten and number not in self._closed:
                raise ConnectionFault(Code.PROTOCOL_ERROR, "a stream below the last that was opened")
            self._late(number, "HEADERS")
            return
        if stream.ended:
            raise StreamFault(Code.STREAM_CLOSED, "HEADERS after the end")
        if fields is None or not flags & frames.END_STREAM or requests.trailers_fault(fields):
            raise StreamFault(Code.PROTOCOL_ERROR, "no trailers")
        self._half_close(stream)

    def _reset(self, number: int, code: int) -> None:
        """A stream fault of the peer's."""
        self._spend()
        self._out.append(frames.reset(number, code))
        if number in self._streams:
            self._events.append(Aborted(number, code))
        self._forget(number)

    def _forget(self, number: int) -> None:
        stream = self._streams.pop(number, None)
        self._assembling -= stream.deframer.size if stream else 0
        self._blocked.pop(number, None)
        self._closed[number] = stream is None or not stream.ended
        if len(self._closed) > _CLOSED_REMEMBERED:
            oldest = next(iter(self._closed))
            del self._closed[oldest]
            self._forgotten = max(self._forgotten, oldest)

    # --- what we send ---

    def _flush(self, stream: Stream) -> None:
        """Send of a stream's queue what both windows allow."""
        queue = stream.queue
        while queue:
            data = queue[0]
            size = min(len(data), self._peer_frame, stream.window, self._window)
            if size <= 0:
                if stream.window > 0:
                    self._blocked[stream.number] = stream  # it is the connection's window that it waits for
                else:
                    self._blocked.pop(stream.number, None)
                return
            stream.queued -= size
            self._sent(stream, size)
            self._out.append(data[:size])
            if size == len(data):
                queue.popleft()
            else:
                queue[0] = data[size:]
        self._blocked.pop(stream.number, None)
        if stream.trailers is not None:
            self._conclude(stream)

    def _say_headers(self, number: int, flags: int, block: bytes) -> None:
        self._out.append(frames.frame(frames.HEADERS, flags, number, self._prelude + block))
        self._prelude = b""

    def _sent(self, stream: Stream, size: int) -> None:
        """The head of a DATA frame; each may be answered by a frame of the peer's that widens a window."""
        stream.window -= size
        self._window -= size
        self._spare += _EARNED
        self._out.append(frames.head(size, frames.DATA, 0, stream.number))

    def _conclude(self, stream: Stream) -> None:
        self._say_headers(stream.number, frames.END_HEADERS | frames.END_STREAM, stream.trailers or b"")
        if not stream.ended:
            self._out.append(frames.reset(stream.number, Code.NO_ERROR))  # nobody reads the rest (8.1)
        self._forget(stream.number)

    # --- windows ---

    def _count(self, size: int) -> None:
        """The connection's window: given back as bytes come."""
        self._credit -= size
        self._unreturned += size
        if self._credit < 0:
            raise ConnectionFault(Code.FLOW_CONTROL_ERROR, "more than the connection's window")
        if self._unreturned * 2 >= self._limits.connection_window:
            self._out.append(frames.window_update(0, self._unreturned))
            self._credit += self._unreturned
            self._unreturned = 0

    def _return(self, stream: Stream) -> None:
        if not stream.ended and stream.number in self._streams:
            size = stream.returnable(self._limits.stream_window // 2)
            if size:
                self._out.append(frames.window_update(stream.number, size))

    def _widened(self, number: int, payload: bytes) -> None:
        size = _number(payload, "WINDOW_UPDATE") & 0x7FFFFFFF
        if number == 0:
            self._window += size
            if size == 0 or self._window > frames.LARGEST_WINDOW:
                code = Code.FLOW_CONTROL_ERROR if size else Code.PROTOCOL_ERROR
                raise ConnectionFault(code, "a window of nothing, or beyond the largest")
            while self._window > 0 and self._blocked:  # whoever has to wait again waits behind the others
                self._flush(self._blocked.pop(next(iter(self._blocked))))
            return
        self._check_opened(number)
        stream = self._streams.get(number)
        if stream is None:
            return  # it has ended meanwhile
        stream.window += size
        if size == 0 or stream.window > frames.LARGEST_WINDOW:
            code = Code.FLOW_CONTROL_ERROR if size else Code.PROTOCOL_ERROR
            raise StreamFault(code, "a window of nothing, or beyond the largest")
        self._flush(stream)

    # --- frames of the connection ---

    def _control(self, kind: int, flags: int, number: int, payload: bytes) -> None:
        self._spend()
        match kind:
            case frames.WINDOW_UPDATE:
                self._widened(number, payload)
            case frames.RST_STREAM:
                self._aborted(number, payload)
            case frames.SETTINGS:
                self._settings(flags, number, payload)
            case frames.PING:
                self._ping(flags, number, payload)
            case frames.PRIORITY:
                _check_priority(number, payload)
            case frames.GOAWAY:
                if number:
                    raise ConnectionFault(Code.PROTOCOL_ERROR, "GOAWAY on a stream")
                if len(payload) < 8:
                    raise ConnectionFault(Code.FRAME_SIZE_ERROR, "a GOAWAY that is too short")
            case frames.PUSH_PROMISE:
                raise ConnectionFault(Code.PROTOCOL_ERROR, "a client that pushes")
            case _:
                pass  # of an extension (5.5)

    def _aborted(self, number: int, payload: bytes) -> None:
        code = _number(payload, "RST_STREAM")
        self._check_opened(number)
        self._spend(_RESET_COSTS - 1)
        if number in self._streams:
            self._events.append(Aborted(number, code))
            self._streams[number].ended = True
            self._forget(number)

    def _check_opened(self, number: int) -> None:
        if not number or number > self._last or not number % 2:
            raise ConnectionFault(Code.PROTOCOL_ERROR, "a frame on an idle stream")

    def _settings(self, flags: int, number: int, payload: bytes) -> None:
        if number:
            raise ConnectionFault(Code.PROTOCOL_ERROR, "SETTINGS on a stream")
        if flags & frames.ACK:
            if not self._settled:
                raise ConnectionFault(Code.PROTOCOL_ERROR, "the first SETTINGS acknowledge")
            if payload:
                raise ConnectionFault(Code.FRAME_SIZE_ERROR, "SETTINGS that acknowledge and say something")
            return
        if len(payload) % 6:
            raise ConnectionFault(Code.FRAME_SIZE_ERROR, "SETTINGS of a wrong length")
        self._settled = True
        self._out.append(frames.frame(frames.SETTINGS, frames.ACK, 0, b""))  # before what a wider window lets out
        self._spend(len(payload) // 64)
        said: dict[int, int] = {}
        for at in range(0, len(payload), 6):
            value = int.from_bytes(payload[at + 2 : at + 6], "big")
            key = int.from_bytes(payload[at : at + 2], "big")
            self._check_setting(key, value)
            said[key] = value
        for key, value in said.items():
            self._set(key, value)

    def _check_setting(self, key: int, value: int) -> None:
        if key == Setting.ENABLE_PUSH and value > 1:
            raise ConnectionFault(Code.PROTOCOL_ERROR, "ENABLE_PUSH is 0 or 1")
        if key == Setting.INITIAL_WINDOW_SIZE and value > frames.LARGEST_WINDOW:
            raise ConnectionFault(Code.FLOW_CONTROL_ERROR, "INITIAL_WINDOW_SIZE is beyond the largest")
        if key == Setting.MAX_FRAME_SIZE and not 16_384 <= value <= 16_777_215:
            raise ConnectionFault(Code.PROTOCOL_ERROR, "MAX_FRAME_SIZE is out of its range")

    def _set(self, key: int, value: int) -> None:
        """The last word on a setting; our header blocks need no table, and are small."""
        if key == Setting.INITIAL_WINDOW_SIZE:
            self._rewindow(value)
        elif key == Setting.MAX_FRAME_SIZE:
            self._peer_frame = value

    def _rewindow(self, value: int) -> None:
        """Every open stream's window moves with the initial one, below 0 too (6.9.2)."""
        self._spend(len(self._streams) // 64)
        change, self._peer_window = value - self._peer_window, value
        for stream in tuple(self._streams.values()):
            stream.window += change
            if stream.window > frames.LARGEST_WINDOW:
                raise ConnectionFault(Code.FLOW_CONTROL_ERROR, "a stream's window is beyond the largest")
            if stream.queue:
                self._flush(stream)

    def _ping(self, flags: int, number: int, payload: bytes) -> None:
        if number:
            raise ConnectionFault(Code.PROTOCOL_ERROR, "PING on a stream")
        if len(payload) != 8:
            raise ConnectionFault(Code.FRAME_SIZE_ERROR, "a PING has eight bytes")
        if not flags & frames.ACK:
            self._out.append(frames.frame(frames.PING, frames.ACK, 0, payload))
        elif payload == _DRAINED and self._draining and not self._refusing:
            self._refusing = True
            self._out.append(frames.goaway(self._last, Code.NO_ERROR))

    # --- the end ---

    def _refill(self, now: float) -> None:
        limits = self._limits
        self._spare = min(limits.control_burst, self._spare + (now - self._time) * limits.control_per_second)
        self._time = now

    def _spend(self, cost: int = 1) -> None:
        self._spare -= cost
        if self._spare < 0:
            raise ConnectionFault(Code.ENHANCE_YOUR_CALM, "too many frames that say nothing")

    def _fail(self, code: Code, reason: str) -> None:
        self._over = True
        self._out.append(frames.goaway(self._last, code, reason))
        self._streams.clear()
        self._blocked.clear()
        self._rest.clear()
        self._events.append(Lost(code, reason))


def _unpadded(data: bytes, at: int, end: int) -> tuple[int, int]:
    if at == end:
        raise ConnectionFault(Code.FRAME_SIZE_ERROR, "a padded frame without the length of its padding")
    padding = data[at]
    if padding >= end - at:
        raise ConnectionFault(Code.PROTOCOL_ERROR, "more padding than frame")
    return at + 1, end - padding


def _number(payload: bytes, what: str) -> int:
    if len(payload) != 4:
        raise ConnectionFault(Code.FRAME_SIZE_ERROR, f"{what} of a wrong length")
    return int.from_bytes(payload, "big")


def _check_priority(number: int, payload: bytes) -> None:
    """What it says is deprecated (5.3.2), and its form is not."""
    if not number:
        raise ConnectionFault(Code.PROTOCOL_ERROR, "PRIORITY on no stream")
    if len(payload) != 5:
        raise StreamFault(Code.FRAME_SIZE_ERROR, "PRIORITY has five bytes")
    if int.from_bytes(payload[:4], "big") & 0x7FFFFFFF == number:
        raise StreamFault(Code.PROTOCOL_ERROR, "a stream that depends on itself")


def _status(status: int, message: str) -> bytes:
    said = quote(message.encode(errors="replace")[:_REASON_BYTES], safe=" !\"#$&'()*+,-./:;<=>?@[\\]^_`{|}~").encode()
    return hpack.encode(((b"grpc-status", str(status).encode()), (b"grpc-message", said)))
