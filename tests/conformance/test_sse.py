"""Events of a whole stream, by the HTML standard."""

from __future__ import annotations

import pytest

from extproc.conformance.sse import StreamEvent, events


@pytest.mark.parametrize(
    ("body", "found"),
    [
        (b"data: a\n\n", [StreamEvent("", "a")]),
        (b"event: e\ndata: a\n\n", [StreamEvent("e", "a")]),
        (b"data:a\r\ndata: b\r\n\r\n", [StreamEvent("", "a\nb")]),
        (b"data: a\rdata: b\r\r", [StreamEvent("", "a\nb")]),
        (b": ping\n\ndata: a\n\n", [StreamEvent("", "a")]),
        (b"event: e\n\ndata: a\n\n", [StreamEvent("", "a")]),
        (b"\xef\xbb\xbfdata: a\n\n", [StreamEvent("", "a")]),
        (b"id: 1\nretry: 2\ndata: a\n\n", [StreamEvent("", "a")]),
        ("data: a\u2028b\n\n".encode(), [StreamEvent("", "a\u2028b")]),
        (b"data: a\n", []),
        (b"", []),
    ],
)
def test_a_stream_is_read_as_clients_read_it(body: bytes, found: list[StreamEvent]) -> None:
    assert list(events(body)) == found
