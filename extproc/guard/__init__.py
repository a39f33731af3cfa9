"""Guards event streams while they run: bytes of a provider's stream in, bytes for the client out. Pure.

    sse         bytes <-> events (in dialects, with what an event of each API holds)
    text        one growing text under one policy: what is settled comes out, edited
    arguments   the same for tool-call arguments, whose JSON must stay JSON
    stream      the events in order, each held until all its texts are settled

An event is passed on when nothing that may still come can change what the policies say of it. So an event that no
policy edits keeps its bytes, and what is released, joined, is what the whole text would have become.
"""
