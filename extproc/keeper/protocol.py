"""Frames between a worker and the keeper: a length, an operation, a number that pairs an answer with its question.

Both ends are ours and of one version, so there is no negotiation; what does not parse ends the connection.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import IntEnum
from typing import Literal

from extproc.cache.commands import Abandon, Answer, Fact, Fill, Found, Free, Lead, Look
from extproc.cache.entry import DamagedEntry, decode
from extproc.model import ExtprocError
from extproc.routing.kept import Keep, Owners, Whose

KEY = 32
MOST = 64 << 20
"""Bytes of a frame: the most that `max_entry_size_bytes` allows, twice, for an entry may be events and JSON form."""

_HEAD = struct.Struct("<IBQ")  # length of what follows it, operation, number
_ASKED = struct.Struct("<d")  # seconds that others wait
_FILLED = struct.Struct("<dB?BI")  # seconds to live, form, usage wanted, lengths of the dialect's name and of `hidden`
_KEPT = struct.Struct("<dH")  # seconds to remember, length of the organisation's name
_NAME = struct.Struct("<H")
_FOUND_HEAD = struct.Struct("<I")
_FORMS: tuple[Literal["json"], Literal["stream"]] = ("json", "stream")


class _Op(IntEnum):
    LOOK = 1
    LEAVE = 2
    FILL = 3
    ABANDON = 4
    FOUND = 5
    LEAD = 6
    FREE = 7
    PING = 8
    PONG = 9
    KEEP = 10
    WHOSE = 11
    OWNERS = 12


class ProtocolError(ExtprocError):
    """The other end does not speak this protocol."""

    code = "keeper_protocol"


@dataclass(frozen=True, slots=True)
class Leave:
    """Nobody waits for the answer to question `number` any more."""


@dataclass(frozen=True, slots=True)
class Ping:
    """Are you there?"""


@dataclass(frozen=True, slots=True)
class Pong:
    """I am."""


Command = Look | Leave | Fact | Keep | Whose | Ping


class Frames:
    """Cuts a byte stream into (operation, number, payload). Work is linear however the bytes arrive."""

    def __init__(self) -> None:
        self._held = bytearray()

    def feed(self, data: bytes) -> list[tuple[int, int, bytes]]:
        """The frames that these bytes finish. Raises ProtocolError."""
        self._held += data
        held, at, found = self._held, 0, []
        while len(held) - at >= _HEAD.size:
            length, operation, number = _HEAD.unpack_from(held, at)
            if length > MOST:
                raise ProtocolError(f"a frame of {length} bytes")
            end = at + _HEAD.size + length
            if end > len(held):
                break
            found.append((operation, number, bytes(held[at + _HEAD.size : end])))
            at = end
        del held[:at]
        return found


def command(number: int, said: Command) -> bytes:
    """A worker's frame."""
    match said:
        case Look(key, wait):
            return _frame(_Op.LOOK, number, key + _ASKED.pack(wait))
        case Leave():
            return _frame(_Op.LEAVE, number, b"")
        case Ping():
            return _frame(_Op.PING, number, b"")
        case Fill():
            name = said.dialect.encode()
            facts = _FILLED.pack(said.ttl, _FORMS.index(said.form), said.wanted_usage, len(name), len(said.hidden))
            return _frame(_Op.FILL, number, b"".join((said.key, facts, name, said.hidden, said.data)))
        case Abandon(key):
            return _frame(_Op.ABANDON, number, key)
        case Keep(keys, org, ttl):
            name = org.encode()
            return _frame(_Op.KEEP, number, b"".join((_KEPT.pack(ttl, len(name)), name, *keys)))
        case Whose(keys):
            return _frame(_Op.WHOSE, number, b"".join(keys))


def read_command(operation: int, payload: bytes) -> Command:
    """What a worker's frame says. Raises ProtocolError."""
    try:
        match operation:
            case _Op.LOOK if len(payload) == KEY + _ASKED.size:
                return Look(payload[:KEY], *_ASKED.unpack_from(payload, KEY))
            case _Op.LEAVE:
                return Leave()
            case _Op.PING:
                return Ping()
            case _Op.FILL:
                ttl, form, wanted, named, hidden = _FILLED.unpack_from(payload, KEY)
                at = KEY + _FILLED.size
                name, data = payload[at : at + named].decode(), payload[at + named :]
                return Fill(payload[:KEY], name, _FORMS[form], data[hidden:], wanted, ttl, data[:hidden])
            case _Op.ABANDON if len(payload) == KEY:
                return Abandon(payload)
            case _Op.KEEP:
                ttl, named = _KEPT.unpack_from(payload)
                at = _KEPT.size + named
                return Keep(_keys(payload[at:]), payload[_KEPT.size : at].decode(), ttl)
            case _Op.WHOSE:
                return Whose(_keys(payload))
    except (struct.error, IndexError, UnicodeDecodeError) as error:
        raise ProtocolError(f"operation {operation}: {error}") from error
    raise ProtocolError(f"operation {operation} with {len(payload)} bytes")


def answer(number: int, said: Lead | Free) -> bytes:
    """The keeper's frame, where it has no entry."""
    return _frame(_Op.LEAD if isinstance(said, Lead) else _Op.FREE, number, b"")


def pong(number: int) -> bytes:
    """The keeper's frame to a `Ping`."""
    return _frame(_Op.PONG, number, b"")


def found(number: int, entry: bytes, age: int) -> bytes:
    """The keeper's frame with an entry's bytes, `age` seconds after it was stored."""
    return _frame(_Op.FOUND, number, _FOUND_HEAD.pack(age) + entry)


def owners(number: int, orgs: Sequence[bytes]) -> bytes:
    """The keeper's frame to a `Whose`."""
    return _frame(_Op.OWNERS, number, b"".join(part for org in orgs for part in (_NAME.pack(len(org)), org)))


def read_answer(operation: int, payload: bytes) -> Answer | Owners | Pong:
    """What the keeper's frame says; a damaged entry is none. Raises ProtocolError."""
    if operation == _Op.FOUND and len(payload) >= _FOUND_HEAD.size:
        try:
            return Found(decode(payload[_FOUND_HEAD.size :]), _FOUND_HEAD.unpack_from(payload)[0])
        except DamagedEntry:
            return Free()
    if operation == _Op.LEAD:
        return Lead()
    if operation == _Op.FREE:
        return Free()
    if operation == _Op.OWNERS:
        return Owners(tuple(_names(payload)))
    if operation == _Op.PONG:
        return Pong()
    raise ProtocolError(f"operation {operation} with {len(payload)} bytes")


def _keys(payload: bytes) -> tuple[bytes, ...]:
    if not payload or len(payload) % KEY:
        raise ProtocolError(f"{len(payload)} bytes of keys")
    return tuple(payload[at : at + KEY] for at in range(0, len(payload), KEY))


def _names(payload: bytes) -> Iterator[str]:
    at = 0
    while at < len(payload):
        try:
            (size,) = _NAME.unpack_from(payload, at)
            at += _NAME.size
            name = payload[at : at + size].decode()
        except (struct.error, UnicodeDecodeError) as error:
            raise ProtocolError(f"no names: {error}") from error
        at += size
        if at > len(payload):
            raise ProtocolError("a name is cut off")
        yield name


def _frame(operation: int, number: int, payload: bytes) -> bytes:
    return _HEAD.pack(len(payload), operation, number) + payload
