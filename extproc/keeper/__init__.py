"""One keeper per host holds what its workers share (design D8): the cache, who is fetching what for it, and
whose the responses are that providers keep.

    protocol    frames on the Unix socket: commands in, answers out; bytes and values, no I/O
    flights     who leads, who waits; pure
    shelf       the entries: recent ones in memory, all of them in SQLite, written by a thread
    service     what a command does
    server      the Unix socket
    client      a worker's end of it
    recent      what a worker heard a moment ago

A keeper that is away is a cache that misses: no request fails for it, but those that have to know whose something is.
"""
