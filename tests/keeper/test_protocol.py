"""Frames: what one end says is what the other hears, however the bytes are cut."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from extproc.cache.commands import Abandon, Fill, Found, Free, Lead, Look
from extproc.cache.entry import Entry
from extproc.keeper import protocol
from extproc.keeper.protocol import Command, Frames, Leave, Ping, Pong, ProtocolError, read_answer, read_command
from extproc.routing.kept import Keep, Owners, Whose

KEYS = st.binary(min_size=32, max_size=32)
MANY = st.lists(KEYS, min_size=1, max_size=3).map(tuple)
FILLS = st.builds(
    Fill,
    KEYS,
    st.text(max_size=20),
    st.sampled_from(["json", "stream"]),
    st.binary(),
    st.booleans(),
    st.floats(1, 1e6),
    st.binary(),
)
COMMANDS = (
    st.builds(Look, KEYS, st.floats(0, 1e4))
    | FILLS
    | st.builds(Abandon, KEYS)
    | st.sampled_from([Leave(), Ping()])
    | st.builds(Whose, MANY)
    | st.builds(Keep, MANY, st.text(max_size=20), st.floats(0, 1e9))
)
ENTRY = Entry("openai-chat", b"{}", b"", False, 1.0)
ANSWERS = [
    (protocol.found(1, ENTRY.encode(), 9), Found(ENTRY, 9)),
    (protocol.answer(2, Lead()), Lead()),
    (protocol.answer(3, Free()), Free()),
    (protocol.pong(4), Pong()),
    (protocol.owners(5, ["größe".encode(), b""]), Owners(("größe", ""))),
]


@given(st.lists(st.tuples(st.integers(0, 2**64 - 1), COMMANDS), max_size=4), st.data())
def test_commands_arrive_as_they_were_said_wherever_the_bytes_are_cut(
    said: list[tuple[int, Command]], data: st.DataObject
) -> None:
    stream = b"".join(protocol.command(number, command) for number, command in said)
    cut = data.draw(st.integers(0, len(stream)))
    frames = Frames()
    heard = [*frames.feed(stream[:cut]), *frames.feed(stream[cut:])]
    assert [(number, read_command(operation, payload)) for operation, number, payload in heard] == said


def test_answers_arrive_as_they_were_given_byte_by_byte() -> None:
    frames = Frames()
    heard = [frame for byte in b"".join(data for data, _ in ANSWERS) for frame in frames.feed(bytes([byte]))]
    assert [number for _, number, _ in heard] == [1, 2, 3, 4, 5]
    assert [read_answer(operation, payload) for operation, _, payload in heard] == [answer for _, answer in ANSWERS]


def test_a_damaged_entry_is_none() -> None:
    ((operation, _, payload),) = Frames().feed(protocol.found(1, b"not an entry", 0))
    assert read_answer(operation, payload) == Free()


def test_a_frame_that_claims_too_much_ends_the_connection_before_it_is_held() -> None:
    with pytest.raises(ProtocolError, match="a frame of 4294967295 bytes"):
        Frames().feed(b"\xff\xff\xff\xff" + bytes(9))


@pytest.mark.parametrize(
    ("operation", "payload"),
    [
        (0, b""),
        (99, b""),
        (1, b"short"),
        (3, b"k" * 32),
        (3, b"k" * 40 + b"\xff" * 8),
        (4, b""),
        (10, b"k" * 43),
        (11, b"k" * 33),
        (11, b""),
    ],
)
def test_what_is_no_command_is_an_error(operation: int, payload: bytes) -> None:
    with pytest.raises(ProtocolError):
        read_command(operation, payload)


@pytest.mark.parametrize(
    ("operation", "payload"), [(1, b""), (12, b"\x05"), (12, b"\x05\x00abc"), (12, b"\x01\x00\xff")]
)
def test_what_is_no_answer_is_an_error(operation: int, payload: bytes) -> None:
    with pytest.raises(ProtocolError):
        read_answer(operation, payload)
