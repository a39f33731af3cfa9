"""What a guard may cost and hold back. Ratios, not times: a slow machine is slow at both."""

from __future__ import annotations

import pytest
from corpus.streams import cases, prose
from corpus.values import SENSITIVE, sensitive
from guarded import events, guard, percentile, waits

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
