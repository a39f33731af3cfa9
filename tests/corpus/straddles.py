"""Streams of every API in which a value straddles deltas; `corpus.streams` has more of OpenAI's chat.

    for case in straddles(SPEECHES["anthropic-messages"], values, seed=1):
        assert not any(case.value in text for text in case.speech.heard(guarded(case.body))[case.channel])

An API's speech says how it streams a text at a place, and what its clients hear. The value is cut in two, or into its
characters; streams are framed in all the ways in which providers frame them.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from random import Random

from corpus import anthropic_speech, chat_speech, completions_speech, responses_speech
from corpus.streams import WORDS, escaped
from corpus.values import Value

from extproc.dialects import anthropic_messages, openai_chat, openai_completions, openai_responses
from extproc.guard.stream import Reader

Cut = Callable[[str], Sequence[str]]
"""The deltas of a text."""


@dataclass(frozen=True, slots=True)
class Speech:
    """How one API streams.

    `channels` has the name of the text at each place; `heard` every text by its name, as often as it is said;
    `endings` what tells that a stream ended well, in order. Texts at the places `coded` are JSON.
    """

    reader: Callable[[], Reader]
    channels: Mapping[str, str]
    coded: frozenset[str]
    write: Callable[[str, str, Cut], bytes]
    heard: Callable[[bytes], dict[str, list[str]]]
    endings: Callable[[bytes], list[object]]


@dataclass(frozen=True, slots=True)
class Straddle:
    """A stream and the value that must not come out of it."""

    name: str
    speech: Speech
    body: bytes
    value: str
    channel: str
    is_json: bool

    @property
    def must_not_contain(self) -> frozenset[str]:
        """The value, and as a JSON string writes it."""
        return frozenset({self.value, json.dumps(self.value)[1:-1]})


SPEECHES = {
    "openai-chat": Speech(
        lambda: openai_chat.stream(max_depth=64),
        chat_speech.CHANNELS,
        chat_speech.CODED,
        chat_speech.write,
        chat_speech.heard,
        chat_speech.endings,
    ),
    "openai-responses": Speech(
        lambda: openai_responses.stream(max_depth=64),
        responses_speech.CHANNELS,
        responses_speech.CODED,
        responses_speech.write,
        responses_speech.heard,
        responses_speech.endings,
    ),
    "anthropic-messages": Speech(
        lambda: anthropic_messages.stream(max_depth=64),
        anthropic_speech.CHANNELS,
        anthropic_speech.CODED,
        anthropic_speech.write,
        anthropic_speech.heard,
        anthropic_speech.endings,
    ),
    "openai-completions": Speech(
        lambda: openai_completions.stream(max_depth=64),
        completions_speech.CHANNELS,
        frozenset(),
        completions_speech.write,
        completions_speech.heard,
        completions_speech.endings,
    ),
}


def _comments(body: bytes) -> bytes:
    return b": hello\n\n" + body.replace(b"\n\n", b"\n\n: alive\n\n", 3)


def _lines(body: bytes) -> bytes:
    """Each event's data on two lines, which is the same JSON."""
    return b"\n\n".join(event.replace(b', "', b',\ndata: "', 1) for event in body.split(b"\n\n"))


FRAMINGS: Mapping[str, Callable[[bytes], bytes]] = {
    "lf": lambda body: body,
    "crlf": lambda body: body.replace(b"\n", b"\r\n"),
    "cr": lambda body: body.replace(b"\n", b"\r"),
    "bom": lambda body: b"\xef\xbb\xbf" + body,
    "lines": _lines,
    "ids": lambda body: body.replace(b"data: ", b"id: 7\nretry: 100\ndata: "),
    "nospace": lambda body: body.replace(b"data: ", b"data:").replace(b"event: ", b"event:"),
    "comments": _comments,
}


def straddles(speech: Speech, values: Sequence[Value], *, seed: int) -> Iterator[Straddle]:
    """Every value at every place of an API: cut in two, and in characters; the framings come in turn."""
    turn = 0
    for number, value in enumerate(values):
        for place, channel in speech.channels.items():
            for shape in ("two", "characters"):
                rng = Random(f"{seed} {number} {place} {shape}")
                framing = list(FRAMINGS)[turn % len(FRAMINGS)]
                turn += 1
                written = _written(value.text, place, place in speech.coded, rng)
                text = f"{_words(rng)} {written} {_words(rng)}"
                text = f'{{"of":"{text}","n":1}}' if place in speech.coded else text
                body = FRAMINGS[framing](speech.write(place, text, _cut(written, shape, rng)))
                name = f"{value.kind}-{place}-{shape}-{framing}"
                yield Straddle(name, speech, body, value.text, channel, place in speech.coded)


def _written(text: str, place: str, coded: bool, rng: Random) -> str:
    if place == "escaped":
        return escaped(text, rng)
    return json.dumps(text, ensure_ascii=False)[1:-1] if coded else text


def _words(rng: Random) -> str:
    return " ".join(rng.choices(WORDS, k=rng.randint(2, 6)))


def _cut(written: str, shape: str, rng: Random) -> Cut:
    at = rng.randint(1, len(written) - 1)
    parts = [written[:at], written[at:]] if shape == "two" else list(written)

    def cut(text: str) -> list[str]:
        before, found, after = text.partition(written)
        return [*_tokens(before), *(parts if found else ()), *_tokens(after)]

    return cut


def _tokens(text: str) -> list[str]:
    return [each for each in text.replace(" ", "\0 ").split("\0") if each]
