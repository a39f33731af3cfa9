"""What cutting event streams costs, in microseconds per event, beside a plain `bytes.split` of the same chunk.

.venv/bin/python tests/bench/framing.py
"""

from __future__ import annotations

import json
import timeit
from collections.abc import Callable

from extproc.dialects.json_stream import JsonStream
from extproc.dialects.sse import Framer

DELTA = json.dumps(
    {
        "id": "chatcmpl-bench",
        "object": "chat.completion.chunk",
        "created": 1,
        "model": "bench",
        "system_fingerprint": None,
        "choices": [{"index": 0, "delta": {"content": " result"}, "logprobs": None, "finish_reason": None}],
    }
).encode()
EVENT = b"data: " + DELTA + b"\n\n"
NAMED = b"event: response.output_text.delta\n" + EVENT
CHUNKS = {
    "one whole event": ([EVENT], 1),
    "ten whole events": ([EVENT * 10], 10),
    "ten events, CRLF": ([EVENT.replace(b"\n", b"\r\n") * 10], 10),
    "ten named events": ([NAMED * 10], 10),
    "an event in two pieces": ([EVENT[:100], EVENT[100:]], 1),
    "ten events, cut anywhere": ([EVENT[100:] + EVENT * 9 + EVENT[:100]], 10),
}


def microseconds(work: Callable[[], object], times: int) -> float:
    """The least of several rounds: whatever else the machine does only adds to it."""
    return min(timeit.repeat(work, number=times, repeat=9)) / times * 1e6


HOLD = 8
ARGUMENTS = {
    "plain string": '{"content": "' + "the result is in the " * 200 + '"}',
    "escapes": json.dumps({"content": 'x = "é"\n' * 400}),
    "pretty, short members": json.dumps([{"path": "a.py", "line": 4, "ok": True}] * 100, indent=1),
    "numbers": json.dumps(list(range(1000))),
    "brackets": "[" * 4000,
}


def relay(pieces: list[str]) -> None:
    """As a guard does: feed, look, release all but the last characters."""
    stream = JsonStream()
    for piece in pieces:
        stream.feed(piece)
        runs = stream.runs()
        stream.release(max(0, len(runs[-1].text) - HOLD) if runs and not runs[-1].ended else 0)


def events() -> None:
    for label, (chunks, count) in CHUNKS.items():
        framer = Framer()
        ours = (
            microseconds(lambda framer=framer, chunks=chunks: [framer.feed(chunk) for chunk in chunks], 2_000) / count
        )
        plain = microseconds(lambda chunks=chunks: [chunk.split(b"\n\n") for chunk in chunks], 2_000) / count
        print(f"{label:24} {ours:5.2f} µs/event   {ours / plain:5.1f} x bytes.split")


def arguments(size: int = 20) -> None:
    for label, text in ARGUMENTS.items():
        pieces = [text[at : at + size] for at in range(0, len(text), size)]
        cost = microseconds(lambda pieces=pieces: relay(pieces), 10) / len(pieces)
        print(f"{label:24} {cost:5.2f} µs/delta of {size} characters: feed, runs and release")


if __name__ == "__main__":
    events()
    arguments()
