from __future__ import annotations

from itertools import permutations

import pytest

from extproc.audit.merge import EDGE_WAIT, END_WAIT, LATE_EDGE, LONGEST_NAME, VERDICTS, Entry, Merger

BEGIN: Entry = {
    "k": "begin",
    "id": "r1",
    "at": 1.0,
    "path": "/v1/x",
    "consumer": {"name": "ana", "team": "pay", "key_id": "t"},
}
END: Entry = {"k": "end", "id": "r1", "outcome": "allowed", "status": 200}
UNSCANNED: Entry = {**END, "unscanned": "realtime"}
EDGE: Entry = {"k": "edge", "id": "r1", "status": 200, "path": "/v1/x", "upstream_cluster": "target:a"}
LOCAL: Entry = {"k": "local", "id": "r1", "at": 1.0, "status": 503, "method": "POST", "path": "/v1/x"}
ATTEMPT: Entry = {"k": "attempt", "id": "r1", "cluster": "target:a", "status": 200}


def outcomes(entries: list[Entry], waited: float, *, gone: bool = False) -> list[object]:
    merger = Merger()
    for entry in entries:
        merger.feed(entry, 0.0, writer_gone=gone)
    return [event["decision"] for event in merger.finished(waited)]


@pytest.mark.parametrize("order", list(permutations([BEGIN, END, EDGE])))
def test_a_complete_exchange_is_one_event_in_whatever_order_it_is_read(order: list[Entry]) -> None:
    assert outcomes(list(order), 0.0) == ["allowed"]


@pytest.mark.parametrize(
    ("entries", "waited", "gone", "expected"),
    [
        ([BEGIN, END], EDGE_WAIT, False, []),
        ([BEGIN, END], EDGE_WAIT + 0.1, False, ["allowed"]),
        ([BEGIN, UNSCANNED], LATE_EDGE, False, []),
        ([BEGIN, UNSCANNED, EDGE], 0.0, False, ["allowed"]),
        ([BEGIN, UNSCANNED], LATE_EDGE + 0.1, False, ["allowed"]),
        ([BEGIN, EDGE], END_WAIT, False, []),
        ([BEGIN, EDGE], END_WAIT + 0.1, False, ["interrupted"]),
        ([BEGIN], 9999.0, False, []),
        ([BEGIN], END_WAIT + 0.1, True, ["interrupted"]),
        ([EDGE], END_WAIT + 0.1, False, ["refused_by_envoy"]),
        ([{**EDGE, "path": "/cursor/v1/chat/completions"}], END_WAIT + 0.1, False, ["refused_by_envoy"]),
        ([{**EDGE, "path": "/healthz"}], END_WAIT + 0.1, False, []),
        ([{**EDGE, "details": "cors_response"}], END_WAIT + 0.1, False, []),
        ([LOCAL], END_WAIT, False, []),
        ([LOCAL], END_WAIT + 0.1, False, ["refused_by_envoy"]),
        ([{**LOCAL, "path": "/healthz"}], END_WAIT + 0.1, False, []),
        ([BEGIN, LOCAL], END_WAIT + 0.1, False, ["interrupted"]),
        ([LOCAL, BEGIN, END, EDGE], 0.0, False, ["allowed"]),
    ],
)
def test_what_is_missing_decides_the_outcome(
    entries: list[Entry], waited: float, gone: bool, expected: list[str]
) -> None:
    assert outcomes(entries, waited, gone=gone) == expected


def test_a_late_entry_makes_no_second_event() -> None:
    merger = Merger()
    for entry in (BEGIN, END):
        merger.feed(entry, 0.0)
    assert len(list(merger.finished(EDGE_WAIT + 1))) == 1
    merger.feed(EDGE, EDGE_WAIT + 2)
    assert list(merger.finished(99.0)) == []
    assert merger.late == 1


def test_an_event_names_consumer_and_every_attempt() -> None:
    merger = Merger()
    for entry in (ATTEMPT, BEGIN, END, EDGE):
        merger.feed(entry, 0.0)
    (event,) = merger.finished(0.0)
    assert (event["user"], event["team"], event["provider"]) == ("ana", "pay", "a")
    assert event["attempts"] == [{"target": "a", "status": 200, "duration_ms": None, "flags": None}]


def merged(*entries: Entry) -> Entry:
    merger = Merger()
    for entry in entries:
        merger.feed(entry, 0.0)
    (event,) = merger.finished(99.0)
    return event


@pytest.mark.parametrize(("decision", "verdict"), VERDICTS.items())
def test_a_decision_has_one_word_for_the_command_line(decision: str, verdict: str) -> None:
    event = merged(BEGIN, {**END, "outcome": decision}, EDGE)
    assert (event["decision"], event["verdict"]) == (decision, verdict)


def test_an_event_says_what_the_cache_did_and_false_where_it_was_not_asked() -> None:
    told: Entry = {"cache_hit": True, "cache": "hit", "cache_reason": "exact"}
    assert told.items() <= merged(BEGIN, {**END, **told}, EDGE).items()
    assert merged(BEGIN, END, EDGE)["cache_hit"] is False


def test_a_model_that_is_a_book_is_not_kept_whole() -> None:
    event = merged(BEGIN, {**END, "model": "x" * 1_000_000, "response_model": "y" * 1_000_000}, EDGE)
    assert (event["model"], event["response_model"]) == ("x" * LONGEST_NAME, "y" * LONGEST_NAME)


@pytest.mark.parametrize(
    ("at", "written"),
    [
        (1.5, (1.5, "1970-01-01T00:00:01.500Z")),
        ("1764025200.123", (1764025200.123, "2025-11-24T23:00:00.123Z")),
        (None, (0.0, "1970-01-01T00:00:00.000Z")),
        ("-", (0.0, "1970-01-01T00:00:00.000Z")),
        ("nan", (0.0, "1970-01-01T00:00:00.000Z")),
        (1e300, (0.0, "1970-01-01T00:00:00.000Z")),
    ],
)
def test_a_time_that_is_none_does_not_stop_the_shipper(at: object, written: tuple[float, str]) -> None:
    event = merged({**EDGE, "at": at})
    assert (event["at"], event["timestamp"]) == written


def test_where_envoy_writes_no_log_its_line_is_not_waited_for() -> None:
    merger = Merger(edge_log=False)
    for entry in (BEGIN, UNSCANNED):
        merger.feed(entry, 0.0)
    assert [event["unscanned"] for event in merger.finished(EDGE_WAIT + 0.1)] == ["realtime"]
