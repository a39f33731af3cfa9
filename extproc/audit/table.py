"""Events as a table: CSV by RFC 4180, one row an event. Pure."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping, Sequence

from extproc.audit.filters import verdict
from extproc.audit.lines import visible

COLUMNS = (
    "timestamp", "id", "request_id", "verdict", "decision", "policy", "reason", "user", "team", "key_id", "model",
    "response_model", "provider", "status", "stream", "input_tokens", "output_tokens", "cost_usd", "cache_hit", "cache",
    "cache_reason", "estimated_avoided_cost", "duration_ms", "method", "path", "client", "source", "trace_id",
    "unscanned", "bytes_in", "bytes_out",
)  # fmt: skip
"""Fields of an event that fit into a cell."""

_FORMULA = ("=", "+", "-", "@", "＝", "＋", "－", "＠")


def header() -> str:
    """The first row."""
    return _row(COLUMNS)


def cells(event: Mapping[str, object]) -> str:
    """An event's row."""
    whole = {**event, "verdict": verdict(event)}
    return _row([_cell(whole.get(name)) for name in COLUMNS])


def _cell(value: object) -> object:
    """Numbers as they are; text so that no spreadsheet takes it for a formula (OWASP, CSV Injection)."""
    match value:
        case None:
            return ""
        case bool():
            return "true" if value else "false"
        case float():
            return f"{value:.6f}"
        case int():
            return value
        case _:
            text = visible(value)
            return f"'{text}" if text.lstrip().startswith(_FORMULA) else text


def _row(values: Sequence[object]) -> str:
    out = io.StringIO()
    csv.writer(out, lineterminator="\r\n").writerow(values)
    return out.getvalue()
