from __future__ import annotations

import gzip
import random
import subprocess
import sys
import tracemalloc
import zlib
from collections.abc import Callable, Iterator
from importlib import util
from types import ModuleType

import brotli
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from extproc.dialects import coding, inflate
from extproc.dialects.coding import CodingError, Decoder, decoder

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

MIB = 1 << 20
BODY = b'{"model": "m", "messages": [{"role": "user", "content": "How tall is the tallest tree? \xf0\x9f\x8c\xb2"}]}'
SUMMED = {zstd.CompressionParameter.checksum_flag: 1}


def bare(data: bytes) -> bytes:
    deflate = zlib.compressobj(wbits=-15)
    return deflate.compress(data) + deflate.flush()


ENCODERS: dict[str, tuple[str, Callable[[bytes], bytes]]] = {
    "gzip": ("gzip", gzip.compress),
    "x-gzip": ("X-GZip", gzip.compress),
    "zlib": ("deflate", zlib.compress),
    "bare deflate": ("deflate", bare),
    "br": ("br", brotli.compress),
    "zstd": ("zstd", zstd.compress),
    "zstd with a sum": ("zstd", lambda data: zstd.compress(data, options=SUMMED)),
    "two members": ("gzip", lambda data: gzip.compress(data[:30]) + gzip.compress(data[30:])),
    "two frames": ("zstd", lambda data: zstd.compress(data[:30]) + zstd.compress(data[30:])),
    "a frame to skip": ("zstd", lambda data: b"\x5a\x2a\x4d\x18\x03\0\0\0abc" + zstd.compress(data)),
    "gzip in br": ("gzip, br", lambda data: brotli.compress(gzip.compress(data))),
    "br in gzip": ("br,identity,,\tgzip", lambda data: gzip.compress(brotli.compress(data))),
    "zstd in deflate": ("zstd , deflate", lambda data: bare(zstd.compress(data))),
    "zstd in zstd": ("zstd, zstd", lambda data: zstd.compress(zstd.compress(data))),
}
WHOLE = {
    "two members": len(gzip.compress(BODY[:30])),
    "two frames": len(zstd.compress(BODY[:30])),
    "a frame to skip": 11,
}
"""Where such a body could as well end."""

CODED = [pytest.param(name, encode(BODY), id=key) for key, (name, encode) in ENCODERS.items()]
SUM_KEPT = [case for case in CODED if case.id in ("gzip", "zlib", "zstd with a sum", "two members", "br in gzip")]
SUM_LESS = [case for case in CODED if case.id in ("bare deflate", "br", "zstd", "zstd in deflate")]


def undo(name: str, *, max_bytes: int = 32 * MIB, **limits: int) -> Decoder:
    found = decoder(name, max_bytes=max_bytes, **limits)
    assert found is not None
    return found


def decoded(name: str, pieces: list[bytes], **limits: int) -> bytes:
    undoing = undo(name, **limits)
    return b"".join([undoing.feed(piece) for piece in pieces]) + undoing.close()


def outcome(name: str, pieces: list[bytes], **limits: int) -> bytes | str:
    """The body, or the reason why there is none; anything else that is raised fails the test."""
    try:
        return decoded(name, pieces, **limits)
    except CodingError as error:
        return error.reason


def refused(name: str, pieces: list[bytes], **limits: int) -> str:
    found = outcome(name, pieces, **limits)
    assert isinstance(found, str)
    return found


def cut(data: bytes, size: int) -> list[bytes]:
    return [data[at : at + size] for at in range(0, len(data), size)]


# The header


@pytest.mark.parametrize("header", ["", "identity", " Identity , identity", ",", "\t"])
def test_nothing_is_undone_where_nothing_was_done(header: str) -> None:
    assert decoder(header, max_bytes=1) is None


@pytest.mark.parametrize(
    "header",
    [
        "compress",
        "gzip;q=1",
        "gzip br",
        "x-br",
        "*",
        "zstd, compress",
        "gzip, gzip, gzip",
        "gzip\n",
        "\u212a",
        "a" * 9999,
    ],
)
def test_a_coding_that_is_not_known_is_refused_by_a_short_name(header: str) -> None:
    with pytest.raises(CodingError) as caught:
        decoder(header, max_bytes=1)
    assert caught.value.reason == "unsupported_encoding"
    assert len(str(caught.value)) < 100


