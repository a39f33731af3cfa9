"""Which header lists are requests (RFC 9113, 8.2 and 8.3)."""

from __future__ import annotations

from typing import NamedTuple

from extproc.transport.http2.hpack import HeaderList

_PSEUDO = frozenset({b":method", b":scheme", b":path", b":authority"})
_OF_CONNECTIONS = frozenset({b"connection", b"keep-alive", b"proxy-connection", b"transfer-encoding", b"upgrade"})
_IN_NAMES = bytes(each for each in range(0x21, 0x7F) if not (0x41 <= each <= 0x5A or each == 0x3A))
"""Visible ASCII without capitals and the colon (8.2.1)."""

_BLANK = (b" ", b"\t")


class Request(NamedTuple):
    """A header list, None for one that is too long; why it is no request, or ''; and its `content-length`."""

    fields: HeaderList | None
    fault: str
    length: int | None


def read(fields: HeaderList | None) -> Request:
    """What a header list says."""
    if fields is None:
        return Request(None, "more headers than we allow", None)
    lengths = {value for name, value in fields if name == b"content-length"}
    length = lengths.pop() if len(lengths) == 1 else None
    if lengths or (length is not None and not (length.isdigit() and len(length) < 20)):
        return Request(fields, "content-length is no number, or two", None)
    return Request(fields, fault(fields), None if length is None else int(length))


def fault(fields: HeaderList) -> str:
    """Why these fields are no request; '' where they are one."""
    pseudo: dict[bytes, bytes] = {}
    regular = False
    for name, value in fields:
        if name[:1] == b":":
            if regular or name not in _PSEUDO or name in pseudo:
                return f"{_shown(name)} is unknown, comes twice, or after a field"
            pseudo[name] = value
        else:
            regular = True
            if why := _field_fault(name, value):
                return why
    if not (pseudo.get(b":method") and pseudo.get(b":scheme") and pseudo.get(b":path")):
        return "a method, scheme or path is missing"
    return ""


def trailers_fault(fields: HeaderList) -> str:
    """Why these fields are no trailers; '' where they are."""
    for name, value in fields:
        if name[:1] == b":":
            return f"{_shown(name)} in trailers"
        if why := _field_fault(name, value):
            return why
    return ""


def _field_fault(name: bytes, value: bytes) -> str:
    if not name or name.translate(None, _IN_NAMES):
        return f"{_shown(name)} is no name of a field"
    if name in _OF_CONNECTIONS or (name == b"te" and value != b"trailers"):
        return f"{_shown(name)} belongs to a connection"
    if b"\0" in value or b"\r" in value or b"\n" in value or value[:1] in _BLANK or value[-1:] in _BLANK:
        return f"the value of {_shown(name)} has a character that none may have"
    return ""


def _shown(name: bytes) -> str:
    return name[:40].decode("latin-1").encode("ascii", "backslashreplace").decode()
