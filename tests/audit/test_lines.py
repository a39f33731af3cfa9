"""What people read of an event, and what no client can make them read."""

from __future__ import annotations

import shlex

import pytest
from hypothesis import given
from hypothesis import strategies as st

from extproc.audit.lines import LONGEST, details, line, quoted, row, visible, word

EVENT: dict[str, object] = {
    "id": "evt_1", "request_id": "r1", "at": 1764025200.123, "decision": "allowed", "verdict": "allow", "status": 200,
    "user": "ana", "team": "payments", "key_id": "tok_1", "model": "gpt-4o", "response_model": "gpt-4o-2024-08-06",
    "policy": "", "reason": "", "duration_ms": 14, "input_tokens": 10, "output_tokens": 2, "cost_usd": 0.000045,
    "cache_hit": False, "cache": "miss", "cache_reason": "no_match", "estimated_avoided_cost": 0.0, "stream": True,
    "decisions": [
        {"policy": "pii-detector", "stage": "input", "verdict": "redact", "reason": "pii.email", "duration_us": 1250, "enforced": True, "redactions": [["email", 2]]},
        {"policy": "dlp-filter", "stage": "output", "verdict": "block", "reason": "dlp.term", "duration_us": 250, "enforced": False, "redactions": []},
    ],
    "attempts": [
        {"target": "a", "status": 503, "duration_ms": 2, "flags": "UF"},
        {"target": "b", "status": 200, "duration_ms": 9, "flags": "-"},
    ],
    "method": "POST", "path": "/v1/chat/completions", "client": "127.0.0.1", "source": "curl/8", "details": "via_upstream",
    "config": "c0ffee", "trace_id": "0af7651916cd43dd8448eb211c80319c", "span_id": "b7ad6b7169203331",
}  # fmt: skip


def told(**changes: object) -> str:
    return line({**EVENT, **changes})


def test_a_line_says_time_verdict_model_who_and_how_much() -> None:
    assert (
        told(decisions=[]) == "2025-11-24T23:00:00.123Z ALLOW    gpt-4o user=ana tokens=12 cost=$0.000045 latency=14ms"
    )


def test_a_line_ends_in_the_policy_and_its_reason() -> None:
    blocked = told(decision="blocked", verdict="block", policy="prompt-injection", reason="override attempt")
    assert " BLOCK    " in blocked
    assert blocked.endswith('latency=14ms policy=prompt-injection reason="override attempt"')
    assert told(verdict="redact").endswith('latency=14ms policy=pii-detector reason="pii.email"')
    assert told(verdict="refuse", policy="", reason="invalid_api_key").endswith('latency=14ms reason="invalid_api_key"')


def test_a_line_ends_in_a_hit() -> None:
    assert told(decisions=[], cache_hit=True, cost_usd=0.0).endswith("cost=$0.000000 latency=14ms cache=hit")


def test_what_nobody_scanned_says_so_and_how_much_it_was() -> None:
    unread = {**EVENT, "unscanned": "files", "bytes_in": 67108864, "bytes_out": 10, "model": ""}
    assert line(unread).endswith("unscanned=files")
    assert "unscanned files, 67108864 bytes in, 10 out" in details(unread).splitlines()


def test_what_is_not_known_is_a_dash() -> None:
    bare = line({"decision": "refused_by_envoy"})
    assert bare == "- REFUSE   - user=- tokens=- cost=- latency=-"
    assert "tokens=-" in told(output_tokens=None)


def test_a_row_has_the_id_that_show_takes() -> None:
    assert row(EVENT).startswith("2025-11-24T23:00:00.123Z evt_1 ALLOW    gpt-4o user=ana ")


def test_all_about_an_event() -> None:
    assert details(EVENT).splitlines() == [
        "event     evt_1",
        "request   r1",
        "time      2025-11-24T23:00:00.123Z",
        "verdict   ALLOW (allowed), status 200",
        "who       user ana, team payments, key tok_1",
        'from      127.0.0.1, "curl/8"',
        "asked     POST /v1/chat/completions",
        "model     gpt-4o, answered by gpt-4o-2024-08-06, streamed",
        "tokens    10 in, 2 out",
        "cost      $0.000045",
        'cache     miss "no_match"',
        'policies  input  pii-detector redact "pii.email" 1.250ms [email ×2]',
        'policies  output dlp-filter block (shadow) "dlp.term" 0.250ms',
        "upstream  a status 503 2ms UF",
        "upstream  b status 200 9ms",
        "latency   14ms total, 11ms upstream, 3ms gateway, 1.500ms of it policies",
        "envoy     via_upstream",
        "config    c0ffee",
        "trace     0af7651916cd43dd8448eb211c80319c span b7ad6b7169203331",
    ]


def test_an_event_without_anything_is_shown_too() -> None:
    assert "verdict   ERROR (-), status -" in details({}).splitlines()


HOSTILE = (
    "\x1b[2J",
    "\x1b]0;owned\x07",
    "a\nb",
    "a\r",
    "\x00",
    "\x7f",
    "\x9b31m",
    "\u202e",
    "\u2028",
    "\u200b",
    "\ud800",
    "\U000e0041",
)


@pytest.mark.parametrize("text", HOSTILE)
@pytest.mark.parametrize(
    "field", ["model", "user", "policy", "reason", "source", "path", "cache_reason", "response_model"]
)
def test_no_client_moves_the_cursor_or_ends_a_line(field: str, text: str) -> None:
    event = {**EVENT, field: f"x{text}y"}
    for shown in (line(event), row(event), *details(event).split("\n")):
        assert shown.isprintable()
    assert len(details(event).split("\n")) == len(details({**EVENT, field: "x"}).split("\n"))


@given(st.text())
def test_every_value_is_one_word_of_the_line_and_prints(text: str) -> None:
    assert len(shlex.split(word(text))) == 1
    assert word(text).isprintable() and quoted(text).isprintable() and visible(text).isprintable()


@given(st.text(st.characters(exclude_categories=["C", "Zl", "Zp", "Zs"], include_characters=" "), max_size=LONGEST))
def test_what_prints_can_be_read_back(text: str) -> None:
    assert shlex.split(quoted(text)) == [text]


def test_a_model_cannot_pretend_to_be_a_user() -> None:
    forged = told(model="gpt-4o user=root tokens=0")
    assert 'ALLOW    "gpt-4o user=root tokens=0" user=ana' in forged


def test_a_very_long_value_is_cut() -> None:
    assert len(told(model="x" * 10_000, user="y" * 10_000)) < 2 * LONGEST + 200
