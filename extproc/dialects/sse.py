"""Server-sent events as bytes: cut a stream into events however it arrives, and write events back.

The grammar is the WHATWG's (html.spec.whatwg.org, 9.2.6): lines end in CR, LF or CRLF, a blank line ends an event, a
byte-order mark may stand at the very start. Nothing is decoded before an event is whole, so a UTF-8 sequence may be
cut anywhere.

    framer = Framer()
    for chunk in body:
        for event in framer.feed(chunk):
            out += event.raw if untouched else encode(event.name, changed)
    for event in framer.close():  # what the provider left without a blank line
        ...

Joining the `raw` of all events gives the stream back, byte for byte.
"""

from __future__ import annotations

from typing import NamedTuple

MAX_LINE = 16 << 20
"""Bytes. The largest lines seen are images in one event; Envoy's and our own body limits are 32 MiB."""

MAX_EVENT = 16 << 20

_FIELDS = (b"", b"event", b"id", b"retry")
"""Beside `data`; a comment is a field without a name, and so is the blank line."""

_BOM = b"\xef\xbb\xbf"


class Event(NamedTuple):
    """One block of a stream, up to and with its blank line.

    A comment or a blank line alone is an event too, with neither name nor data: browsers would not fire it, but its
    bytes must go on. A tuple, because a frozen dataclass takes four times as long to make (1.2 against 0.3 µs).
    """

    raw: bytes
    """Exactly what came, comments, unknown fields and line ends included."""

    name: str
    """The `event` field; empty where there is none, which browsers read as `message`."""

    data: bytes
    """The `data` fields, joined with LF; empty where there is none."""

    id: str = ""
    complete: bool = True
    """False for what stood at the end without a blank line. Browsers drop it; some SDKs do not."""

    aside: str = ""
    """What the other lines say, comments among them: clients do not show it, but somebody may read it."""

    foreign: bool = False
    """Whether a line is of no known field. Browsers ignore it; it is the mark of what is no event stream."""


class SseTooLarge(ValueError):
    """A line or an event above its cap, measured in bytes with its line ends (a line: without).

    `before` holds the whole events that arrived with the same chunk, so that what gets through does not depend on how
    the stream was cut.
    """

    def __init__(self, what: str, limit: int, before: tuple[Event, ...] = ()) -> None:
        super().__init__(f"an event stream has {what} longer than {limit} bytes")
        self.what = what
        self.limit = limit
        self.before = before


class Framer:
    """Cuts one stream into events. Work is linear in the stream's length, however it is cut."""

    def __init__(self, *, max_line: int = MAX_LINE, max_event: int = MAX_EVENT) -> None:
        self._max_line = max_line
        self._max_event = max_event
        self._held = bytearray()  # the unfinished event
        self._line = 0  # where in it the unfinished line begins
        self._seen = 0  # up to where it was searched for a line end
        self._first = True
        self._failure: SseTooLarge | None = None

    @property
    def held(self) -> int:
        """Bytes of the unfinished event."""
        return len(self._held)

    def feed(self, chunk: bytes) -> list[Event]:
        """The events that this chunk finishes. Raises SseTooLarge, and for every chunk after it.

        A blank line that ends in CR is known to be whole only when the next byte has come: it may be LF.
        """
        if not self._held:
            events = self._plain(chunk)
            if events is not None:
                return events
        if self._failure is None:
            self._held += chunk
        return self._cut(at_end=False)

    def close(self) -> list[Event]:
        """The rest, once the stream has ended: at most one event, mostly not complete. Raises as `feed` does."""
        events = self._cut(at_end=True)
        if self._held:
            events.append(self._parsed(bytes(self._held), complete=False))
            self._held.clear()
        return events

    def _plain(self, chunk: bytes) -> list[Event] | None:
        """The way of nearly all chunks: whole events of one `data: ` line. None where anything else is in it."""
        if len(chunk) > self._max_line or len(chunk) > self._max_event or chunk[-2:] != b"\n\n" or b"\r" in chunk:
            return None
        events = []
        for block in chunk[:-2].split(b"\n\n"):
            if block[:6] != b"data: " or b"\n" in block:
                return None
            events.append(Event(block + b"\n\n", "", block[6:]))
        self._first = False
        return events

    def _cut(self, *, at_end: bool) -> list[Event]:
        if self._failure is not None:
            raise self._failure
        held, line, start = self._held, self._line, 0
        size = len(held)
        lf = cr = -1
        seen = self._seen
        events: list[Event] = []
        while True:
            # Each kind of line end is looked for again only when the last one found is used up, else a stream
            # with one kind would be searched to its end for the other at every line.
            if lf < seen:
                lf = _find(held, b"\n", seen)
            if cr < seen:
                cr = _find(held, b"\r", seen)
            end = min(lf, cr)
            if end == size or (cr == size - 1 == end and not at_end):
                break
            after = end + 2 if lf == end + 1 and cr == end else end + 1
            self._check(line, end, start, after, events)
            if end == line or (self._first and line == 0 and end == 3 and held.startswith(_BOM)):
                events.append(self._parsed(bytes(held[start:after])))
                start = after
            line = seen = after
        self._check(line, end, start, size, events)
        del held[:start]
        self._line = line - start
        self._seen = end - start
        return events

    def _check(self, line: int, end: int, start: int, after: int, events: list[Event]) -> None:
        """Raise for a line or event above its cap, naming the one that went above first."""
        if end - line <= self._max_line and after - start <= self._max_event:
            return
        if end - line > self._max_line and line + self._max_line <= start + self._max_event:
            what, limit = "a line", self._max_line
        else:
            what, limit = "an event", self._max_event
        self._failure = SseTooLarge(what, limit)
        raise SseTooLarge(what, limit, tuple(events))

    def _parsed(self, raw: bytes, *, complete: bool = True) -> Event:
        block = raw
        if self._first:
            self._first = False
            block = raw.removeprefix(_BOM)
        name = identity = ""
        data: list[bytes] = []
        aside: list[str] = []
        foreign = False
        for line in block.splitlines():  # on bytes: CR, LF and CRLF, nothing else
            field, _, value = line.partition(b":")
            value = value.removeprefix(b" ")
            if field == b"data":
                data.append(value)
                continue
            text = value.decode("utf-8", "replace")
            if field == b"event":
                name = text
            elif field == b"id" and "\0" not in text:
                identity = text
            foreign = foreign or field not in _FIELDS
            if text:
                aside.append(text)
        return Event(raw, name, b"\n".join(data), identity, complete, "\n".join(aside), foreign)


def encode(name: str, data: bytes, event_id: str = "") -> bytes:
    """An event's bytes. A reader gets `data` back, with CR and CRLF in it as LF.

    Raises ValueError for a line end in the name or id, which would begin another field.
    """
    if not name and not event_id and b"\n" not in data and b"\r" not in data:
        return b"data: " + data + b"\n\n"
    head = _field("event", name) + _field("id", event_id)
    lines = data.replace(b"\r\n", b"\n").replace(b"\r", b"\n").split(b"\n")
    return head + b"".join(b"data: " + line + b"\n" for line in lines) + b"\n"


def _field(field: str, value: str) -> bytes:
    if "\n" in value or "\r" in value:
        raise ValueError(f"the {field} of an event holds a line end")
    return f"{field}: {value}\n".encode() if value else b""


def _find(held: bytearray, what: bytes, start: int) -> int:
    """Where it next stands, or the length where it does not."""
    at = held.find(what, start)
    return at if at >= 0 else len(held)
