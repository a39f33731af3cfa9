"""Every rule of RFC 9113, sections 3 to 6 and 8, that a client can break towards a server, and the error it gets.

Sections are named as the RFC numbers them. A stream error leaves the connection as it is; a connection error is a
GOAWAY, after which nothing is heard.
"""

from __future__ import annotations

from dataclasses import dataclass

import pytest
from http2_bytes import (
    ACK,
    CONTINUATION,
    DATA,
    END_HEADERS,
    END_STREAM,
    GOAWAY,
    HEADERS,
    PADDED,
    PING,
    PRIORITISED,
    PRIORITY,
    PUSH_PROMISE,
    REQUEST,
    RST_STREAM,
    SETTINGS,
    START,
    WINDOW_UPDATE,
    Frame,
    block,
    data,
    frame,
    headers,
    message,
    number,
    read,
    settings,
)

from extproc.transport.http2 import Aborted, Code, Connection, HalfClosed, Limits, Lost, Message, Opened

PROTOCOL, FLOW, CLOSED, SIZE = Code.PROTOCOL_ERROR, Code.FLOW_CONTROL_ERROR, Code.STREAM_CLOSED, Code.FRAME_SIZE_ERROR
LIMITS = Limits(max_frame_bytes=16_384, max_streams=3, stream_window=65_535, connection_window=65_536)


def told(sent: bytes, limits: Limits = LIMITS) -> tuple[list[object], list[Frame]]:
    """What bytes mean, and what is said to them."""
    connection = Connection(limits)
    events = connection.receive(sent)
    return list(events), list(read(connection.take()))


def without(name: str, *more: tuple[str, str]) -> list[tuple[str, str]]:
    return [*(field for field in REQUEST if field[0] != name), *more]


@dataclass
class Case:
    """What a client says after its preface and SETTINGS, and the error it gets; on a stream, or the connection."""

    rule: str
    sent: bytes
    code: Code
    stream: int = 0


