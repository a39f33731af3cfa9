"""Events do not depend on how bytes arrive, and no byte is lost."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st
from measure import cpu_seconds

from extproc.dialects.sse import Event, Framer, SseTooLarge, encode

STREAM = (
    b"\xef\xbb\xbfdata: first\n\n"
    b": a comment\r\n\r\n"
    b"event: delta\r\nid: 7\r\ndata: two\r\ndata: lines\r\n\r\n"
    b"data:unspaced\rdata:  spaced\r\r"
    b"retry: 3\nid\n\n"
    b"\n\r\n"
    b"data\n\n"
    b'data: {"a": "\xc3\xa9"}\n\ndata: {}\n\n'
    b"data: mixed\r\n\n"
    b"data: [DONE]"
)
EVENTS = [
    (b"\xef\xbb\xbfdata: first\n\n", "", b"first", "", True),
    (b": a comment\r\n\r\n", "", b"", "", True),
    (b"event: delta\r\nid: 7\r\ndata: two\r\ndata: lines\r\n\r\n", "delta", b"two\nlines", "7", True),
    (b"data:unspaced\rdata:  spaced\r\r", "", b"unspaced\n spaced", "", True),
    (b"retry: 3\nid\n\n", "", b"", "", True),
    (b"\n", "", b"", "", True),
    (b"\r\n", "", b"", "", True),
    (b"data\n\n", "", b"", "", True),
    (b'data: {"a": "\xc3\xa9"}\n\n', "", b'{"a": "\xc3\xa9"}', "", True),
    (b"data: {}\n\n", "", b"{}", "", True),
    (b"data: mixed\r\n\n", "", b"mixed", "", True),
    (b"data: [DONE]", "", b"[DONE]", "", False),
]

pieces = st.sampled_from(
    [
        b"\n",
        b"\r",
        b"\r\n",
        b"\n\n",
        b"data: ",
        b"data:",
        b"data",
        b"event: ",
        b"id: ",
        b":",
        b" ",
        b"x",
        b"\xef\xbb\xbf",
        b"\xc3",
        b"\0",
    ]
)
streams = st.lists(pieces, max_size=24).map(b"".join)


def cut(stream: bytes, at: list[int]) -> list[bytes]:
    return [stream[a:b] for a, b in pairwise([0, *sorted(at), len(stream)])]


def events(chunks: list[bytes], **caps: int) -> list[Event]:
    framer = Framer(**caps)
    found = [event for chunk in chunks for event in framer.feed(chunk)]
    return found + framer.close()


def outcome(chunks: list[bytes], **caps: int) -> tuple[list[Event], str]:
    """The events that got through, and what ended the stream."""
    framer = Framer(**caps)
    found: list[Event] = []
    try:
        for chunk in chunks:
            found += framer.feed(chunk)
        found += framer.close()
    except SseTooLarge as error:
        return [*found, *error.before], f"{error}"
    return found, ""


def test_a_stream_is_cut_into_events() -> None:
    assert [tuple(event)[:5] for event in events([STREAM])] == EVENTS


@pytest.mark.parametrize(
    ("block", "aside", "foreign"),
    [
        (b": a comment\n:\ndata: x\n\n", "a comment", False),
        (b"event: delta\nid: 7\nretry: 3\n\n", "delta\n7\n3", False),
        (b"data: x\n\n", "", False),
        (b"\n", "", False),
        (b"\xef\xbb\xbfdata: x\n\n", "", False),
        (b"note: y\ndata: x\n\n", "y", True),
        (b'{"no": "stream"}', '"stream"}', True),
        (b"Data: x\n\n", "x", True),
    ],
)
def test_what_stands_beside_the_data_is_told(block: bytes, aside: str, foreign: bool) -> None:
    (event,) = events([block])
    assert (event.aside, event.foreign) == (aside, foreign)


@pytest.mark.parametrize("size", range(1, len(STREAM)))
def test_pieces_of_any_size_give_the_same_events(size: int) -> None:
    assert events([STREAM[at : at + size] for at in range(0, len(STREAM), size)]) == events([STREAM])


@pytest.mark.parametrize("at", range(len(STREAM) + 1))
def test_one_cut_anywhere_changes_nothing(at: int) -> None:
    assert events([STREAM[:at], STREAM[at:]]) == events([STREAM])


@given(streams, st.lists(st.integers(0, 200), max_size=8))
def test_any_stream_gives_the_same_events_at_any_split_and_loses_no_byte(stream: bytes, at: list[int]) -> None:
    found = events(cut(stream, [min(each, len(stream)) for each in at]))
    assert found == events([stream[at : at + 1] for at in range(len(stream))])
    assert b"".join(event.raw for event in found) == stream


@given(streams)
def test_any_stream_is_read_as_the_grammar_says(stream: bytes) -> None:
    assert [(e.name, e.data, e.id) for e in events([stream])] == by_the_book(stream)


def by_the_book(stream: bytes) -> list[tuple[str, bytes, str]]:
    """The grammar again, slowly: all lines at once, an event at each blank one, the rest at the end."""
    lines = stream.removeprefix(b"\xef\xbb\xbf").replace(b"\r\n", b"\n").replace(b"\r", b"\n").split(b"\n")
    found = []
    fields: list[tuple[bytes, bytes]] = []
    for line in lines[:-1]:
        if line:
            name, _, value = line.partition(b":")
            fields.append((name, value[1:] if value[:1] == b" " else value))
            continue
        found.append(as_event(fields))
        fields = []
    if lines[-1] or fields or stream == b"\xef\xbb\xbf":
        name, _, value = lines[-1].partition(b":")
        fields += [(name, value[1:] if value[:1] == b" " else value)] if lines[-1] else []
        found.append(as_event(fields))
    return found


def as_event(fields: list[tuple[bytes, bytes]]) -> tuple[str, bytes, str]:
    names = [value for field, value in fields if field == b"event"]
    ids = [value for field, value in fields if field == b"id" and b"\0" not in value]
    data = b"\n".join(value for field, value in fields if field == b"data")
    return (
        "".join(names[-1:] and [names[-1].decode(errors="replace")]),
        data,
        ids[-1].decode(errors="replace") if ids else "",
    )


def test_an_event_is_there_as_soon_as_its_blank_line_is() -> None:
    framer = Framer()
    assert framer.feed(b"data: a\n") == []
    assert [event.data for event in framer.feed(b"\ndata: b")] == [b"a"]
    assert framer.held == 7
    assert [event.data for event in framer.feed(b"\r\n\r\n")] == [b"b"]


def test_a_blank_line_that_ends_in_cr_waits_for_the_next_byte_or_the_end() -> None:
    framer = Framer()
    assert framer.feed(b"data: a\r\r") == []
    assert framer.feed(b"\n") == [Event(b"data: a\r\r\n", "", b"a")]
    framer.feed(b"data: b\r\r")
    assert framer.close() == [Event(b"data: b\r\r", "", b"b")]


def test_bytes_that_are_not_utf8_are_kept_in_data_and_replaced_in_names() -> None:
    assert events([b"event: \xff\ndata: \xff\n\n"]) == [Event(b"event: \xff\ndata: \xff\n\n", "�", b"\xff", aside="�")]


@pytest.mark.parametrize("first", [b"data: a\n\n", b":\n\n"])
def test_a_mark_that_is_not_at_the_start_is_part_of_a_field_name(first: bytes) -> None:
    rest = b"\xef\xbb\xbfdata: b\n\xef\xbb\xbf\n\n"
    alone = b"\xef\xbb\xbf\n\n"
    for chunks in ([first + rest + alone], [first, rest, alone]):
        assert [(e.raw, e.data) for e in events(chunks)[1:]] == [(rest, b""), (alone, b"")]


def test_a_line_and_an_event_that_are_too_long_at_the_same_byte_are_a_line() -> None:
    assert outcome([b"data: 1"], max_line=6, max_event=6)[1] == "an event stream has a line longer than 6 bytes"


@pytest.mark.parametrize(
    ("stream", "message"),
    [
        (b"data: ok\n\ndata: 1234567\n\n", "an event stream has a line longer than 12 bytes"),
        (b"data: ok\n\ndata: 1234567", "an event stream has a line longer than 12 bytes"),
        (b"data: ok\n\n: 1\n: 2\n: 3\n: 4\n: 5\n\n", "an event stream has an event longer than 16 bytes"),
        (b"data: ok\n\n: 1\n: 2\n: 3\n: 4\n: 567890123456", "an event stream has an event longer than 16 bytes"),
        (b"data: ok\n\n\r\n", ""),
        (b"data: ok\n\ndata: 123456\r\n\r\n", ""),
        (b"data: ok\n\ndata: 1\n: 2345\r\r\n", "an event stream has an event longer than 16 bytes"),
    ],
)
def test_caps_name_what_is_too_long_wherever_the_cut_is_and_let_earlier_events_through(
    stream: bytes, message: str
) -> None:
    whole = outcome([stream], max_line=12, max_event=16)
    assert whole[1] == message
    assert whole[0][0].data == b"ok"
    for size in range(1, len(stream)):
        chunks = [stream[at : at + size] for at in range(0, len(stream), size)]
        assert outcome(chunks, max_line=12, max_event=16) == whole


@given(streams, st.integers(0, 9), st.integers(0, 9), st.integers(1, 40))
def test_caps_give_the_same_outcome_at_every_split(stream: bytes, line: int, event: int, size: int) -> None:
    chunks = [stream[at : at + size] for at in range(0, len(stream), size)]
    assert outcome(chunks, max_line=line, max_event=event) == outcome([stream], max_line=line, max_event=event)


def test_after_a_cap_nothing_passes_and_nothing_is_kept() -> None:
    framer = Framer(max_line=8)
    with pytest.raises(SseTooLarge):
        framer.feed(b"data: a\n\n" + b"x" * 9)
    held = framer.held
    with pytest.raises(SseTooLarge) as caught:
        framer.feed(b"\n\ndata: a\n\n")
    assert (caught.value.before, framer.held) == ((), held)
    with pytest.raises(SseTooLarge):
        framer.close()


@given(
    st.text(st.characters(exclude_characters="\r\n", exclude_categories=["Cs"]), max_size=8),
    st.binary(max_size=20).map(lambda data: data.replace(b"\r", b"")),
    st.text("abc-", max_size=8),
)
def test_what_is_encoded_is_read_back(name: str, data: bytes, event_id: str) -> None:
    raw = encode(name, data, event_id)
    (event,) = events([raw])
    assert event[:4] == (raw, name, data, event_id)


def test_line_ends_in_data_are_read_back_as_lf() -> None:
    assert events([encode("", b"a\r\nb\rc\n")])[0].data == b"a\nb\nc\n"


@pytest.mark.parametrize("text", ["a\nb", "a\rb"])
def test_a_name_or_id_with_a_line_end_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="the event of an event holds a line end"):
        encode(text, b"")
    with pytest.raises(ValueError, match="the id of an event holds a line end"):
        encode("", b"", text)


UNITS = [b"x", b"\n: c", b"\r: c", b"\n\n", b"\r\n\r\n", b"data: x\n\n"]


@pytest.mark.parametrize(
    ("unit", "size", "step"),
    [(b"x", 1 << 16, 1), *((unit, 1 << 12, 1) for unit in UNITS), *((unit, 1 << 15, 1 << 30) for unit in UNITS)],
)
def test_sixteen_times_the_bytes_take_about_sixteen_times_as_long(unit: bytes, size: int, step: int) -> None:
    def seconds(size: int) -> float:
        stream = b"data: " + unit * (size // len(unit))
        framer = Framer()

        def read() -> None:
            for at in range(0, size, step):
                framer.feed(stream[at : at + step])
            framer.close()

        return cpu_seconds(read)

    assert seconds(16 * size) <= 40 * min(seconds(size) for _ in range(3)) + 0.02
