"""Messages in both directions through windows of any size, beside `h2`; cut anywhere; and what bounds memory."""

from __future__ import annotations

import random
from collections import defaultdict

import h2.config
import h2.connection
import h2.events
import h2.settings
import pytest
from http2_bytes import (
    CONTINUATION,
    DATA,
    END_HEADERS,
    GOAWAY,
    HEADERS,
    PING,
    PRIORITY,
    REQUEST,
    RST_STREAM,
    SETTINGS,
    START,
    WINDOW_UPDATE,
    block,
    data,
    frame,
    headers,
    message,
    number,
    read,
    settings,
)
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from extproc.transport.http2 import Aborted, Code, Connection, Event, HalfClosed, Limits, Lost, Message, Opened

SIZES = st.sampled_from([0, 1, 5, 100, 16_379, 16_384, 40_000, 70_000])


class Echo:
    """A server that says each message again, dealt with at once."""

    def __init__(self, limits: Limits | None = None) -> None:
        self.core = Connection(limits)

    def receive(self, sent: bytes) -> bytes:
        for event in self.core.receive(sent):
            match event:
                case Message():
                    self.core.send(event.stream, event.data)
                    self.core.consumed(event.stream, event.size)
                case HalfClosed():
                    self.core.finish(event.stream, 0)
        return self.core.take()


class Client:
    """`h2`, which keeps all rules, with the messages that it still has to send."""

    def __init__(self, window: int) -> None:
        self.h2 = h2.connection.H2Connection(h2.config.H2Configuration(header_encoding=None))
        self.h2.initiate_connection()
        self.h2.update_settings({h2.settings.SettingCodes.INITIAL_WINDOW_SIZE: window})
        self.unsent: dict[int, bytearray] = {}
        self.heard: dict[int, bytearray] = defaultdict(bytearray)
        self.trailers: dict[int, dict[bytes, bytes]] = {}

    def ask(self, stream: int, messages: list[bytes]) -> None:
        self.h2.send_headers(stream, REQUEST)
        self.unsent[stream] = bytearray(b"".join(map(message, messages)))

    def step(self) -> bytes:
        """Send what the windows allow."""
        for stream, left in list(self.unsent.items()):
            while left and (room := min(self.h2.local_flow_control_window(stream), 16_384)) > 0:
                self.h2.send_data(stream, bytes(left[:room]))
                del left[:room]
            if not left:
                self.h2.end_stream(stream)
                del self.unsent[stream]
        return self.h2.data_to_send()

    def receive(self, said: bytes) -> None:
        for event in self.h2.receive_data(said):
            match event:
                case h2.events.DataReceived():
                    self.heard[event.stream_id] += event.data
                    self.h2.acknowledge_received_data(event.flow_controlled_length, event.stream_id)
                case h2.events.TrailersReceived():
                    self.trailers[event.stream_id] = dict(event.headers)
                case h2.events.ResponseReceived():
                    assert dict(event.headers)[b":status"] == b"200"


@given(st.lists(st.lists(SIZES, max_size=4), min_size=1, max_size=4), st.sampled_from([1, 7, 100, 65_535, 1 << 20]))
@hypothesis_settings(max_examples=25, deadline=None)
def test_messages_come_back_whole_through_windows_of_any_size(asked: list[list[int]], window: int) -> None:
    if window < 100:
        asked = [[min(size, 300) for size in sizes] for sizes in asked]
    client, server = Client(window), Echo(Limits(stream_window=65_535, connection_window=131_070))
    sent = {2 * n + 1: [bytes([n]) * size for size in sizes] for n, sizes in enumerate(asked)}
    client.receive(server.receive(client.step()))  # its settings are acknowledged
    for stream, messages in sent.items():
        client.ask(stream, messages)
    for _ in range(20_000):
        if len(client.trailers) == len(sent):
            break
        client.receive(server.receive(client.step()))
    assert {stream: bytes(client.heard[stream]) for stream in sent} == {
        stream: b"".join(map(message, messages)) for stream, messages in sent.items()
    }
    assert all(fields[b"grpc-status"] == b"0" for fields in client.trailers.values())
    assert server.core.open_streams == 0