def loaded_without(name: str, instead: ModuleType | None, monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """A second copy of the table, made while a library is missing or another."""
    monkeypatch.setitem(sys.modules, name, instead)
    spec = util.spec_from_file_location("inflate_without", inflate.__file__)
    assert spec is not None and spec.loader is not None
    module = util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize(("name", "library"), [("br", "brotli"), ("zstd", zstd.__name__)])
def test_a_coding_whose_library_is_missing_is_unsupported(
    name: str, library: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = loaded_without(library, None, monkeypatch)
    assert set(inflate.CODINGS) - set(found.CODINGS) == {name}
    monkeypatch.setattr(coding, "CODINGS", found.CODINGS)
    assert refused(name, []) == "unsupported_encoding"
    assert refused("gzip", [b"\x1f\x8b" + b"\xff" * 9]) == "corrupt"


def test_a_brotli_that_cannot_stop_in_the_middle_is_unsupported(monkeypatch: pytest.MonkeyPatch) -> None:
    old = ModuleType("brotli")
    old.Decompressor = type("Decompressor", (), {})  # type: ignore[attr-defined]  # a module made up here
    old.error = brotli.error  # type: ignore[attr-defined]  # as above
    assert "br" not in loaded_without("brotli", old, monkeypatch).CODINGS


# Any split


@pytest.mark.parametrize(("name", "data"), CODED)
def test_a_body_does_not_depend_on_how_it_arrives(name: str, data: bytes) -> None:
    for size in range(1, len(data) + 1):
        assert decoded(name, cut(data, size)) == BODY
    for at in range(len(data) + 1):
        assert decoded(name, [data[:at], b"", data[at:]]) == BODY


@settings(deadline=None)
@given(
    st.sampled_from(sorted(ENCODERS)),
    st.lists(st.tuples(st.binary(min_size=1, max_size=40), st.sampled_from([1, 7, 600, 5000])), max_size=6),
    st.integers(1, 20_000),
    st.randoms(),
)
def test_every_body_comes_back(key: str, parts: list[tuple[bytes, int]], size: int, chance: random.Random) -> None:
    name, encode = ENCODERS[key]
    body = b"".join(part * times for part, times in parts)
    data = encode(body)
    assert decoded(name, cut(data, size)) == body
    at = sorted(chance.randint(0, len(data)) for _ in range(4))
    assert decoded(name, [data[i:j] for i, j in zip([0, *at], [*at, len(data)], strict=True)]) == body


@pytest.mark.parametrize("key", ENCODERS)
@pytest.mark.parametrize("size", [0, 1, 32_751, 32_752, 32_753, 32_768, 65_536, 98_272, 131_072, 131_073, 400_000])
def test_a_body_that_ends_where_a_block_ends_is_whole(key: str, size: int) -> None:
    name, encode = ENCODERS[key]
    for body in (b"x" * size, random.Random(size).randbytes(size)):
        assert decoded(name, [encode(body)]) == body


def test_no_bytes_are_an_empty_body() -> None:
    assert decoded("gzip, br", []) == b""
    assert decoded("zstd", [b"", b""]) == b""


# Streams


def flushed_gzip() -> Callable[[bytes], bytes]:
    deflate = zlib.compressobj(wbits=31)
    return lambda event: deflate.compress(event) + deflate.flush(zlib.Z_SYNC_FLUSH)


def flushed_deflate() -> Callable[[bytes], bytes]:
    deflate = zlib.compressobj(wbits=-15)
    return lambda event: deflate.compress(event) + deflate.flush(zlib.Z_SYNC_FLUSH)


def flushed_br() -> Callable[[bytes], bytes]:
    stream = brotli.Compressor(quality=5)
    return lambda event: stream.process(event) + stream.flush()


def flushed_zstd() -> Callable[[bytes], bytes]:
    frame = zstd.ZstdCompressor()
    return lambda event: frame.compress(event, frame.FLUSH_BLOCK)


def flushed_gzip_in_br() -> Callable[[bytes], bytes]:
    inner, outer = flushed_gzip(), flushed_br()
    return lambda event: outer(inner(event))


FLUSHED = [
    pytest.param("gzip", flushed_gzip, id="gzip"),
    pytest.param("deflate", flushed_deflate, id="deflate"),
    pytest.param("br", flushed_br, id="br"),
    pytest.param("zstd", flushed_zstd, id="zstd"),
    pytest.param("gzip, br", flushed_gzip_in_br, id="gzip in br"),
]


def events() -> Iterator[bytes]:
    for number in range(200):
        yield b'data: {"id": "c-%d", "choices": [{"delta": {"content": "word %d"}}]}\n\n' % (number, number * number)
    for size in (32_752, 32_768, 65_536, 98_272, 200_000):  # ones that fill blocks, of one byte and of all
        yield b"data: " + b"x" * (size - 8) + b"\n\n"
        yield b"data: " + random.Random(size).randbytes(size - 8).hex().encode()[: size - 8] + b"\n\n"
    yield b"data: [DONE]\n\n"


@pytest.mark.parametrize(("name", "encoder"), FLUSHED)
def test_a_flushed_event_is_out_after_its_chunk(name: str, encoder: Callable[[], Callable[[bytes], bytes]]) -> None:
    encode, undoing = encoder(), undo(name)
    for event in events():
        assert undoing.feed(encode(event)) == event


@pytest.mark.parametrize(("name", "encoder"), FLUSHED)
def test_a_flushed_event_is_out_after_its_last_byte(name: str, encoder: Callable[[], Callable[[bytes], bytes]]) -> None:
    encode, undoing = encoder(), undo(name)
    for event in list(events())[:50]:
        assert b"".join([undoing.feed(byte) for byte in cut(encode(event), 1)]) == event


# What is no such body


@pytest.mark.parametrize("key", ENCODERS)
def test_a_body_that_is_cut_off_is_refused(key: str) -> None:
    name, encode = ENCODERS[key]
    data = encode(BODY)
    for end in {*range(1, len(data))} - {WHOLE.get(key)}:
        assert refused(name, [data[:end]]) == "truncated"
        assert refused(name, cut(data[:end], 1)) == "truncated"


@pytest.mark.parametrize(("name", "data"), CODED)
@pytest.mark.parametrize("rest", [b"\0", b"\0\0\0\0\0", b"garbage", b"\x1f\x8bgarbage", b"\x28\xb5\x2f\xfdgarbage"])
def test_a_body_that_goes_on_after_its_end_is_refused(name: str, data: bytes, rest: bytes) -> None:
    for pieces in ([data + rest], [data, rest], [data[:-1], data[-1:] + rest], cut(data + rest, 1)):
        assert refused(name, pieces) in ("corrupt", "truncated")


@pytest.mark.parametrize("key", ["zlib", "bare deflate", "br", "gzip in br"])
def test_a_coding_of_one_part_is_refused_a_second(key: str) -> None:
    name, encode = ENCODERS[key]
    for pieces in ([encode(BODY) * 2], [encode(BODY)] * 2, [encode(BODY), encode(b"")]):
        assert refused(name, pieces) == "corrupt"


def test_an_outer_coding_of_nothing_is_no_inner_body() -> None:
    assert refused("gzip, br", [brotli.compress(b"")]) == "truncated"


@pytest.mark.parametrize(("name", "data"), SUM_KEPT)
def test_damage_is_noticed_where_there_is_a_sum(name: str, data: bytes) -> None:
    for damaged in damages(data):
        assert outcome(name, [damaged]) in (BODY, "corrupt", "truncated")
        assert outcome(name, cut(damaged, 1)) == outcome(name, [damaged])


@pytest.mark.parametrize(("name", "data"), SUM_LESS)
def test_damage_elsewhere_is_refused_or_decoded_within_the_cap(name: str, data: bytes) -> None:
    outcomes = [outcome(name, [damaged], max_bytes=MIB) for damaged in damages(data)]
    assert all(len(found) <= MIB for found in outcomes)
    assert "corrupt" in outcomes


def damages(data: bytes) -> Iterator[bytes]:
    for at in range(len(data)):
        for mask in (1, 4, 0x20, 0x80, 0xFF):
            yield data[:at] + bytes([data[at] ^ mask]) + data[at + 1 :]


@settings(deadline=None)
@given(st.sampled_from(["gzip", "deflate", "br", "zstd", "gzip, br", "br, zstd"]), st.binary(max_size=200))
def test_any_bytes_are_decoded_or_refused_however_they_arrive(name: str, data: bytes) -> None:
    assert outcome(name, [data], max_bytes=MIB) == outcome(name, cut(data, 1), max_bytes=MIB)


@pytest.mark.parametrize(
    ("name", "data"),
    [
        pytest.param("deflate", b"\x78\xbb" + b"\0" * 8, id="a zlib dictionary"),
        pytest.param("zstd", b"\x28\xb5\x2f\xfd\x23\x07\x00\x01\x00\x00", id="a zstd dictionary"),
        pytest.param("zstd", b"\x27\xb5\x2f\xfd\x00\x00\x01\x00\x00", id="a frame from before the standard"),
        pytest.param("br", b"\x11\x9e" + b"\0" * 8, id="a window beyond brotli's standard"),
        pytest.param("gzip", b"{}", id="no gzip"),
        pytest.param("br, gzip", gzip.compress(b"\xff" * 9), id="no br within"),
    ],
)
def test_what_the_codings_do_not_allow_is_corrupt(name: str, data: bytes) -> None:
    assert refused(name, [data]) == "corrupt"


def test_frames_from_before_the_standard_do_not_reach_the_library() -> None:
    with pytest.raises(inflate.WrongCodingError):
        inflate.CODINGS["zstd"].begin(b"\x27\xb5\x2f\xfd")


def test_a_bare_stream_that_begins_nearly_like_a_wrapped_one_is_read() -> None:
    assert decoded("deflate", [b"\x78\x05\x00\xfa\xffhello\x03\x00"]) == b"hello"


@pytest.mark.parametrize(("name", "data"), CODED)
def test_after_an_error_nothing_more_is_returned(name: str, data: bytes) -> None:
    undoing = undo(name)
    with pytest.raises(CodingError) as first:
        undoing.feed(data + b"garbage")
    for again in (lambda: undoing.feed(data), lambda: undoing.feed(b""), undoing.close):
        with pytest.raises(CodingError) as caught:
            again()
        assert (str(caught.value), caught.value.reason) == (str(first.value), first.value.reason)


def test_an_error_holds_nothing_of_the_body() -> None:
    with pytest.raises(CodingError) as caught:
        undo("gzip").feed(b"sk-secret")
    assert "secret" not in str(caught.value)


# Caps


@pytest.mark.parametrize(("name", "data"), CODED)
def test_a_body_as_large_as_the_cap_passes_and_one_byte_more_does_not(name: str, data: bytes) -> None:
    room = max(len(BODY), 2 * len(data)) if "," in name else len(BODY)  # a cap holds after each coding
    assert decoded(name, [data], max_bytes=room) == BODY
    assert refused(name, [data], max_bytes=len(BODY) - 1) == "too_large"


@pytest.mark.parametrize("key", ["gzip", "bare deflate", "br", "zstd", "gzip in br"])
def test_the_ratio_counts_from_the_floor_on(key: str) -> None:
    name, encode = ENCODERS[key]
    short, long = encode(b" " * MIB), encode(b" " * (MIB + 40_000))
    assert len(decoded(name, [short])) == MIB
    for size in (1, 64, len(long)):
        assert refused(name, cut(long, size)) == "too_dense"
    assert len(decoded(name, [long], max_ratio=1_000_000)) == MIB + 40_000
    assert refused(name, [encode(b" " * 2000)], ratio_floor=1000, max_ratio=2) == "too_dense"


@pytest.mark.parametrize("key", ENCODERS)
def test_the_ratio_itself_passes_and_no_more(key: str) -> None:
    name, encode = ENCODERS[key]
    data = encode(b" " * 2000)
    assert decoded(name, [data], ratio_floor=0, max_ratio=-(-2000 // len(data))) == b" " * 2000
    assert refused(name, [data], ratio_floor=0, max_ratio=1999 // len(data)) == "too_dense"


def test_the_caps_hold_between_two_codings() -> None:
    """A gzip header whose file name never ends says nothing itself, but the coding around it does."""
    data = brotli.compress(b"\x1f\x8b\x08\x08\0\0\0\0\0\xff" + b"a" * (8 * MIB), quality=1)
    assert refused("gzip, br", [data]) == "too_dense"
    assert refused("gzip, br", [data], max_bytes=MIB, max_ratio=1_000_000) == "too_large"
    assert refused("gzip, br", [data], max_ratio=1_000_000) == "truncated"


def test_two_codings_have_one_ratio() -> None:
    once = gzip.compress(bytes(8 * MIB))
    twice = gzip.compress(once)
    assert 2000 * len(once) > 8 * MIB and len(once) < 2000 * len(twice)
    assert len(decoded("gzip", [once], max_ratio=2000)) == 8 * MIB
    assert refused("gzip, gzip", [twice], max_ratio=2000) == "too_dense"


@pytest.mark.parametrize("name", ["gzip", "zstd"])
def test_members_are_counted(name: str) -> None:
    nothing, something = ENCODERS[name][1](b""), ENCODERS[name][1](b"x")
    assert decoded(name, [nothing * 4095 + something]) == b"x"
    assert refused(name, [nothing * 4097]) == "too_large"
    assert decoded(name, cut(something * 3, 5), max_members=3) == b"xxx"
    assert refused(name, [something * 4], max_members=3) == "too_large"


# Memory

BOMB = 64 * MIB
CAP = 4 * MIB


def test_a_gzip_bomb_takes_the_cap_and_one_block() -> None:
    undoing, data = undo("gzip", max_bytes=CAP, max_ratio=2000), gzip.compress(bytes(BOMB))
    tracemalloc.start()
    try:
        with pytest.raises(CodingError, match="larger"):
            undoing.feed(data)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < CAP * 9 / 8 + 2 * inflate.BLOCK + 128 * 1024  # a buffer that grows takes an eighth in advance


@pytest.mark.parametrize("ratio", [100, 10_000_000])
@pytest.mark.parametrize(
    ("name", "window"),
    [("gzip", 0), ("deflate", 0), ("br", 16), ("zstd", 8), ("br, gzip", 16), ("gzip, gzip", 0), ("br, br", 32)],
)
def test_a_bomb_takes_the_cap_and_its_window(name: str, window: int, ratio: int) -> None:
    data = bytes(BOMB)
    for each in name.split(", "):
        data = WIDEST[each](data)
    assert len(data) < BOMB / 900
    reason, grown = detonated(name, data, max_bytes=CAP, max_ratio=ratio)
    assert reason == ("too_dense" if ratio == 100 else "too_large")
    assert grown < CAP * 9 / 8 + window * MIB + 2 * MIB


def test_a_bomb_that_is_let_pass_is_seen_in_the_measure() -> None:
    reason, grown = detonated("gzip", gzip.compress(bytes(BOMB)), max_bytes=BOMB, max_ratio=10_000_000)
    assert reason == "whole"
    assert BOMB * 0.9 < grown < BOMB * 9 / 8 + 2 * MIB


WIDEST: dict[str, Callable[[bytes], bytes]] = {
    "gzip": gzip.compress,
    "deflate": bare,
    "br": lambda data: brotli.compress(data, quality=3, lgwin=24),
    "zstd": lambda data: zstd.compress(data, options={zstd.CompressionParameter.window_log: 23}),
}
"""With the largest windows that a decoder must bear."""

DETONATE = """
import sys
from extproc.dialects.coding import CodingError, decoder

def high_water():
    with open("/proc/self/status") as status:
        return next(int(line.split()[1]) << 10 for line in status if line.startswith("VmHWM"))

name, *limits = sys.argv[1:]
max_bytes, max_ratio = map(int, limits)
bomb = sys.stdin.buffer.read()
before = high_water()
try:
    plain = decoder(name, max_bytes=max_bytes, max_ratio=max_ratio).feed(bomb)
    reason = "whole"
except CodingError as error:
    reason = error.reason
print(reason, high_water() - before)
"""


def detonated(name: str, data: bytes, *, max_bytes: int, max_ratio: int) -> tuple[str, int]:
    """The outcome, and the bytes by which a process of its own grew: what br and zstd take, only the kernel counts."""
    command = [sys.executable, "-c", DETONATE, name, str(max_bytes), str(max_ratio)]
    done = subprocess.run(command, input=data, capture_output=True, check=True)
    reason, grown = done.stdout.decode().split()
    return reason, int(grown)


@pytest.mark.parametrize(
    "data",
    [
        pytest.param(b"\x28\xb5\x2f\xfd\x00\x88" + b"\x23\x03\x00x", id="128 MiB"),
        pytest.param(b"\x28\xb5\x2f\xfd\x00\xa8" + b"\x23\x03\x00x", id="2 GiB"),
        pytest.param(b"\x28\xb5\x2f\xfd\x00\x69" + b"\x23\x03\x00x", id="9 MiB"),
        pytest.param(b"\x28\xb5\x2f\xfd\xa0\x01\x00\x80\x00" + b"\x23\x03\x00x", id="8 MiB and a byte in one segment"),
    ],
)
def test_a_zstd_window_above_eight_mebibytes_is_refused(data: bytes) -> None:
    assert refused("zstd", [data]) == "corrupt"
    assert decoded("zstd", [b"\x28\xb5\x2f\xfd\x00\x68" + b"\x23\x03\x00x"]) == b"x" * 100
