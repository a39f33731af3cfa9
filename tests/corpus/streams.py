"""Streams in which a value straddles deltas: openai-chat events, and what must not be heard in them.

    for case in cases(values, seed=1):
        assert case.value not in heard(guarded(case.body))[case.channel]

A stream is what providers send: a role, words, the value cut in two, words, a finish per choice, usage, `[DONE]`.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from random import Random
from typing import Any, Literal

from corpus.values import Value

from extproc.dialects.sse import Framer, encode

Place = Literal["text", "reasoning", "refusal", "arguments", "escaped", "second-choice", "second-call"]
PLACES: tuple[Place, ...] = ("text", "reasoning", "refusal", "arguments", "escaped", "second-choice", "second-call")
"""Where the value stands. `escaped`: in arguments, with a third of its characters as JSON escapes."""

Channel = tuple[int, str]
"""A choice, and a text of it: `content`, `reasoning_content`, `refusal`, or `arguments.N` of its Nth call."""

CHANNELS: dict[Place, Channel] = {
    "text": (0, "content"),
    "reasoning": (0, "reasoning_content"),
    "refusal": (0, "refusal"),
    "arguments": (0, "arguments.0"),
    "escaped": (0, "arguments.0"),
    "second-choice": (1, "content"),
    "second-call": (0, "arguments.1"),
}
WORDS = [
    "the",
    "report",
    "says",
    "that",
    "this",
    "part",
    "was",
    "moved",
    "to",
    "a",
    "new",
    "place",
    "so",
    "we",
    "can",
    "go",
    "on",
    "with",
    "it",
    "now",
]
MODEL = "gpt-4o-mini"
USAGE = {"prompt_tokens": 31, "completion_tokens": 17, "total_tokens": 48}


@dataclass(frozen=True, slots=True)
class Case:
    """A stream and the value that must not come out of it."""

    name: str
    body: bytes
    kind: str
    value: str
    place: Place
    cut: int
    """How many characters of the value, as it is written there, stand in the first delta."""

    around: tuple[int, int]
    """The bytes from the start of the first event that has some of the value to the end of the last."""

    @property
    def channel(self) -> Channel:
        """The text in which the value stands."""
        return CHANNELS[self.place]

    @property
    def must_not_contain(self) -> tuple[str, ...]:
        """The value, and as arguments write it."""
        quoted = json.dumps(self.value)[1:-1]
        return (self.value,) if quoted == self.value else (self.value, quoted)


def cases(values: Sequence[Value], *, seed: int, cuts: int = 1) -> Iterator[Case]:
    """Every value at every place, at `cuts` random cuts."""
    for number, value in enumerate(values):
        for place in PLACES:
            rng = Random(f"{seed} {number} {place}")
            for _ in range(cuts):
                written = _written(value.text, place, seed)
                yield case(value, place, seed=seed, cut=rng.randint(1, len(written) - 1))


def every_cut(value: Value, place: Place, *, seed: int) -> Iterator[Case]:
    """One value at one place, cut before and after each character, as it is written there."""
    for cut in range(len(_written(value.text, place, seed)) + 1):
        yield case(value, place, seed=seed, cut=cut)


def case(value: Value, place: Place, *, seed: int, cut: int) -> Case:
    """One stream. Raises ValueError for a cut outside of the value as it is written there."""
    written = _written(value.text, place, seed)
    if not 0 <= cut <= len(written):
        raise ValueError(f"the value has {len(written)} characters there, not {cut}")
    writer = _Writer(Random(f"{seed} {value.text} {place}"))
    around = _play(writer, place, written[:cut], written[cut:])
    return Case(f"{value.kind}-{place}-{cut}", bytes(writer.body), value.kind, value.text, place, cut, around)


def prose(deltas: int, *, seed: int) -> bytes:
    """A stream of one long text without values: a word to each delta, as tokens are, of seven characters or so.

    Words come about as often, and come again about as often, as those of a language do.
    """
    writer = _Writer(Random(f"{seed} prose"))
    words = ["".join(writer.rng.choices("etaoinshrdlucmfw", k=writer.rng.randint(2, 10))) for _ in range(3000)]
    writer.choice(0, {"role": "assistant", "content": "", "refusal": None})
    for _ in range(deltas):
        writer.delta((0, "content"), " " + words[int(3000 * writer.rng.random() ** 3)])
    writer.end([(0, "stop")])
    return bytes(writer.body)


def heard(body: bytes) -> dict[Channel, str]:
    """What a client puts together from a stream. Raises ValueError for events that are not JSON or not complete."""
    found: dict[Channel, str] = {}
    framer = Framer()
    for event in framer.feed(body) + framer.close():
        if not event.complete:
            raise ValueError("the stream ends within an event")
        if event.data and event.data != b"[DONE]":
            for choice in json.loads(event.data)["choices"]:
                for name, text in _said(choice["delta"]):
                    key = (choice["index"], name)
                    found[key] = found.get(key, "") + text
    return found


def strings(arguments: str) -> list[str]:
    """All keys and strings of a call's arguments, decoded. Raises ValueError where they are no JSON."""
    found: list[str] = []
    left: list[object] = [json.loads(arguments)]
    while left:
        match left.pop():
            case str() as text:
                found.append(text)
            case dict() as members:
                left += [*members, *members.values()]
            case list() as items:
                left += items
    return found