OPEN = headers(1)
ENDED = headers(1, end=True)
CASES = [
    Case("3.4 the first frame is SETTINGS", b"", PROTOCOL),
    Case("4.1 a frame larger than MAX_FRAME_SIZE", OPEN + data(1, b"x" * 16_385), SIZE),
    Case("4.1 HEADERS larger than MAX_FRAME_SIZE", frame(HEADERS, END_HEADERS, 1, b"\x00" * 16_385), SIZE),
    Case("4.3 a header block that cannot be decoded", frame(HEADERS, END_HEADERS, 1, b"\xff"), Code.COMPRESSION_ERROR),
    Case("4.3 another frame within a header block", frame(HEADERS, 0, 1, block()) + frame(PING, 0, 0, b"12345678"), PROTOCOL),
    Case("4.3 another stream's CONTINUATION", frame(HEADERS, 0, 1, b"") + frame(CONTINUATION, 4, 3, block()), PROTOCOL),
    Case("5.1 idle: DATA", data(1, b"x"), PROTOCOL),
    Case("5.1 idle: RST_STREAM", frame(RST_STREAM, 0, 1, number(8)), PROTOCOL),
    Case("5.1 idle: WINDOW_UPDATE", frame(WINDOW_UPDATE, 0, 1, number(8)), PROTOCOL),
    Case("5.1 half-closed: DATA", ENDED + data(1, b"x"), CLOSED, 1),
    Case("5.1 half-closed: HEADERS", ENDED + headers(1), CLOSED, 1),
    Case("5.1 closed by the peer: DATA", OPEN + frame(RST_STREAM, 0, 1, number(8)) + data(1, b"x"), CLOSED),
    Case("5.1 closed by the peer: HEADERS", OPEN + frame(RST_STREAM, 0, 1, number(8)) + headers(1), CLOSED),
    Case("5.1.1 a stream of ours", headers(2), PROTOCOL),
    Case("5.1.1 a number that is not above the last", headers(5) + headers(3), PROTOCOL),
    Case("5.1.2 more streams than allowed", headers(1) + headers(3) + headers(5) + headers(7), Code.REFUSED_STREAM, 7),
    Case("6.1 DATA on stream 0", data(0, b"x"), PROTOCOL),
    Case("6.1 more padding than frame", OPEN + frame(DATA, PADDED, 1, b"\x05abc"), PROTOCOL),
    Case("6.1 no padding where it is announced", OPEN + frame(DATA, PADDED, 1), SIZE),
    Case("6.2 HEADERS on stream 0", headers(0), PROTOCOL),
    Case("6.2 more padding than block", frame(HEADERS, END_HEADERS | PADDED, 1, b"\xff" + block()), PROTOCOL),
    Case("6.2 no priority where it is announced", frame(HEADERS, END_HEADERS | PRIORITISED, 1, b"\0\0\0"), SIZE),
    Case("6.3 PRIORITY on stream 0", frame(PRIORITY, 0, 0, b"\0\0\0\0\0"), PROTOCOL),
    Case("6.3 PRIORITY of a wrong length", OPEN + frame(PRIORITY, 0, 1, b"\0\0\0\0"), SIZE, 1),
    Case("5.3.1 a stream that depends on itself", OPEN + frame(PRIORITY, 0, 1, number(1) + b"\0"), PROTOCOL, 1),
    Case("6.4 RST_STREAM on stream 0", frame(RST_STREAM, 0, 0, number(8)), PROTOCOL),
    Case("6.4 RST_STREAM of a wrong length", OPEN + frame(RST_STREAM, 0, 1, b"\0\0\0"), SIZE),
    Case("6.5 SETTINGS that acknowledge and say something", frame(SETTINGS, ACK, 0, b"\0" * 6), SIZE),
    Case("6.5 SETTINGS on a stream", frame(SETTINGS, 0, 1), PROTOCOL),
    Case("6.5 SETTINGS of a wrong length", frame(SETTINGS, 0, 0, b"\0" * 5), SIZE),
    Case("6.5.2 ENABLE_PUSH of 2", settings((2, 2)), PROTOCOL),
    Case("6.5.2 INITIAL_WINDOW_SIZE beyond the largest", settings((4, 1 << 31)), FLOW),
    Case("6.5.2 MAX_FRAME_SIZE below its range", settings((5, 16_383)), PROTOCOL),
    Case("6.5.2 MAX_FRAME_SIZE above its range", settings((5, 16_777_216)), PROTOCOL),
    Case("6.6 PUSH_PROMISE from a client", frame(PUSH_PROMISE, END_HEADERS, 1, number(2) + block()), PROTOCOL),
    Case("6.7 PING on a stream", frame(PING, 0, 1, b"12345678"), PROTOCOL),
    Case("6.7 PING of a wrong length", frame(PING, 0, 0, b"1234567"), SIZE),
    Case("6.8 GOAWAY on a stream", frame(GOAWAY, 0, 1, b"\0" * 8), PROTOCOL),
    Case("6.8 GOAWAY that is too short", frame(GOAWAY, 0, 0, b"\0" * 7), SIZE),
    Case("6.9 WINDOW_UPDATE of nothing on the connection", frame(WINDOW_UPDATE, 0, 0, number(0)), PROTOCOL),
    Case("6.9 WINDOW_UPDATE of nothing on a stream", OPEN + frame(WINDOW_UPDATE, 0, 1, number(0)), PROTOCOL, 1),
    Case("6.9 WINDOW_UPDATE of a wrong length", frame(WINDOW_UPDATE, 0, 0, b"\0\0\1"), SIZE),
    Case("6.9.1 a connection's window beyond the largest", frame(WINDOW_UPDATE, 0, 0, number((1 << 31) - 1)), FLOW),
    Case("6.9.1 a stream's window beyond the largest", OPEN + frame(WINDOW_UPDATE, 0, 1, number((1 << 31) - 1)), FLOW, 1),
    Case("6.9.1 more than the stream's window", OPEN + data(1, message(b"x" * 16_379)) * 4, FLOW, 1),
    Case("6.9.2 a stream's window beyond the largest by SETTINGS",
         OPEN + frame(WINDOW_UPDATE, 0, 1, number((1 << 31) - 65_536)) + settings((4, 65_536)), FLOW),
    Case("6.10 CONTINUATION without a block", OPEN + frame(CONTINUATION, END_HEADERS, 1, block()), PROTOCOL),
    Case("6.10 CONTINUATION on stream 0", frame(CONTINUATION, END_HEADERS, 0, block()), PROTOCOL),
    Case("8.1 trailers that do not end the stream", OPEN + headers(1, [("x", "y")]), PROTOCOL, 1),
    Case("8.1 a pseudo-header in trailers", OPEN + headers(1, [(":method", "GET")], end=True), PROTOCOL, 1),
    Case("8.1.1 more than content-length", headers(1, without("", ("content-length", "3"))) + data(1, b"1234"), PROTOCOL, 1),
    Case("8.1.1 less than content-length",
         headers(1, without("", ("content-length", "5"))) + data(1, b"1234", end=True), PROTOCOL, 1),
    Case("8.1.1 nothing where content-length says more", headers(1, without("", ("content-length", "5")), end=True), PROTOCOL, 1),
    Case("8.1.1 content-length that is no number", headers(1, without("", ("content-length", "x"))), PROTOCOL, 1),
    Case("8.1.1 two different content-lengths",
         headers(1, without("", ("content-length", "1"), ("content-length", "2"))), PROTOCOL, 1),
    Case("8.2.1 a capital in a name", headers(1, without("", ("X-Upper", "1"))), PROTOCOL, 1),
    Case("8.2.1 a blank in a name", headers(1, without("", ("x y", "1"))), PROTOCOL, 1),
    Case("8.2.1 a line feed in a value", headers(1, without("", ("x", "1\n2"))), PROTOCOL, 1),
    Case("8.2.1 a value that begins with a blank", headers(1, without("", ("x", " 1"))), PROTOCOL, 1),
    Case("8.2.2 connection", headers(1, without("", ("connection", "close"))), PROTOCOL, 1),
    Case("8.2.2 transfer-encoding", headers(1, without("", ("transfer-encoding", "chunked"))), PROTOCOL, 1),
    Case("8.2.2 te that is not trailers", headers(1, without("te", ("te", "gzip"))), PROTOCOL, 1),
    Case("8.3 a pseudo-header after a field", headers(1, without(":path", (":path", "/"))), PROTOCOL, 1),
    Case("8.3 an unknown pseudo-header", headers(1, [(":protocol", "x"), *REQUEST]), PROTOCOL, 1),
    Case("8.3 a pseudo-header of responses", headers(1, [(":status", "200"), *REQUEST]), PROTOCOL, 1),
    Case("8.3.1 no method", headers(1, without(":method")), PROTOCOL, 1),
    Case("8.3.1 no scheme", headers(1, without(":scheme")), PROTOCOL, 1),
    Case("8.3.1 no path", headers(1, without(":path")), PROTOCOL, 1),
    Case("8.3.1 an empty path", headers(1, [(":path", ""), *without(":path")]), PROTOCOL, 1),
    Case("8.3.1 two methods", headers(1, [(":method", "GET"), *REQUEST]), PROTOCOL, 1),
]  # fmt: skip


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.rule)
def test_a_broken_rule_gets_its_error(case: Case) -> None:
    first = START if case.sent else START[:24] + frame(PING, 0, 0, b"12345678")
    connection = Connection(LIMITS)
    connection.receive(first + case.sent)
    said = list(read(connection.take()))
    errors = [(each.kind, each.stream, each.code) for each in said if each.kind in (GOAWAY, RST_STREAM)]
    if case.stream:
        assert errors == [(RST_STREAM, case.stream, case.code)]
        assert connection.receive(frame(PING, 0, 0, b"12345678")) == []
        assert [each.payload for each in read(connection.take())] == [b"12345678"]
    else:
        assert errors == [(GOAWAY, 0, case.code)]
        assert connection.receive(headers(9)) == [] and connection.take() == b""
        assert connection.open_streams == 0