CONVERSATION = (
    START
    + headers(1)
    + frame(HEADERS, 0, 3, block()[:7])
    + frame(CONTINUATION, END_HEADERS, 3, block()[7:])
    + data(1, message(b"one") + message(b"two")[:3])
    + frame(PING, 0, 0, b"12345678")
    + data(3, message(b"x" * 700), end=True)
    + data(1, message(b"two")[3:], end=True)
    + headers(5)
    + frame(RST_STREAM, 0, 5, number(8))
)


def played(pieces: list[bytes]) -> tuple[list[Event], bytes]:
    connection, events = Connection(), []
    for piece in pieces:
        events += connection.receive(piece)
    return events, connection.take()


def test_a_conversation_is_the_same_wherever_it_is_cut() -> None:
    whole = played([CONVERSATION])
    assert len(whole[0]) == 9
    for at in range(len(CONVERSATION)):
        assert played([CONVERSATION[:at], CONVERSATION[at:]]) == whole
    for step in (1, 2, 3, 7):
        assert played([CONVERSATION[at : at + step] for at in range(0, len(CONVERSATION), step)]) == whole


@pytest.mark.parametrize("seed", range(60))
def test_damaged_bytes_raise_nothing_and_mean_the_same_wherever_they_are_cut(seed: int) -> None:
    chance = random.Random(seed)
    for _ in range(30):
        sent = bytearray(CONVERSATION)
        for _ in range(chance.randint(1, 6)):
            at = chance.randrange(len(START), len(sent))
            sent[at : at + chance.randint(0, 3)] = chance.randbytes(chance.randint(0, 4))
        cuts = sorted(chance.sample(range(len(sent)), 5))
        pieces = [bytes(sent[a:b]) for a, b in zip([0, *cuts], [*cuts, len(sent)], strict=True)]
        events, _ = played([bytes(sent)])
        assert played(pieces)[0] == events
        assert not any(isinstance(event, Lost) for event in events[:-1])


@pytest.mark.parametrize("seed", range(20))
def test_random_frames_raise_nothing(seed: int) -> None:
    chance = random.Random(seed)
    for _ in range(60):
        sent = b"".join(
            frame(chance.randrange(11), chance.randrange(256), chance.choice((0, 1, 1, 3, 4)), chance.randbytes(chance.choice((0, 4, 5, 6, 8, 20))))
            for _ in range(12)
        )  # fmt: skip
        connection = Connection()
        connection.receive(START + headers(1) + sent)
        list(read(connection.take()))


# --- gRPC -------------------------------------------------------------------------------------------------------------


def statuses(connection: Connection) -> list[tuple[int, bytes]]:
    """The trailers that were sent, as their streams and the bytes that hold the status."""
    return [(each.stream, each.payload) for each in read(connection.take()) if each.kind == HEADERS and each.flags & 1]


@pytest.mark.parametrize(
    ("sent", "status"),
    [
        (data(1, b"\x01\0\0\0\x01x"), b"12"),
        (data(1, b"\0\0\x10\0\x01"), b"8"),
        (data(1, message(b"half")[:-1], end=True), b"13"),
        (data(1, b"\0\0", end=True), b"13"),
    ],
    ids=["compressed", "larger than allowed", "ends within a message", "ends within a prefix"],
)
def test_a_fault_in_grpc_ends_the_stream_with_its_status(sent: bytes, status: bytes) -> None:
    connection = Connection(Limits(max_message_bytes=1 << 20))
    events = connection.receive(START + headers(1) + sent)
    assert [type(event) for event in events] == [Opened, Aborted]
    ((stream, fields),) = statuses(connection)
    assert stream == 1 and b"grpc-status" + bytes([len(status)]) + status in fields
    assert connection.open_streams == 0


