"""The streams of the corpus are streams: they parse, and the value is in them, across deltas, where the case says."""

from __future__ import annotations

import json

import pytest
from corpus.streams import CHANNELS, PLACES, Case, Place, case, cases, every_cut, heard, strings
from corpus.values import SENSITIVE, Value, sensitive

from extproc.dialects.sse import Event, Framer

MAIL = Value("email", "ana.o'neil@example.com")
ALL = list(cases(sensitive(seed=3, each=2), seed=3))


def events(body: bytes) -> list[Event]:
    framer = Framer()
    return framer.feed(body) + framer.close()


def chunks(body: bytes) -> list[dict[str, object]]:
    return [json.loads(event.data) for event in events(body)[:-1]]


def names(case: Case) -> str:
    return case.name


def test_the_same_seed_gives_the_same_bytes_and_another_one_others() -> None:
    values = sensitive(seed=3, each=2)
    assert list(cases(values, seed=3)) == ALL
    assert all(a.body != b.body for a, b in zip(ALL, cases(values, seed=4), strict=True))


def test_there_is_a_case_of_every_kind_at_every_place() -> None:
    assert {(each.kind, each.place) for each in ALL} == {(kind, place) for kind in SENSITIVE for place in PLACES}


@pytest.mark.parametrize("case", ALL, ids=names)
def test_a_stream_parses_and_ends_with_finish_usage_and_done(case: Case) -> None:
    found = events(case.body)
    assert found[-1].data == b"[DONE]" and all(event.complete for event in found)
    *rest, last = chunks(case.body)
    assert last["choices"] == [] and last["usage"]
    finished = [choice["index"] for chunk in rest for choice in chunk["choices"] if choice["finish_reason"]]  # type: ignore[attr-defined]
    assert finished == list(range(case.channel[0] + 1))
    assert len({chunk["id"] for chunk in (*rest, last)}) == 1


@pytest.mark.parametrize("case", ALL, ids=names)
def test_the_value_is_heard_where_the_case_says_and_in_no_delta_alone(case: Case) -> None:
    text = heard(case.body)[case.channel]
    if case.channel[1].startswith("arguments"):
        assert any(case.value in each for each in strings(text))
    else:
        assert case.value in text
    deltas = [strings(json.dumps(chunk["choices"])) for chunk in chunks(case.body)]
    assert not any(secret in text for texts in deltas for text in texts for secret in case.must_not_contain)


@pytest.mark.parametrize("place", PLACES)
def test_every_cut_of_the_value_as_it_is_written_is_made(place: Place) -> None:
    found = list(every_cut(MAIL, place, seed=1))
    assert [each.cut for each in found] == list(range(len(found)))
    assert len(found) > len(MAIL.text)
    assert len({each.body for each in found}) == len(found)
    assert len({heard(each.body)[CHANNELS[place]] for each in found}) == 1


def test_the_bytes_around_the_value_are_whole_events_and_hold_all_of_it() -> None:
    for each in ALL:
        start, end = each.around
        inside = events(each.body[start:end])
        assert inside == events(each.body)[len(events(each.body[:start])) :][: len(inside)]
        outside = heard(each.body[:start] + each.body[end:])[each.channel]
        assert each.value not in outside
        part = heard(each.body[start:end])[each.channel]
        assert part == each.value or json.loads(f'"{part}"') == each.value


def test_escaped_arguments_do_not_show_the_value_until_they_are_decoded() -> None:
    text = heard(case(MAIL, "escaped", seed=1, cut=5).body)[0, "arguments.0"]
    assert MAIL.text not in text and "\\u0040" in text
    assert any(MAIL.text in each for each in strings(text))


def test_choices_speak_in_turn_between_the_parts_of_a_value() -> None:
    each = case(MAIL, "second-choice", seed=1, cut=5)
    inside = [chunk["choices"][0]["index"] for chunk in chunks(each.body[slice(*each.around)] + b"data: [DONE]\n\n")]  # type: ignore[index]
    assert inside[0] == inside[-1] == 1 and 0 in inside


def test_a_cut_outside_of_the_value_is_refused() -> None:
    with pytest.raises(ValueError, match="has 22 characters there, not 23"):
        case(MAIL, "text", seed=1, cut=23)


def test_a_stream_that_ends_within_an_event_is_not_heard() -> None:
    with pytest.raises(ValueError, match="within an event"):
        heard(case(MAIL, "text", seed=1, cut=3).body[:-1])