def test_what_is_no_http2_is_told_so_at_its_first_wrong_byte() -> None:
    for sent in (b"GET / HTTP/1.1\r\n", b"PRI * HTTP/2.0\r\n\r\nXX\r\n\r\n", b"\x16\x03\x01"):
        events, said = told(sent)
        assert [type(event) for event in events] == [Lost]
        assert (said[-1].kind, said[-1].code) == (GOAWAY, PROTOCOL)


def test_a_request_is_opened_its_messages_come_and_its_end() -> None:
    events, said = told(
        START + headers(1) + data(1, message(b"one") + message(b"")) + data(1, message(b"two"), end=True)
    )
    assert events[1:] == [Message(1, b"one"), Message(1, b""), Message(1, b"two"), HalfClosed(1)]
    assert isinstance(events[0], Opened) and dict(events[0].headers)[b":path"].endswith(b"/Process")
    assert [(each.kind, each.flags) for each in said if each.kind == SETTINGS] == [(SETTINGS, 0), (SETTINGS, ACK)]


def test_headers_may_be_padded_prioritised_and_continued() -> None:
    whole = block()
    parts = (
        frame(HEADERS, PADDED | PRIORITISED, 1, b"\x02" + number(3) + b"\x10" + whole[:5] + b"\0\0"),
        frame(CONTINUATION, 0, 1, whole[5:9]),
        frame(CONTINUATION, END_HEADERS, 1, whole[9:]),
        frame(DATA, PADDED | END_STREAM, 1, b"\x03" + message(b"hi") + b"\0\0\0"),
    )
    events, _ = told(START + b"".join(parts))
    assert [type(event) for event in events] == [Opened, Message, HalfClosed]