def test_a_stream_may_end_before_any_message_and_after_some() -> None:
    connection = Connection()
    connection.receive(START + headers(1, end=True) + headers(3))
    connection.finish(1, 12, "no method ü\n%\ud800")
    connection.send(3, b"hi")
    connection.finish(3, 0)
    connection.finish(3, 13)
    connection.send(3, b"late")
    said = [each for each in read(connection.take()) if each.stream]
    assert [(each.kind, each.stream) for each in said] == [
        (HEADERS, 1), (HEADERS, 3), (DATA, 3), (HEADERS, 3), (RST_STREAM, 3),
    ]  # fmt: skip
    assert b"no method %C3%BC%0A%25?" in said[0].payload
    assert said[-1].code == Code.NO_ERROR  # its peer may still have sent


# --- windows ----------------------------------------------------------------------------------------------------------


def granted(said: bytes, stream: int) -> int:
    return sum(
        int.from_bytes(each.payload, "big")
        for each in read(said)
        if (each.kind, each.stream) == (WINDOW_UPDATE, stream)
    )


def test_a_message_larger_than_the_window_passes_and_one_that_waits_holds_up_its_stream_alone() -> None:
    limits = Limits(stream_window=65_535, connection_window=65_535)
    connection = Connection(limits)
    connection.receive(START + headers(1) + headers(3))
    connection.take()
    large, credit, events = message(b"x" * 500_000), 65_535, []
    for at in range(0, len(large), 16_384):
        piece = large[at : at + 16_384]
        assert credit >= len(piece)
        events += connection.receive(data(1, piece))
        credit += granted(connection.take(), 1) - len(piece)
    assert [type(event) for event in events] == [Message]
    while credit >= 1_005:  # nobody dealt with it: what is left of the window, and no more
        connection.receive(data(1, message(b"y" * 1_000)))
        credit += granted(said := connection.take(), 1) - 1_005
        assert granted(said, 1) == 0
    assert connection.receive(data(3, message(b"z"))) == [Message(3, b"z")]
    connection.consumed(1, 500_000)
    connection.consumed(1, 32_000)
    assert granted(connection.take(), 1) >= 32_000


def test_what_waits_for_a_window_is_counted_and_goes_out_in_order_when_it_opens() -> None:
    connection = Connection()
    connection.receive(START + settings((4, 10)) + headers(1) + headers(3))
    connection.take()
    connection.send(1, b"a" * 20)
    connection.send(1, b"b")
    connection.finish(1, 0)
    assert connection.queued(1) == 21
    connection.receive(frame(WINDOW_UPDATE, 0, 1, number(100)))
    sent = b"".join(each.payload for each in read(connection.take()) if each.kind == DATA)
    assert sent == message(b"a" * 20) + message(b"b")
    assert connection.queued(1) == 0 and connection.open_streams == 1


def test_a_window_may_be_negative() -> None:
    connection = Connection()
    connection.receive(START + headers(1))
    connection.send(1, b"x" * 1_000)
    connection.receive(settings((4, 0)))  # 1,005 bytes in debt
    connection.send(1, b"y")
    connection.receive(frame(WINDOW_UPDATE, 0, 1, number(1_005)))
    assert connection.queued(1) == 6
    connection.receive(frame(WINDOW_UPDATE, 0, 1, number(6)))
    assert connection.queued(1) == 0


def test_streams_that_wait_for_the_connections_window_all_go_on() -> None:
    connection = Connection()
    connection.receive(START + settings((4, 1 << 20)) + b"".join(headers(n) for n in (1, 3, 5)))
    for stream in (1, 3, 5):
        connection.send(stream, bytes(60_000))
    assert connection.queued(3) and connection.queued(5)
    connection.receive(frame(WINDOW_UPDATE, 0, 0, number(1 << 20)))
    assert [connection.queued(stream) for stream in (1, 3, 5)] == [0, 0, 0]


def test_a_peer_that_resets_a_stream_frees_what_waited() -> None:
    connection = Connection()
    connection.receive(START + settings((4, 1)) + headers(1))
    connection.send(1, bytes(100_000))
    assert connection.receive(frame(RST_STREAM, 0, 1, number(8))) == [Aborted(1, 8)]
    assert (connection.queued(1), connection.open_streams) == (0, 0)


