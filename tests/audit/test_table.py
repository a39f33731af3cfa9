"""CSV that every reader of RFC 4180 understands and no spreadsheet executes."""

from __future__ import annotations

import csv
import io

import pytest
from hypothesis import given
from hypothesis import strategies as st

from extproc.audit.table import COLUMNS, cells, header


def read(text: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(text, newline=""), strict=True))


def cell(name: str, value: object) -> str:
    (row,) = read(header() + cells({name: value}))
    return row[name]


def test_rows_end_in_cr_lf_and_have_a_cell_for_each_column() -> None:
    assert header() == ",".join(COLUMNS) + "\r\n"
    assert cells({}).endswith("\r\n") and len(next(csv.reader([cells({})]))) == len(COLUMNS)


@pytest.mark.parametrize(
    ("name", "value", "text"),
    [
        ("status", 200, "200"),
        ("cost_usd", 1.4e-05, "0.000014"),
        ("cost_usd", None, ""),
        ("cache_hit", False, "false"),
        ("stream", True, "true"),
        ("user", 'Ana "A", of\nPayments', 'Ana "A", of\\nPayments'),
        ("source", "\x1b[2J", "\\x1b[2J"),
    ],
)
def test_a_cell_is_the_value_as_text(name: str, value: object, text: str) -> None:
    assert cell(name, value) == text


@pytest.mark.parametrize("start", ["=", "+", "-", "@", "\t=", "\r=", " =", "＝", "＋", "－", "＠"])
def test_no_text_of_a_client_is_a_formula(start: str) -> None:
    assert cell("model", f"{start}cmd|' /C calc'!A0")[0] in "'\\"


@given(st.text())
def test_whatever_a_client_sends_is_one_cell_that_begins_harmlessly(text: str) -> None:
    found = cell("source", text)
    assert found.isprintable()
    assert not found.lstrip().startswith(("=", "+", "-", "@"))


def test_an_older_event_has_its_verdict() -> None:
    assert cell("decision", "blocked") == "blocked"
    assert read(header() + cells({"decision": "blocked"}))[0]["verdict"] == "block"
