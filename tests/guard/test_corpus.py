"""The floor: no value of the corpus is heard in a guarded stream, wherever it stands and however the bytes arrive."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from random import Random

import pytest
from corpus.streams import PLACES, Case, Place, cases, heard, strings
from corpus.values import Value, sensitive

from extproc.chain import Chain, Link
from extproc.dialects.openai_chat.reader import Stream
from extproc.dialects.sse import Framer
from extproc.guard.stream import StreamGuard, StreamLimits
from extproc.model import Exchange, Request
from extproc.policies.dlp_filter import DlpFilter, DlpSettings
from extproc.policies.pii_detector import PiiDetector

SEEDS = (1, 2, 3)
VALUES = {seed: sensitive(seed=seed, each=1) for seed in SEEDS}
CASES = {
    (seed, place): [c for c in cases(VALUES[seed], seed=seed) if c.place == place] for seed in SEEDS for place in PLACES
}


def whole(body: bytes, _: Random) -> list[bytes]:
    return [body]


def pieces(body: bytes, rng: Random) -> list[bytes]:
    cuts = sorted(rng.sample(range(1, len(body)), 30))
    return [body[start:end] for start, end in zip([0, *cuts], [*cuts, len(body)], strict=True)]


def single_bytes(body: bytes, _: Random) -> list[bytes]:
    return [body[at : at + 1] for at in range(len(body))]


Split = Callable[[bytes, Random], list[bytes]]
SPLITS: tuple[Split, ...] = (whole, pieces, single_bytes)


def redacting(values: list[Value]) -> Link:
    """A policy that knows these very values, so that the floor is the guard's and no detector's."""
    patterns = tuple(re.escape(value.text) for value in values)
    return Link(policy=DlpFilter(DlpSettings(detect_patterns=patterns, action="redact")))


LINKS = {seed: redacting(list(values)) for seed, values in VALUES.items()}
UNMATCHED = redacting([Value("none", "ACME-000000-never-said")])


def guarded(parts: list[bytes], link: Link) -> bytes:
    guard = StreamGuard(Stream(), Chain((link,), lambda: 0), Exchange(request=Request("m", True, ())), StreamLimits())
    out = [guard.feed(part) for part in parts]
    finishing = guard.finish()
    with pytest.raises(StopIteration) as done:
        next(finishing)
    assert guard.stopped is None
    return b"".join([*out, done.value.value])


def endings(body: bytes) -> list[object]:
    """Finish reasons, usage and the last event, in their order."""
    framer = Framer()
    events = framer.feed(body) + framer.close()
    chunks = [json.loads(event.data) for event in events[:-1]]
    found: list[object] = [events[-1].data]
    for chunk in chunks:
        found += [(each["index"], each["finish_reason"]) for each in chunk["choices"] if each["finish_reason"]]
        found += [chunk["usage"]] if chunk.get("usage") else []
    return found


def check(case: Case, out: bytes) -> None:
    said, was = heard(out), heard(case.body)
    assert said.keys() == was.keys() and endings(out) == endings(case.body)
    assert "[DLP_REDACTED]" in said[case.channel]
    for channel, text in said.items():
        shown = [text, *(strings(text) if channel[1].startswith("arguments") else ())]
        assert not any(secret in each for secret in case.must_not_contain for each in shown), case.name
        if channel != case.channel:
            assert text == was[channel]


@pytest.mark.parametrize("split", SPLITS)
@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("seed", SEEDS)
def test_no_value_is_heard_and_the_rest_of_the_stream_is_whole(seed: int, place: Place, split: Split) -> None:
    for case in CASES[seed, place]:
        check(case, guarded(split(case.body, Random(case.name)), LINKS[seed]))


@pytest.mark.parametrize("place", ["text", "reasoning", "refusal", "second-choice"])
def test_a_detector_makes_of_a_stream_what_it_makes_of_the_whole(place: Place) -> None:
    detector = PiiDetector(PiiDetector.Settings())
    exchange = Exchange()
    found = 0
    for case in cases(sensitive(seed=1, each=6), seed=1):
        if case.place == place:
            text = heard(case.body)[case.channel]
            spans = detector.spans(exchange, text)
            found += bool(spans)
            for span in reversed(spans):
                text = text[: span.start] + span.replacement + text[span.end :]
            out = guarded([event + b"\n\n" for event in case.body.split(b"\n\n")[:-1]], Link(policy=detector))
            assert heard(out)[case.channel] == text, case.name
    assert found > 50


@pytest.mark.parametrize("split", SPLITS)
@pytest.mark.parametrize("place", PLACES)
def test_a_stream_without_a_match_keeps_its_bytes(place: Place, split: Split) -> None:
    for case in CASES[1, place]:
        assert guarded(split(case.body, Random(case.name)), UNMATCHED) == case.body
