"""Which headers make a question another one."""

from __future__ import annotations

import pytest

from extproc.cache.headers import telling
from extproc.model import Headers

GONE = ("authorization", "cookie")
PYTHON: Headers = (
    (":method", "POST"), (":path", "/v1/chat/completions"), (":authority", "gateway.example"), (":scheme", "https"),
    ("authorization", "Bearer a"), ("user-agent", "OpenAI/Python 2.8.1"), ("x-stainless-lang", "python"),
    ("x-stainless-retry-count", "0"), ("accept", "application/json"), ("accept-encoding", "gzip, deflate"),
    ("content-type", "application/json"), ("content-length", "120"), ("connection", "keep-alive"),
    ("x-request-id", "1"), ("x-forwarded-for", "192.0.2.1"), ("x-forwarded-proto", "https"),
    ("x-envoy-external-address", "192.0.2.1"),
)  # fmt: skip
NODE: Headers = (
    (":method", "POST"), (":path", "/v1/chat/completions"), (":authority", "gateway.example"), (":scheme", "https"),
    ("authorization", "Bearer b"), ("user-agent", "OpenAI/JS 6.9.1"), ("x-stainless-lang", "js"), ("accept", "*/*"),
    ("accept-language", "*"), ("sec-fetch-mode", "cors"), ("content-type", "application/json; charset=UTF-8"),
    ("content-length", "121"), ("traceparent", "00-1-2-01"), ("x-request-id", "2"), ("x-real-ip", "192.0.2.2"),
)  # fmt: skip


def test_programs_that_ask_the_same_are_answered_alike() -> None:
    assert telling(PYTHON, GONE) == telling(NODE, GONE) == (b":authority", b"gateway.example")


@pytest.mark.parametrize(
    "header",
    [
        (":authority", "another.route.example"),
        ("openai-beta", "new"),
        ("openai-organization", "org-1"),
        ("anthropic-beta", "new"),
        ("x-portkey-config", "pc-evil"),
        ("idempotency-key", "an older question's"),
        ("accept-language", "fr"),
        ("content-type", "text/plain"),
        ("x-http-method-override", "GET"),
        ("range", "bytes=0-9"),
        ("if-none-match", "*"),
        ("x-forwarded-host", "elsewhere.example"),
        ("x-nobody-knows", ""),
    ],
)
def test_whatever_might_change_an_answer_counts(header: tuple[str, str]) -> None:
    assert set(telling((*PYTHON, header), GONE)) - set(telling(PYTHON, GONE)) >= {header[1].encode()}


def test_the_order_of_lines_does_not_count_and_repeats_do() -> None:
    a, b = ("x-one", "1"), ("x-two", "2")
    assert telling((a, b), ()) == telling((b, a), ()) != telling((a, b, b), ())
