"""The floor in every API: no value of the corpus is heard in a guarded stream, in none of the places that say it."""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import cache
from random import Random

import pytest
from corpus.straddles import SPEECHES, Straddle, straddles
from corpus.streams import strings
from corpus.values import Value, sensitive

from extproc.chain import Chain, Link
from extproc.guard.stream import StreamGuard, StreamLimits
from extproc.model import Exchange, Request
from extproc.policies.dlp_filter import DlpFilter, DlpSettings
from extproc.policies.pii_detector import PiiDetector

MARK = "[DLP_REDACTED]"
PLACES = [(name, place) for name, speech in SPEECHES.items() for place in speech.channels]


def whole(body: bytes, _: Random) -> list[bytes]:
    return [body]


def pieces(body: bytes, rng: Random) -> list[bytes]:
    cuts = sorted(rng.sample(range(1, len(body)), 30))
    return [body[start:end] for start, end in zip([0, *cuts], [*cuts, len(body)], strict=True)]


def single_bytes(body: bytes, _: Random) -> list[bytes]:
    return [body[at : at + 1] for at in range(len(body))]


Split = Callable[[bytes, Random], list[bytes]]
SPLITS = (pieces, pytest.param(whole, marks=pytest.mark.full), pytest.param(single_bytes, marks=pytest.mark.full))
"""Pieces cut what the others cut; byte by byte the streams take long."""


def knowing(values: list[Value]) -> Link:
    """A policy that knows these very values, so that the floor is the guard's and no detector's."""
    patterns = tuple(re.escape(value.text) for value in values)
    return Link(policy=DlpFilter(DlpSettings(detect_patterns=patterns, action="redact")))


VALUES = sensitive(seed=1, each=1)
LINK = knowing(VALUES)
UNMATCHED = knowing([Value("none", "ACME-000000-never-said")])
DETECTOR = Link(policy=PiiDetector(PiiDetector.Settings(pci_mode=True, healthcare_mode=True)))


@cache
def cases(name: str) -> list[Straddle]:
    return list(straddles(SPEECHES[name], VALUES, seed=1))


def at(name: str, place: str) -> list[Straddle]:
    channel = SPEECHES[name].channels[place]
    return [each for each in cases(name) if f"-{place}-" in each.name and each.channel == channel]


def some(name: str, place: str) -> list[Straddle]:
    """A third of them, in which every shape and framing comes."""
    return at(name, place)[::3]


def guarded(case: Straddle, parts: list[bytes], link: Link, pauses: Random | None = None) -> bytes:
    """The stream behind the guard; with `pauses`, the provider rests now and then, and what is settled leaves."""
    exchange = Exchange(request=Request("m", True, ()))
    guard = StreamGuard(case.speech.reader(), Chain((link,), lambda: 0), exchange, StreamLimits())
    out: list[bytes] = []
    for part in parts:
        out.append(guard.feed(part))
        if pauses and pauses.random() < 0.3:
            out.append(guard.flush())
    finishing = guard.finish()
    with pytest.raises(StopIteration) as done:
        next(finishing)
    assert guard.stopped is None and guard.complete, case.name
    return b"".join([*out, done.value.value])


def shown(case: Straddle, text: str) -> list[str]:
    """A text as a client sees it, and decoded where it is JSON. Raises ValueError where it is none any more."""
    return [text, *(strings(text) if case.is_json else ())]


def check(case: Straddle, out: bytes) -> None:
    heard, was = case.speech.heard(out), case.speech.heard(case.body)
    assert {name: len(texts) for name, texts in heard.items()} == {name: len(texts) for name, texts in was.items()}
    assert all(MARK in text for text in heard[case.channel]) and len(set(heard[case.channel])) == 1, case.name
    for name, texts in heard.items():
        assert name == case.channel or texts == was[name]
    said = [each for text in heard[case.channel] for each in shown(case, text)]
    assert not any(secret in each for secret in case.must_not_contain for each in said), case.name
    assert case.value.encode() not in out, case.name


@pytest.mark.parametrize("split", SPLITS)
@pytest.mark.parametrize(("name", "place"), PLACES)
def test_no_value_is_heard_and_the_rest_of_the_stream_is_whole(name: str, place: str, split: Split) -> None:
    for case in at(name, place):
        out = guarded(case, split(case.body, Random(case.name)), LINK)
        check(case, out)
        assert case.speech.endings(out) == case.speech.endings(case.body), case.name


@pytest.mark.parametrize(("name", "place"), PLACES)
def test_nor_where_the_provider_pauses(name: str, place: str) -> None:
    for case in some(name, place):
        rng = Random(case.name)
        check(case, guarded(case, pieces(case.body, rng), LINK, rng))


@pytest.mark.parametrize("split", SPLITS)
@pytest.mark.parametrize(("name", "place"), PLACES)
def test_a_stream_without_a_match_keeps_its_bytes(name: str, place: str, split: Split) -> None:
    for case in some(name, place):
        assert guarded(case, split(case.body, Random(case.name)), UNMATCHED) == case.body, case.name


@pytest.mark.parametrize("name", SPEECHES)
def test_nor_is_any_behind_a_detector_that_has_to_find_it(name: str) -> None:
    for case in cases(name):
        heard = case.speech.heard(guarded(case, pieces(case.body, Random(case.name)), DETECTOR))[case.channel]
        said = shown(case, heard[0])
        assert len(set(heard)) == 1 and not any(secret in each for secret in case.must_not_contain for each in said)
