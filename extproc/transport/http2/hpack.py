"""Header blocks: HPACK (RFC 7541), decoding with its dynamic table, encoding without.

What we send are a handful of constant blocks, which need no table.
"""

from __future__ import annotations

from collections import deque

from extproc.transport.http2 import huffman

HeaderList = tuple[tuple[bytes, bytes], ...]

_STATIC: HeaderList = (
    (b":authority", b""), (b":method", b"GET"), (b":method", b"POST"), (b":path", b"/"), (b":path", b"/index.html"),
    (b":scheme", b"http"), (b":scheme", b"https"), (b":status", b"200"), (b":status", b"204"), (b":status", b"206"),
    (b":status", b"304"), (b":status", b"400"), (b":status", b"404"), (b":status", b"500"), (b"accept-charset", b""),
    (b"accept-encoding", b"gzip, deflate"), (b"accept-language", b""), (b"accept-ranges", b""), (b"accept", b""),
    (b"access-control-allow-origin", b""), (b"age", b""), (b"allow", b""), (b"authorization", b""),
    (b"cache-control", b""), (b"content-disposition", b""), (b"content-encoding", b""), (b"content-language", b""),
    (b"content-length", b""), (b"content-location", b""), (b"content-range", b""), (b"content-type", b""),
    (b"cookie", b""), (b"date", b""), (b"etag", b""), (b"expect", b""), (b"expires", b""), (b"from", b""),
    (b"host", b""), (b"if-match", b""), (b"if-modified-since", b""), (b"if-none-match", b""), (b"if-range", b""),
    (b"if-unmodified-since", b""), (b"last-modified", b""), (b"link", b""), (b"location", b""), (b"max-forwards", b""),
    (b"proxy-authenticate", b""), (b"proxy-authorization", b""), (b"range", b""), (b"referer", b""), (b"refresh", b""),
    (b"retry-after", b""), (b"server", b""), (b"set-cookie", b""), (b"strict-transport-security", b""),
    (b"transfer-encoding", b""), (b"user-agent", b""), (b"vary", b""), (b"via", b""), (b"www-authenticate", b""),
)  # fmt: skip
"""Appendix A; index 1 is its first."""

_OVERHEAD = 32
"""What an entry counts beside its name and value (section 4.1)."""

_LARGEST = 1 << 31
"""No integer in a header block has a right to be larger; it ends reading one that never ends."""


class HpackError(ValueError):
    """A block that nobody can decode: the connection's tables are out of step, so it has to end."""


class Decoder:
    """The tables of one connection's requests. `table_bytes` is what we allow, `list_bytes` what a list may count."""

    def __init__(self, table_bytes: int, list_bytes: int) -> None:
        self._allowed = self._most = table_bytes
        self._list_bytes = list_bytes
        self._table: deque[tuple[bytes, bytes]] = deque()
        self._size = 0
        self.version = 0
        """Changes with the table: as long as it does not, the same block means the same."""

    def decode(self, block: bytes) -> HeaderList | None:
        """The fields of a whole block; None for a list that counts too much. Raises HpackError."""
        at, size = self._resized(block), 0
        found: list[tuple[bytes, bytes]] = []
        while at < len(block):
            first = block[at]
            if first & 0x80:
                index, at = _integer(block, at, 7)
                field = self._field(index)
            else:
                bits = 6 if first & 0x40 else 4
                if first & 0xE0 == 0x20:
                    raise HpackError("the table is resized within a block")
                field, at = self._literal(block, at, bits)
                if first & 0x40:
                    self._add(field)
            size += len(field[0]) + len(field[1]) + _OVERHEAD
            if size <= self._list_bytes:  # the rest is read for the table's sake, and not kept
                found.append(field)
        return tuple(found) if size <= self._list_bytes else None

    def _resized(self, block: bytes) -> int:
        """The table's new sizes at the start of a block; returns where they end."""
        at = 0
        while at < len(block) and block[at] & 0xE0 == 0x20:
            size, at = _integer(block, at, 5)
            if size > self._allowed:
                raise HpackError("the table would be larger than we allow")
            self._most = size
            self._shrink(size)
            self.version += 1
        return at

    def _literal(self, block: bytes, at: int, bits: int) -> tuple[tuple[bytes, bytes], int]:
        index, at = _integer(block, at, bits)
        if index:
            name = self._field(index)[0]
        else:
            name, at = _string(block, at)
        value, at = _string(block, at)
        return (name, value), at

    def _field(self, index: int) -> tuple[bytes, bytes]:
        if 0 < index <= len(_STATIC):
            return _STATIC[index - 1]
        place = index - len(_STATIC) - 1
        if not 0 <= place < len(self._table):
            raise HpackError("a reference to an entry that is not there")
        return self._table[place]

    def _add(self, field: tuple[bytes, bytes]) -> None:
        self.version += 1
        size = len(field[0]) + len(field[1]) + _OVERHEAD
        self._shrink(self._most - size)
        if size <= self._most:
            self._table.appendleft(field)
            self._size += size

    def _shrink(self, size: int) -> None:
        while self._table and self._size > size:
            name, value = self._table.pop()
            self._size -= len(name) + len(value) + _OVERHEAD


def _integer(block: bytes, at: int, bits: int) -> tuple[int, int]:
    """An integer with a prefix of so many bits, and where it ends (section 5.1)."""
    most = (1 << bits) - 1
    value = block[at] & most
    at += 1
    if value < most:
        return value, at
    shift = 0
    while at < len(block):
        byte = block[at]
        at += 1
        value += (byte & 0x7F) << shift
        if value >= _LARGEST or shift > 28:
            raise HpackError("an integer that is too large")
        if byte < 0x80:
            return value, at
        shift += 7
    raise HpackError("the block ends within an integer")


def _string(block: bytes, at: int) -> tuple[bytes, int]:
    if at >= len(block):
        raise HpackError("the block ends before a string")
    coded = block[at] & 0x80
    length, at = _integer(block, at, 7)
    end = at + length
    if end > len(block):
        raise HpackError("the block ends within a string")
    if not coded:
        return block[at:end], end
    try:
        return huffman.decode(block[at:end]), end
    except huffman.HuffmanError as error:
        raise HpackError(str(error)) from error


def encode(fields: HeaderList) -> bytes:
    """A block that leaves every table as it is: references to whole static entries, literals for the rest."""
    return b"".join([_encoded(field) for field in fields])


def _encoded(field: tuple[bytes, bytes]) -> bytes:
    if field in _STATIC:
        return bytes([0x80 | _STATIC.index(field) + 1])
    name, value = field
    return b"".join((b"\x00", _written(len(name), 7), name, _written(len(value), 7), value))


def _written(value: int, bits: int) -> bytes:
    most = (1 << bits) - 1
    if value < most:
        return bytes([value])
    out = bytearray([most])
    value -= most
    while value >= 0x80:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)
