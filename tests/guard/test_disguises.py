"""Values in disguise on a stream: cut anywhere, what comes out is what the whole text becomes."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from detect.test_shadow import DISGUISES
from hypothesis import given, settings
from hypothesis import strategies as st

from extproc.detect.shadow import shadow
from extproc.guard.text import GrowingText, Piece
from extproc.model import Exchange
from extproc.policies.base import Span, TextPolicy
from extproc.policies.dlp_filter import DlpFilter, DlpSettings
from extproc.policies.pii_detector import PiiDetector, PiiSettings

PII = PiiDetector(PiiSettings())
DLP = DlpFilter(DlpSettings(blocked_terms=("Project Heron",)))
EXCHANGE = Exchange(id="x", method="POST", path="/", headers=())


def whole(policy: TextPolicy, text: str) -> str:
    at, parts = 0, []
    for span in policy.spans(EXCHANGE, text):
        parts += [text[at : span.start], span.replacement]
        at = span.end
    return "".join([*parts, text[at:]])


def grown(policy: TextPolicy, fragments: Sequence[str]) -> str:
    def look(text: str, start: int) -> Sequence[Span]:
        return policy.spans(EXCHANGE, text, start)

    assert policy.automaton is not None, policy.unwatchable
    growing = GrowingText(look, policy.automaton)
    out = [piece for number, fragment in enumerate(fragments) for piece in growing.feed(Piece(number, fragment))]
    assert not growing.cut_short
    return "".join(piece.text for piece in [*out, *growing.finish()])


@pytest.mark.parametrize("written", DISGUISES.values(), ids=DISGUISES)
def test_a_value_in_disguise_is_redacted_wherever_the_text_is_cut(written: str) -> None:
    text = f"50% of R&D, \\path: Größe {written} and \\u00e9 привет \U0001f642\ufe0f tail"
    wanted = whole(PII, text)
    assert written not in wanted and "[EMAIL_REDACTED]" in wanted
    for at in range(len(text) + 1):
        assert grown(PII, (text[:at], text[at:])) == wanted, at
    for size in (1, 2, 3, 5, 7):
        assert grown(PII, [text[i : i + size] for i in range(0, len(text), size)]) == wanted, size


@pytest.mark.parametrize("written", ["Proj\u200bect Heron", "Prоjеct Heron", "Project%20Heron", "&#80;roject Heron"])
def test_so_is_a_term(written: str) -> None:
    text = f"about {written}, é"
    for at in range(len(text) + 1):
        assert grown(DLP, (text[:at], text[at:])) == "about [DLP_REDACTED], é", at


PARTS = [
    "joe",
    "%40",
    "@",
    "acme.io",
    " ",
    "\u200b",
    "о",
    "&#64;",
    "&",
    "#64;",
    "\\",
    "u0040",
    "%",
    "4",
    "0",
    "536-22-",
    "8471",
    "é",
    "x",
]


@settings(max_examples=400, deadline=None)
@given(st.lists(st.sampled_from(PARTS), max_size=16), st.lists(st.integers(0, 60), max_size=6))
def test_so_is_any_text_at_any_cuts(parts: list[str], cuts: list[int]) -> None:
    text = "".join(parts)
    places = sorted({min(at, len(text)) for at in cuts} | {0, len(text)})
    fragments = [text[a:b] for a, b in zip(places, [*places[1:], len(text)], strict=True)]
    assert grown(PII, fragments) == whole(PII, text)


def test_a_long_stream_with_escapes_keeps_nothing_of_what_is_settled() -> None:
    text = "see https://x.io/a%20b and \\u0041 &amp; ok. " * 300
    assert shadow(text, text) is not None
    assert grown(PII, [text[i : i + 9] for i in range(0, len(text), 9)]) == whole(PII, text) == text
