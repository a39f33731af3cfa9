"""What clients send, replayed against any gateway: `kt conformance`.

A check is a value: what a client asks, what a right answer looks like, and what breaks in the client without one.

    check       the values
    clients     one file per client: its headers, paths and bodies as it sends them, its checks
    reading     one file per kind of answer: what is wrong with a reply, as a client would find it
    sse         a whole event stream as events
    models      which models to ask
    runner      performs the checks in order; knows no network and no clock
    exchange    one request over HTTP/1.1: the only file that opens a connection

Nothing here knows our own gateway; a reply is judged by what its client reads.
"""
