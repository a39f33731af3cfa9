"""HPACK beside the `hpack` package: what it writes we read, what we write it reads, and damage is one error."""

from __future__ import annotations

import hpack
import pytest
from hpack.huffman import HuffmanEncoder
from hpack.huffman_constants import REQUEST_CODES, REQUEST_CODES_LENGTH
from hypothesis import given
from hypothesis import strategies as st

from extproc.transport.http2 import huffman
from extproc.transport.http2.hpack import Decoder, HpackError, encode

TOKENS = st.text("abcdefghijklmnopqrstuvwxyz-0123456789", min_size=1, max_size=12).map(str.encode)
FIELDS = st.lists(
    st.tuples(st.sampled_from([b":method", b"te", b"traceparent", b"x-id"]) | TOKENS, st.binary(max_size=40)),
    max_size=8,
)
LARGE = 1 << 20


@given(st.lists(FIELDS, max_size=8), st.booleans(), st.data())
def test_whatever_an_encoder_writes_is_read_request_after_request(
    lists: list[list[tuple[bytes, bytes]]], huffman_coded: bool, draw: st.DataObject
) -> None:
    encoder, decoder = hpack.Encoder(), Decoder(4096, LARGE)
    for fields in lists:
        if draw.draw(st.booleans()):
            encoder.header_table_size = draw.draw(st.integers(0, 4096))
        assert decoder.decode(encoder.encode(fields, huffman=huffman_coded)) == tuple(fields)


@given(FIELDS)
def test_what_we_write_is_read_by_others_and_touches_no_table(fields: list[tuple[bytes, bytes]]) -> None:
    decoder = hpack.Decoder()
    assert [tuple(each) for each in decoder.decode(encode(tuple(fields)), raw=True)] == fields
    assert not decoder.header_table.dynamic_entries


@given(st.binary(max_size=60))
def test_any_block_is_read_alike_or_refused(block: bytes) -> None:
    theirs = hpack.Decoder(max_header_list_size=LARGE)
    theirs.max_allowed_table_size = 4096
    try:
        expected = tuple(tuple(each) for each in theirs.decode(block, raw=True))
    except hpack.HPACKError:
        expected = None
    try:
        found = Decoder(4096, LARGE).decode(block)
    except HpackError:
        return  # ours may be the stricter one
    assert expected is None or found == expected


@given(st.binary(max_size=200))
def test_any_string_survives_its_code(text: bytes) -> None:
    coded = HuffmanEncoder(REQUEST_CODES, REQUEST_CODES_LENGTH).encode(text)
    assert huffman.decode(coded) == text


@pytest.mark.parametrize(
    ("coded", "why"),
    [(b"\x00", "not ones"), (b"\x1f\xff", "longer than 7"), (b"\xff\xff\xff\xff", "the end of the string")],
)
def test_a_string_that_is_not_padded_with_ones_or_holds_its_own_end_is_refused(coded: bytes, why: str) -> None:
    with pytest.raises(huffman.HuffmanError, match=why):
        huffman.decode(coded)


@pytest.mark.parametrize(
    ("block", "why"),
    [
        (b"\x80", "not there"),
        (b"\xbe", "not there"),
        (b"\x40", "before a string"),
        (b"\x40\x01", "within a string"),
        (b"\x40\x01a", "before a string"),
        (b"\x40\x01a\x05b", "within a string"),
        (b"\xff\xff", "within an integer"),
        (b"\xff\xff\xff\xff\xff\xff\x0f", "too large"),
        (b"\xff" + b"\x80" * 40 + b"\x01", "too large"),
        (b"\x3f\xe2\x1f", "larger than we allow"),
        (b"\x82\x20", "resized within"),
        (b"\x40\x82\x00\x00\x01a", "not ones"),
    ],
)
def test_a_damaged_block_is_one_error(block: bytes, why: str) -> None:
    with pytest.raises(HpackError, match=why):
        Decoder(4096, LARGE).decode(block)


def test_a_list_that_counts_too_much_is_read_for_the_tables_sake_and_not_kept() -> None:
    encoder, decoder = hpack.Encoder(), Decoder(4096, 200)
    assert decoder.decode(encoder.encode([(b"x-large", b"v" * 300), (b"x-small", b"v")], huffman=False)) is None
    assert decoder.decode(encoder.encode([(b"x-small", b"v")])) == ((b"x-small", b"v"),)


def test_many_references_to_one_large_entry_cost_no_memory() -> None:
    decoder = Decoder(4096, 64 << 10)
    assert decoder.decode(b"\x40\x01a\x7f\xa1\x1e" + b"v" * 4000) is not None
    assert decoder.decode(b"\xbe" * 60_000) is None


def test_the_version_changes_with_the_table_and_only_then() -> None:
    encoder, decoder = hpack.Encoder(), Decoder(4096, LARGE)
    first = encoder.encode([(b"x-id", b"1")])
    decoder.decode(first)
    before = decoder.version
    again = encoder.encode([(b"x-id", b"1"), (b":method", b"POST")])
    assert decoder.decode(again) == decoder.decode(again) == ((b"x-id", b"1"), (b":method", b"POST"))
    assert decoder.version == before
    decoder.decode(encoder.encode([(b"x-id", b"2")]))
    assert decoder.version != before