def test_trailers_end_a_request() -> None:
    events, _ = told(START + headers(1) + data(1, message(b"hi")) + headers(1, [("x-checksum", "1")], end=True))
    assert [type(event) for event in events] == [Opened, Message, HalfClosed]


def test_what_the_rfc_lets_pass_passes() -> None:
    allowed = (
        frame(99, 7, 0, b"of an extension"),
        frame(PRIORITY, 0, 9, number(3) + b"\0"),  # on an idle stream
        settings((0x99, 7), (2, 0), (3, 0), (1, 0), (6, 10)),
        frame(SETTINGS, ACK, 0),
        headers(1, end=True),
        frame(WINDOW_UPDATE, 0, 1, number(5)),  # half-closed
        frame(PRIORITY, 0, 1, number(3) + b"\0"),
        frame(RST_STREAM, 0, 1, number(8)),
        frame(WINDOW_UPDATE, 0, 1, number(5)),  # closed
        frame(PRIORITY, 0, 1, number(3) + b"\0"),
        frame(RST_STREAM, 0, 1, number(8)),
        frame(GOAWAY, 0, 0, number(0) + number(0) + b"bye"),
        headers(3),
    )
    events, said = told(START + b"".join(allowed))
    assert [type(event) for event in events] == [Opened, HalfClosed, Aborted, Opened]
    assert not [each for each in said if each.kind in (GOAWAY, RST_STREAM)]


def test_what_was_on_its_way_when_we_ended_a_stream_is_nobodys_fault() -> None:
    connection = Connection(LIMITS)
    connection.receive(START + headers(1))
    connection.finish(1, 13, "no")
    connection.take()
    late = data(1, message(b"late")) + frame(WINDOW_UPDATE, 0, 1, number(9)) + frame(RST_STREAM, 0, 1, number(8))
    assert connection.receive(late + headers(3)) == [Opened(3, told(START + headers(1))[0][0].headers)]  # type: ignore[attr-defined]
    assert connection.take() == b""


def test_of_streams_that_ended_long_ago_nobody_remembers_how_and_only_they_are_told() -> None:
    connection = Connection(Limits(max_streams=10))
    connection.receive(START)
    count = 9_000
    for stream in range(1, 2 * count, 2):
        connection.receive(headers(stream))
        connection.finish(stream, 13, "no")  # the peer may still be sending
    connection.take()
    last = 2 * count - 1
    assert connection.receive(data(last, b"late") + headers(last - 2, [("x", "y")], end=True)) == []
    assert connection.take() == b""
    assert connection.receive(data(1, b"late") + headers(3, [("x", "y")], end=True)) == []
    told = [(each.kind, each.stream, each.code) for each in read(connection.take())]
    assert told == [(RST_STREAM, 1, CLOSED), (RST_STREAM, 3, CLOSED)]


def test_a_ping_is_answered_with_what_it_said() -> None:
    _, said = told(START + frame(PING, 0, 0, b"12345678") + frame(PING, ACK, 0, b"of ours?"))
    assert [(each.flags, each.payload) for each in said if each.kind == PING] == [(ACK, b"12345678")]