class _Writer:
    """Writes chunks as a provider does."""

    def __init__(self, rng: Random) -> None:
        self.rng = rng
        self.body = bytearray()
        self._head = {
            "id": f"chatcmpl-{rng.getrandbits(96):024x}",
            "object": "chat.completion.chunk",
            "created": rng.randint(1_700_000_000, 1_800_000_000),
            "model": MODEL,
            "system_fingerprint": f"fp_{rng.getrandbits(40):010x}",
        }

    def delta(self, channel: Channel, text: str) -> None:
        choice, name = channel
        field, _, call = name.partition(".")
        if call:
            self.choice(choice, {"tool_calls": [{"index": int(call), "function": {"arguments": text}}]})
        else:
            self.choice(choice, {field: text})

    def words(self, channel: Channel, count: int) -> None:
        for word in self.rng.choices(WORDS, k=count):
            self.delta(channel, word + " ")

    def choice(self, index: int, delta: dict[str, Any], finish: str | None = None) -> None:
        self.chunk(choices=[{"index": index, "delta": delta, "logprobs": None, "finish_reason": finish}])

    def end(self, reasons: Sequence[tuple[int, str]]) -> None:
        for index, reason in reasons:
            self.choice(index, {}, reason)
        self.chunk(choices=[], usage=USAGE)
        self.body += encode("", b"[DONE]")

    def chunk(self, **members: Any) -> None:
        self.body += encode("", json.dumps(self._head | members, ensure_ascii=False, separators=(",", ":")).encode())


def _play(writer: _Writer, place: Place, first: str, second: str) -> tuple[int, int]:
    """The whole stream; returns where the value is."""
    channel = CHANNELS[place]
    choices = channel[0] + 1
    calls = _calls(channel)
    for index in range(choices):
        writer.choice(index, {"role": "assistant", "content": None if calls else "", "refusal": None})
    for call in range(calls):
        function = {"name": "note", "arguments": ""}
        named = {
            "index": call,
            "id": f"call_{writer.rng.getrandbits(96):024x}",
            "type": "function",
            "function": function,
        }
        writer.choice(0, {"tool_calls": [named]})
        if call < calls - 1:
            _arguments(writer, (0, f"arguments.{call}"))
    if calls:
        writer.delta(channel, '{"of":"')
    around = _straddle(writer, channel, first, second)
    if calls:
        writer.delta(channel, '","n":1}')
    elif place == "reasoning":
        writer.words((0, "content"), 3)
    writer.end([(index, "tool_calls" if calls else "stop") for index in range(choices)])
    return around


def _calls(channel: Channel) -> int:
    field, _, call = channel[1].partition(".")
    return int(call) + 1 if field == "arguments" else 0


def _arguments(writer: _Writer, channel: Channel) -> None:
    writer.delta(channel, '{"of":"')
    writer.words(channel, 2)
    writer.delta(channel, '"}')


def _straddle(writer: _Writer, channel: Channel, first: str, second: str) -> tuple[int, int]:
    """Words, the value's two parts in deltas of their own, words. Other choices speak in between."""
    writer.words(channel, writer.rng.randint(2, 6))
    start = len(writer.body)
    writer.delta(channel, first)
    for other in range(channel[0]):
        writer.words((other, "content"), 2)
    writer.delta(channel, second)
    end = len(writer.body)
    writer.delta(channel, " ")
    writer.words(channel, writer.rng.randint(2, 6))
    return start, end


def _written(text: str, place: Place, seed: int) -> str:
    """The value as its delta writes it: in arguments it is inside a JSON string."""
    if CHANNELS[place][1].startswith("arguments"):
        return escaped(text, Random(f"{seed} {text}")) if place == "escaped" else json.dumps(text)[1:-1]
    return text


def escaped(text: str, rng: Random) -> str:
    """A text within a JSON string, a third of its characters as escapes, and those that make values what they are."""
    return "".join(f"\\u{ord(c):04x}" if c in "@-." or rng.random() < 1 / 3 else json.dumps(c)[1:-1] for c in text)


def _said(delta: dict[str, Any]) -> Iterator[tuple[str, str]]:
    for name in ("content", "reasoning_content", "refusal"):
        if delta.get(name):
            yield name, delta[name]
    for call in delta.get("tool_calls", ()):
        if call["function"].get("arguments"):
            yield f"arguments.{call['index']}", call["function"]["arguments"]