def test_who_waits_for_the_connections_window_gets_a_turn() -> None:
    connection = Connection()
    connection.receive(START + settings((4, 1 << 20)) + b"".join(headers(n) for n in (1, 3, 5)))
    connection.send(1, bytes(65_530))
    for stream in (1, 3, 5):
        connection.send(stream, bytes(100_000))
    connection.take()
    served = []
    for _ in range(3):
        connection.receive(frame(WINDOW_UPDATE, 0, 0, number(10_000)))
        served += [each.stream for each in read(connection.take()) if each.kind == DATA]
    assert set(served) == {1, 3, 5}


def test_a_peer_that_keeps_no_header_table_can_read_us() -> None:
    client = h2.connection.H2Connection(h2.config.H2Configuration(header_encoding=None))
    client.initiate_connection()
    client.update_settings({h2.settings.SettingCodes.HEADER_TABLE_SIZE: 0})
    client.send_headers(1, REQUEST, end_stream=True)
    server = Echo()
    events = client.receive_data(server.receive(client.data_to_send()))
    (ended,) = [event for event in events if isinstance(event, h2.events.ResponseReceived)]
    assert (b"grpc-status", b"0") in ended.headers


# --- leaving ----------------------------------------------------------------------------------------------------------


def test_who_drains_serves_what_comes_until_the_peer_knows_and_refuses_the_rest() -> None:
    connection = Connection()
    connection.receive(START + headers(1))
    connection.take()
    connection.drain()
    connection.drain()
    away, ping = list(read(connection.take()))
    assert (away.kind, away.code, away.payload[:4]) == (GOAWAY, Code.NO_ERROR, b"\x7f\xff\xff\xff")
    assert [type(event) for event in connection.receive(headers(3))] == [Opened]
    connection.receive(frame(PING, 1, 0, ping.payload))
    (last,) = read(connection.take())
    assert (last.kind, last.payload[:4]) == (GOAWAY, number(3))
    assert connection.receive(headers(5)) == []
    (refused,) = read(connection.take())
    assert (refused.kind, refused.stream, refused.code) == (RST_STREAM, 5, Code.REFUSED_STREAM)
    assert not connection.idle
    for stream in (1, 3):
        connection.finish(stream, 0)
    assert connection.idle


# --- hostile ----------------------------------------------------------------------------------------------------------

FLOODS = {
    "settings that repeat themselves": frame(SETTINGS, 0, 0, (b"\0\4" + number(65_535)) * 200),
    "ping": frame(PING, 0, 0, b"12345678"),
    "settings": settings((4, 65_535)),
    "priority": frame(PRIORITY, 0, 1, number(3) + b"\0"),
    "empty data": frame(DATA, 0, 1),
    "window": frame(WINDOW_UPDATE, 0, 1, number(1)),
    "unknown": frame(77, 0, 0, b"x"),
    "data for a stream that is over": frame(DATA, 0, 3, b"x"),
}


@pytest.mark.parametrize("kind", FLOODS)
def test_a_flood_of_frames_that_say_nothing_ends_the_connection(kind: str) -> None:
    connection = Connection(Limits(control_burst=1_000, control_per_second=100))
    connection.receive(START + headers(1) + headers(3))
    connection.finish(3, 0)
    lost: list[Event] = []
    for _ in range(1_100):
        lost += connection.receive(FLOODS[kind], now=0.5)
    assert [(type(event), event.code) for event in lost] == [(Lost, Code.ENHANCE_YOUR_CALM)]  # type: ignore[union-attr]


def test_a_rapid_reset_ends_the_connection() -> None:
    connection = Connection(Limits(control_burst=1_000, control_per_second=100))
    events = connection.receive(
        START + b"".join(headers(n) + frame(RST_STREAM, 0, n, number(8)) for n in range(1, 2_400, 2))
    )
    assert isinstance(events[-1], Lost) and connection.open_streams == 0


