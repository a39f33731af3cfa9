"""Markings of whole documents: how secret they say they are, and that looking costs little whatever the text."""

from __future__ import annotations

import orjson
import pytest
from measure import cpu_seconds

from extproc.detect.markings import LEVELS, Level, above
from extproc.detect.patterns import Scanner


def level(text: str) -> str:
    """The lowest level above which nothing is marked."""
    return next(each for each in LEVELS if not Scanner(above(each)).find(text))


@pytest.mark.parametrize(
    ("text", "expected"),
    [("a memo", "public"), ("Public\n", "public"), ("INTERNAL\na memo", "internal"), ("TLP:GREEN\nhosts", "internal"),
     ("Sensitivity: Internal\n", "internal"), ("// CONFIDENTIAL\n", "confidential"), ("TLP:AMBER\nhosts", "confidential"),
     ("**Classification:** Highly Confidential\n", "confidential"), ("| Data classification: restricted |", "restricted"),
     ("TLP:AMBER+STRICT\nhosts", "restricted"), ("SECRET//NOFORN\n", "restricted"), ("For your eyes only.", "restricted"),
     ("INTERNAL\nTOP SECRET\n", "restricted"), ("the word SECRET in a sentence", "public"), ("classification: mammals", "public")],
)  # fmt: skip
def test_a_text_is_as_secret_as_it_is_marked(text: str, expected: Level) -> None:
    assert level(text) == expected


@pytest.mark.parametrize(
    "piece",
    ["# CONFIDENTIAL\n", "classification: ", "\nsensitivity label = ", "STRICTLY ", "internal use ", "\n**", "#\t", '["', "TLP:"],
)  # fmt: skip
def test_looking_whether_there_is_any_costs_little_in_any_text(piece: str) -> None:
    scanner, text = Scanner(above("public")), piece * (50_000 // len(piece))
    body = orjson.dumps({"content": text})
    parsing = min(cpu_seconds(lambda: orjson.loads(body)) for _ in range(20))
    assert min(cpu_seconds(lambda: scanner.find(text, most=1)) for _ in range(10)) < 50 * parsing + 0.0005
