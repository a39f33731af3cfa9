"""Coded bodies: undo a content-encoding piece by piece, under caps that hold while it is being undone.

    undo = decoder("gzip", max_bytes=32 << 20)
    for chunk in body:
        plain += undo.feed(chunk)
    plain += undo.close()

Codings: `gzip` (`x-gzip`), `deflate`, `br`, `zstd`, and two of them in a row. Whatever one chunk completes is out with
it, so an event that a provider flushed is never held back.

Memory: besides what `feed` returns, one block of 32 KiB and one slice of 16 KiB per coding, and the window: gzip and
deflate 32 KiB; zstd 8 MiB (RFC 9659, section 3: larger ones are refused); br 16 MiB (RFC 7932, section 9.1: its
largest), both only as far as the body fills it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from io import BytesIO
from typing import Literal, NamedTuple

from extproc.dialects.inflate import CODINGS, CORRUPT, Coding, Member

MAX_RATIO = 100
"""Times. Chat bodies shrink 3 to 20 times; deflate reaches 1,032 and zstd and br far more, on one repeated byte."""

RATIO_FLOOR = 1 << 20
"""Bytes of output below which no ratio is too dense: a short body of blanks is no bomb."""

MAX_MEMBERS = 4096
"""Gzip members or zstd frames. One of no content takes 9 bytes and, in zstd, 20 µs: 32 MiB of them a minute."""

MAX_CODINGS = 2

_SLICE = 16 << 10  # bytes; libraries copy what they have not read after each block and member: bounded, not quadratic

Reason = Literal["unsupported_encoding", "too_large", "too_dense", "corrupt", "truncated"]


class CodingError(ValueError):
    """A body that cannot be decoded, or may not; `reason` says which. The message holds nothing of the body."""

    def __init__(self, message: str, reason: Reason) -> None:
        super().__init__(message)
        self.reason: Reason = reason


class _Limits(NamedTuple):
    max_bytes: int
    max_ratio: int
    ratio_floor: int
    max_members: int

    def check(self, written: int, read: int) -> None:
        if written > self.max_bytes:
            raise CodingError(f"The body is larger than {self.max_bytes} bytes once decoded.", "too_large")
        if written > self.ratio_floor and written > self.max_ratio * read:
            raise CodingError(f"The body grows more than {self.max_ratio} times when decoded.", "too_dense")


class Decoder:
    """Undoes one body. After an error every call raises it again, and nothing more is returned."""

    def __init__(self, codings: Sequence[Coding], limits: _Limits) -> None:
        self._stages = [_Stage(coding, limits) for coding in codings]
        self._limits = limits
        self._read = 0
        self._failure: tuple[str, Reason] | None = None

    def feed(self, data: bytes) -> bytes:
        """What these bytes complete, perhaps nothing. Raises CodingError.

        The caps count what each coding gives, against the bytes fed so far, and are looked at after each block.
        """
        with self._failing():
            plain = BytesIO()  # its value is handed out without a copy
            for at in range(0, len(data), _SLICE):
                piece = data[at : at + _SLICE]
                self._read += len(piece)
                for block in self._through(self._stages, piece):
                    plain.write(block)
            return plain.getvalue()

    def close(self) -> bytes:
        """What was still held: nothing, for these codings. Raises CodingError where the body is cut off.

        No bytes at all are an empty body, as browsers read it: replies to HEAD and 304 name a coding too.
        """
        with self._failing():
            if self._read and not all(stage.complete for stage in self._stages):
                raise CodingError("The coded body is cut off.", "truncated")
            return b""

    def _through(self, stages: Sequence[_Stage], data: bytes) -> Iterator[bytes]:
        stage, *inner = stages
        for block in stage.blocks(data):
            self._limits.check(stage.written, self._read)
            if inner:
                yield from self._through(inner, block)
            else:
                yield block

    @contextmanager
    def _failing(self) -> Iterator[None]:
        if self._failure is not None:
            raise CodingError(*self._failure)
        try:
            yield
        except CodingError as error:
            self._failure = str(error), error.reason
            raise
        except CORRUPT as error:
            failure = CodingError("The body is not what its content-encoding says.", "corrupt")
            self._failure = str(failure), failure.reason
            raise failure from error


def decoder(
    content_encoding: str,
    *,
    max_bytes: int,
    max_ratio: int = MAX_RATIO,
    ratio_floor: int = RATIO_FLOOR,
    max_members: int = MAX_MEMBERS,
) -> Decoder | None:
    """For a body with this header, several lines of it joined by commas; None where nothing is to be undone.

    `max_bytes` bounds what each coding gives, `max_ratio` (above `ratio_floor` bytes) the same against what was fed,
    `max_members` how often each may begin anew. Raises CodingError (`unsupported_encoding`).
    """
    tokens = [token.strip(" \t").lower() for token in content_encoding.split(",")]
    names = [token for token in tokens if token not in ("", "identity")]  # RFC 9110, 5.6.1.2: empty ones are ignored
    if len(names) > MAX_CODINGS:
        raise CodingError(f"The body is coded {len(names)} times; {MAX_CODINGS} are accepted.", "unsupported_encoding")
    for name in names:
        if name not in CODINGS:
            raise CodingError(f"The content-encoding {name[:32]!r} is not accepted.", "unsupported_encoding")
    if not names:
        return None
    limits = _Limits(max_bytes, max_ratio, ratio_floor, max_members)
    return Decoder([CODINGS[name] for name in reversed(names)], limits)  # the last coding was applied last


class _Stage:
    """One coding: member after member of it, across whatever pieces arrive."""

    def __init__(self, coding: Coding, limits: _Limits) -> None:
        self._coding = coding
        self._limits = limits
        self._head = b""
        self._member: Member | None = None
        self._begun = 0
        self.written = 0

    @property
    def complete(self) -> bool:
        return self._begun > 0 and self._member is None and not self._head

    def blocks(self, data: bytes) -> Iterator[bytes]:
        while data:
            if self._member is None:
                data = self._begin(data)
            if self._member is None:
                return
            for block in self._member.blocks(data):
                self.written += len(block)
                yield block
            if not self._member.eof:
                return
            data, self._member = self._member.rest, None

    def _begin(self, data: bytes) -> bytes:
        """What is to be fed to the member that begins here; none begins while its head is not whole."""
        if self._begun and not self._coding.many:
            raise CodingError("The coded body goes on after its end.", "corrupt")
        data = self._head + data
        if len(data) < self._coding.head:
            self._head = data
            return b""
        if self._begun == self._limits.max_members:
            raise CodingError(f"The coded body has more than {self._begun} parts.", "too_large")
        self._member = self._coding.begin(data)
        self._head = b""
        self._begun += 1
        return data
