"""What a guard may cost and hold back. Ratios, not times: a slow machine is slow at both."""

from __future__ import annotations

from collections.abc import Sequence

import orjson
import pytest
from corpus.streams import cases, prose
from corpus.values import SENSITIVE, sensitive
from guarded import events, guard, percentile, waits
from measure import cpu_seconds

from extproc.policies.dlp_filter import DlpFilter, DlpSettings
from extproc.policies.pii_detector import PiiDetector

PII = PiiDetector(PiiDetector.Settings())
DLP = DlpFilter(DlpSettings(detect_patterns=("ACME-[0-9]{6}",), blocked_terms=("project nightingale",)))
CASES = list(cases(sensitive(seed=1, each=12), seed=1))


def test_an_event_waits_for_none_at_the_median_and_for_three_at_the_95th_percentile() -> None:
    found = [each for case in CASES for each in waits(guard(PII, DLP), events(case.body))]
    assert percentile(found, 50) == 0 and percentile(found, 95) <= 3
    assert max(found) <= 12


@pytest.mark.parametrize("kind", sorted(SENSITIVE.keys() - {"iban"}))
def test_what_stands_behind_a_value_is_not_held_for_its_sake(kind: str) -> None:
    found = [each for case in CASES if case.kind == kind for each in waits(guard(PII), events(case.body))]
    assert max(found) <= 5


def test_in_plain_words_an_event_waits_for_one_other() -> None:
    found = waits(guard(PII, DLP), events(prose(500, seed=1)))
    assert percentile(found, 50) <= 1 and percentile(found, 95) <= 1


def least(chunks: Sequence[bytes], *, rounds: int = 5) -> tuple[float, float]:
    """CPU seconds per chunk of the guard, and of reading and writing the JSON; the least of some interleaved rounds."""

    def guarding() -> None:
        made = guard(PII, DLP)
        for chunk in chunks:
            made.feed(chunk)

    def rewriting() -> None:
        for chunk in chunks:
            if chunk.startswith(b"data: {"):
                orjson.dumps(orjson.loads(chunk[6:]))

    times = [(cpu_seconds(guarding), cpu_seconds(rewriting)) for _ in range(rounds)]
    return min(a for a, _ in times) / len(chunks), min(b for _, b in times) / len(chunks)


def test_guarding_a_chunk_costs_at_most_so_many_times_its_json() -> None:
    """20 on one machine and 29 on another, with two kinds; half as much again when every chunk is searched."""
    ours, json = least(events(prose(1000, seed=1)))
    assert ours <= 36 * json, f"{ours / json:.1f}"


def test_a_chunk_of_a_stream_ten_times_as_long_costs_no_more() -> None:
    short, _ = least(events(prose(400, seed=2)))
    long, _ = least(events(prose(4000, seed=2)))
    assert long <= 1.3 * short, f"{long / short:.2f}"