def test_a_rapid_reset_after_a_message_ends_the_connection_too() -> None:
    connection = Connection(Limits(control_burst=1_000, control_per_second=100))
    opened = (headers(n) + data(n, message(b"x")) + frame(RST_STREAM, 0, n, number(8)) for n in range(1, 2_400, 2))
    events = connection.receive(START + b"".join(opened))
    assert isinstance(events[-1], Lost) and connection.open_streams == 0


def test_empty_messages_that_nobody_dealt_with_fill_the_window_too() -> None:
    connection = Connection(Limits(stream_window=65_535))
    connection.receive(START + headers(1))
    events = connection.receive(data(1, message(b"") * 3_000) * 6)
    assert events[-1] == Aborted(1, Code.FLOW_CONTROL_ERROR)
    assert sum(isinstance(event, Message) for event in events) <= 65_535 // 5


def test_what_is_on_its_way_on_all_streams_together_is_bounded() -> None:
    connection = Connection(Limits(max_assembling_bytes=100_000))
    half = message(bytes(60_000))[:50_000]
    connection.receive(START + b"".join(headers(n) for n in (1, 3, 5)))
    pieces = [half[at : at + 10_000] for at in range(0, len(half), 10_000)]
    events = connection.receive(b"".join(data(n, piece) for n in (1, 3, 5) for piece in pieces))
    assert events == [Aborted(5, Code.CANCEL)]
    ((stream, fields),) = statuses(connection)
    assert stream == 5 and b"grpc-status\x018" in fields
    connection.receive(frame(RST_STREAM, 0, 1, number(8)) + headers(7))
    assert connection.receive(b"".join(data(7, piece) for piece in pieces)) == []  # there is room again


def test_an_idle_connection_may_be_pinged_for_days() -> None:
    connection = Connection(Limits(control_burst=10, control_per_second=2))
    assert not any(connection.receive(START * (not n) + FLOODS["ping"], now=float(n)) for n in range(10_000))


def test_whoever_takes_what_is_sent_may_widen_its_windows_each_time() -> None:
    connection = Connection(Limits(control_burst=10, control_per_second=0))
    connection.receive(START + headers(1))
    for _ in range(1_000):
        connection.send(1, b"x" * 100)
        assert (
            connection.receive(frame(WINDOW_UPDATE, 0, 1, number(105)) + frame(WINDOW_UPDATE, 0, 0, number(105))) == []
        )


@pytest.mark.parametrize("piece", [b"", b"\0" * 16_384], ids=["empty", "large"])
def test_a_header_block_that_never_ends_ends_the_connection(piece: bytes) -> None:
    connection = Connection()
    events = connection.receive(START + frame(HEADERS, 0, 1, b"") + frame(CONTINUATION, 0, 1, piece) * 100)
    assert [(type(event), event.code) for event in events] == [(Lost, Code.ENHANCE_YOUR_CALM)]  # type: ignore[union-attr]


def test_a_declared_length_costs_no_memory() -> None:
    import tracemalloc

    connection = Connection(Limits(max_message_bytes=64 << 20))
    connection.receive(START)
    tracemalloc.start()
    connection.receive(b"".join(headers(n) + data(n, (b"\0" + number(60 << 20))) for n in range(1, 201, 2)))
    assert tracemalloc.get_traced_memory()[1] < 2 << 20
    tracemalloc.stop()


def test_more_headers_than_allowed_refuse_their_stream_and_leave_the_others() -> None:
    connection = Connection(Limits(max_header_list_bytes=1_000))
    events = connection.receive(START + headers(1, [*REQUEST, ("x", "y" * 900)]) + headers(3))
    assert [event.stream for event in events if isinstance(event, Opened)] == [3]


def test_settings_are_ours() -> None:
    first = next(read(Connection(Limits(max_streams=7)).take()))
    pairs = {
        first.payload[at + 1]: int.from_bytes(first.payload[at + 2 : at + 6], "big")
        for at in range(0, len(first.payload), 6)
    }
    assert (first.kind, pairs[3]) == (SETTINGS, 7)
