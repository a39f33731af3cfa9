"""The streams of every API are streams: they parse, and the value is in them, across deltas, where they say."""

from __future__ import annotations

import json

import pytest
from corpus.straddles import FRAMINGS, SPEECHES, Straddle, straddles
from corpus.streams import strings
from corpus.values import SENSITIVE, sensitive

from extproc.dialects.sse import Framer

VALUES = sensitive(seed=3, each=1)
ALL = {name: list(straddles(speech, VALUES, seed=3)) for name, speech in SPEECHES.items()}


def texts(case: Straddle) -> list[str]:
    """What is heard where the value stands, decoded."""
    said = case.speech.heard(case.body)[case.channel]
    return [text for each in said for text in (strings(each) if case.is_json else [each])]


@pytest.mark.parametrize("name", SPEECHES)
def test_the_same_seed_gives_the_same_bytes_and_another_one_others(name: str) -> None:
    assert [each.body for each in straddles(SPEECHES[name], VALUES, seed=3)] == [each.body for each in ALL[name]]
    assert all(a.body != b.body for a, b in zip(ALL[name], straddles(SPEECHES[name], VALUES, seed=4), strict=True))


@pytest.mark.parametrize("name", SPEECHES)
def test_every_kind_stands_at_every_place_in_every_shape_and_framing(name: str) -> None:
    speech = SPEECHES[name]
    assert len(ALL[name]) == len({each.name for each in ALL[name]}) == len(SENSITIVE) * len(speech.channels) * 2
    assert {each.name.rpartition("-")[2] for each in ALL[name]} == set(FRAMINGS)


@pytest.mark.parametrize("name", SPEECHES)
def test_the_value_is_heard_where_the_case_says_and_in_no_delta_alone(name: str) -> None:
    for case in ALL[name]:
        assert any(case.value in text for text in texts(case)), case.name
        assert case.speech.endings(case.body)
        framer = Framer()
        data = [each.data for each in (*framer.feed(case.body), *framer.close())]
        deltas = [json.loads(each) for each in data if b"delta" in each or b"text_completion" in each]
        alone = [text for each in deltas for text in strings(json.dumps(each))]
        assert deltas and not any(secret in text for secret in case.must_not_contain for text in alone), case.name
