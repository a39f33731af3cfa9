"""What a worker heard a moment ago is held for a second, and no more of it than fits."""

from __future__ import annotations

from extproc.cache.commands import Found
from extproc.cache.entry import Entry
from extproc.keeper.recent import Recent


def found(size: int, name: str = "openai-chat") -> Found:
    return Found(Entry(name, b"x" * size, b"", False, 1.0), 0)


def test_an_answer_is_held_for_a_second() -> None:
    recent = Recent(seconds=1.0)
    answer = found(1)
    recent.put(b"k", answer, now=10.0)
    assert recent.get(b"k", now=10.9) is answer
    assert recent.get(b"k", now=11.0) is None
    assert recent.get(b"other", now=10.0) is None


def test_a_newer_answer_takes_its_place_and_its_second() -> None:
    recent = Recent(seconds=1.0)
    recent.put(b"k", found(1), now=10.0)
    newer = found(2)
    recent.put(b"k", newer, now=10.8)
    assert recent.get(b"k", now=11.7) is newer


def test_what_is_dropped_is_gone() -> None:
    recent = Recent()
    recent.put(b"k", found(1), now=0.0)
    recent.drop(b"k")
    recent.drop(b"k")
    assert recent.get(b"k", now=0.0) is None and len(recent) == 0


def test_no_more_is_held_than_fits_and_nothing_that_is_old() -> None:
    recent = Recent(seconds=1.0, most_bytes=100)
    for number in range(10):
        recent.put(bytes([number]), found(30), now=number / 100)
        assert len(recent) <= 3
    assert recent.get(bytes([9]), now=0.1) is not None and recent.get(bytes([5]), now=0.1) is None
    recent.put(b"later", found(1), now=5.0)
    assert len(recent) == 1


def test_an_answer_that_does_not_fit_is_not_held() -> None:
    recent = Recent(most_bytes=100)
    recent.put(b"k", found(101), now=0.0)
    assert len(recent) == 0 and recent.get(b"k", now=0.0) is None
