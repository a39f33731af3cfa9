"""The codings by name: how each is decoded block by block, with whichever library can stop in the middle.

zlib is in the standard library, and from Python 3.14 on so is zstd; before that `backports.zstd` is the same code. Of
the libraries for br, `brotli` can stop from 1.2 on. (`zstandard` cannot.) A coding whose library is missing, or too
old, is not in the table: whoever looks it up refuses the body.
"""

from __future__ import annotations

import sys
import zlib
from collections.abc import Callable, Iterator
from contextlib import suppress
from importlib import import_module
from typing import Any, NamedTuple, Protocol

BLOCK = 32 << 10
"""Bytes that are decoded at most before the caller can look at them."""

_ZSTD_WINDOW_LOG = 23  # RFC 9659, section 3: a window of up to 8 MB


class WrongCodingError(ValueError):
    """The first bytes are not those of this coding."""


class Member(Protocol):
    """What stands between one header and one end: a gzip member, a zstd frame, a whole br or deflate stream."""

    @property
    def eof(self) -> bool: ...

    @property
    def rest(self) -> bytes:
        """What was fed beyond the end."""

    def blocks(self, data: bytes) -> Iterator[bytes]:
        """All that can be said after this input, at most BLOCK bytes at a time."""


class Coding(NamedTuple):
    head: int
    """Bytes that `begin` must see."""

    many: bool
    """Whether another member may follow."""

    begin: Callable[[bytes], Member]
    """The decoder for a member that begins with these bytes, which are to be fed to it all the same."""


class _Zlib:
    """A gzip member, a zlib stream or a raw deflate stream; zlib checks length and sum where there are any."""

    def __init__(self, wbits: int) -> None:
        self._inflate = zlib.decompressobj(wbits)

    @property
    def eof(self) -> bool:
        return self._inflate.eof

    @property
    def rest(self) -> bytes:
        return self._inflate.unused_data

    def blocks(self, data: bytes) -> Iterator[bytes]:
        while block := self._inflate.decompress(data, BLOCK):
            yield block
            data = self._inflate.unconsumed_tail
            if self._inflate.eof or len(block) < BLOCK:
                return


class _Zstd:
    """A zstd frame, or one to be skipped; the library checks the sum where there is one."""

    def __init__(self) -> None:
        limit = {_zstd.DecompressionParameter.window_log_max: _ZSTD_WINDOW_LOG}
        self._frame = _zstd.ZstdDecompressor(options=limit)

    @property
    def eof(self) -> bool:
        return bool(self._frame.eof)

    @property
    def rest(self) -> bytes:
        rest: bytes = self._frame.unused_data
        return rest

    def blocks(self, data: bytes) -> Iterator[bytes]:
        while block := self._frame.decompress(data, BLOCK):
            yield block
            data = b""  # what it has not read it keeps
            if self._frame.eof or self._frame.needs_input:
                return


class _Brotli:
    """A br stream, which has no sum: what is damaged may decode to something else."""

    rest = b""  # the library itself refuses what follows the end

    def __init__(self) -> None:
        self._stream = _brotli.Decompressor()

    @property
    def eof(self) -> bool:
        return bool(self._stream.is_finished())

    def blocks(self, data: bytes) -> Iterator[bytes]:
        # Its buffers are of 32 KiB, 64 KiB, …; half a block stops it after the first. `can_accept_more_data` speaks of
        # input only: with all of it read, output may still be waiting (seen with 1.2.1), so ask until there is none.
        while block := self._stream.process(data, output_buffer_limit=BLOCK // 2):
            yield block
            data = b""


def _begin_deflate(head: bytes) -> Member:
    """In a zlib wrapper, as RFC 9110 (8.4.1.2) wants it, or bare, as some send it and browsers accept.

    A wrapper begins with method 8 and a multiple of 31 (RFC 1950, 2.2). A bare stream that does is one of stored blocks
    with padding other than zero, which no encoder writes.
    """
    wrapped = head[0] & 0x0F == 8 and head[0] >> 4 <= 7 and (head[0] << 8 | head[1]) % 31 == 0
    return _Zlib(zlib.MAX_WBITS if wrapped else -zlib.MAX_WBITS)


def _begin_zstd(head: bytes) -> Member:
    """Only the standard's frames (RFC 8878, 3.1): a system's library may read older ones too, without our window."""
    skippable = head[0] & 0xF0 == 0x50 and head[1:4] == b"\x2a\x4d\x18"
    if head[:4] != b"\x28\xb5\x2f\xfd" and not skippable:
        raise WrongCodingError("The body has something other than zstd in it.")
    return _Zstd()


def _library(name: str) -> Any:
    """None where it is missing: its coding then counts as unsupported, and everything else works."""
    with suppress(ImportError):
        return import_module(name)
    return None


_brotli = _library("brotli")
_zstd = _library("compression.zstd" if sys.version_info >= (3, 14) else "backports.zstd")


def _codings() -> Iterator[tuple[str, Coding]]:
    gzip = Coding(0, many=True, begin=lambda _: _Zlib(16 + zlib.MAX_WBITS))  # nothing but gzip
    yield from (("gzip", gzip), ("x-gzip", gzip), ("deflate", Coding(2, many=False, begin=_begin_deflate)))
    if hasattr(getattr(_brotli, "Decompressor", None), "can_accept_more_data"):  # from 1.2 on, with the output limit
        yield "br", Coding(0, many=False, begin=lambda _: _Brotli())
    if _zstd:
        yield "zstd", Coding(4, many=True, begin=_begin_zstd)


CODINGS = dict(_codings())
CORRUPT: tuple[type[Exception], ...] = (
    WrongCodingError,
    zlib.error,
    *((_brotli.error,) if _brotli else ()),
    *((_zstd.ZstdError,) if _zstd else ()),
)
