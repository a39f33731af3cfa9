"""Anthropic's SDK for Python. Since 2.0.0 its key is a bearer token; before, it was in `x-api-key`."""

from __future__ import annotations

from typing import Any
from urllib.parse import quote

from extproc.conformance.check import Ask, Check, Client, Pairs, Subject, once
from extproc.conformance.clients.messaging import Turns, counts, hello, replies, says, streams, uses_tools
from extproc.conformance.clients.shared import HELLO, bearer, faults, get, post, stainless
from extproc.conformance.reading import listing, messages

TITLE = "Anthropic's SDK"
COUNT = "/v1/messages/count_tokens"


def _headers(subject: Subject) -> Pairs:
    return (bearer(subject.key), *_rest("2.13.0", "2026-10-21"))


def _older(subject: Subject) -> Pairs:
    return (("x-api-key", subject.key), *_rest("1.17.0", "2023-06-01"))


def _rest(package: str, version: str) -> Pairs:
    return (
        ("accept-encoding", "gzip, deflate"),
        ("x-stainless-timeout", "600"),
        ("accept", "application/json"),
        ("content-type", "application/json"),
        ("user-agent", f"Anthropic/Python {package}"),
        *stainless("python", package, "CPython", "3.11.7"),
        ("x-stainless-async", "false"),
        ("anthropic-version", version),
    )


def _ask(subject: Subject, turns: Turns, **members: Any) -> Ask:
    body = {"max_tokens": 256, "messages": turns, "model": subject.model, **members}
    return post("/v1/messages", _headers(subject), body)


def _streamed(subject: Subject, turns: Turns, **members: Any) -> Ask:
    return _ask(subject, turns, stream=True, **members)


def _count(subject: Subject) -> Ask:
    return post(COUNT, _headers(subject), {"messages": says(HELLO), "model": subject.model})


def _with_older_key(subject: Subject) -> Ask:
    body = {"max_tokens": 16, "messages": says(HELLO), "model": subject.model}
    return post("/v1/messages", _older(subject), body)


CLIENT = Client(
    "anthropic",
    TITLE,
    "anthropic",
    "recorded: anthropic 2.13.0 for Python; read: 1.17.0",
    (
        Check(
            "models",
            once(lambda subject: get("/v1/models", _headers(subject)), listing.models("anthropic")),
            "client.models.list() raises",
            "answer GET /v1/models in Anthropic's shape to whoever sends anthropic-version",
        ),
        Check(
            "model",
            once(lambda s: get(f"/v1/models/{quote(s.model)}", _headers(s)), listing.model("anthropic")),
            "client.models.retrieve() raises",
            "answer GET /v1/models/{id} in Anthropic's shape to whoever sends anthropic-version",
        ),
        Check(
            "key",
            once(_with_older_key, messages.message()),
            "programs with the SDK before 2.0.0 are refused",
            "accept the key in x-api-key as well as in authorization",
        ),
        replies(_ask, "client.messages.create() raises, or returns a message with missing members"),
        streams(_streamed, "client.messages.stream() raises at its end, or never ends"),
        uses_tools(TITLE, _streamed, streams=True),
        counts(COUNT, _count, "client.messages.count_tokens() raises"),
        *faults(TITLE, "anthropic", hello(_ask)),
    ),
)
