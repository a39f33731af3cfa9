"""What a peer may ask of a connection, and no more."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """Sizes in bytes. Envoy opens every ext_proc stream of one of its threads on one connection, and another connection
    beyond `max_streams`.

    `stream_window` is what a stream may send before we have dealt with it; the connection's window is given back as
    bytes come, so that one stream that stands still does not hold up the others. A message larger than the window
    passes, up to `max_message_bytes`; all that are not complete yet may have `max_assembling_bytes` together.

    `control_burst` frames that carry no message may come at once, and `control_per_second` of them for long: pings,
    settings, priorities, resets, window updates, empty data. Beyond that the connection ends. A reset of each of 2,000
    streams is nothing unusual where a client leaves.
    """

    max_streams: int = 10_000
    max_frame_bytes: int = 1 << 18
    max_header_block_bytes: int = 64 << 10
    max_header_list_bytes: int = 64 << 10
    header_table_bytes: int = 4096
    stream_window: int = 1 << 20
    connection_window: int = 16 << 20
    max_message_bytes: int = 64 << 20
    max_assembling_bytes: int = 1 << 30
    control_burst: int = 20_000
    control_per_second: int = 10_000
