"""Continue 2.0, in VS Code and JetBrains, through OpenAI's SDK for JavaScript, and by itself for the rest."""

from __future__ import annotations

from typing import Any

from extproc.conformance.check import Ask, Check, Client, Pairs, Subject, once
from extproc.conformance.clients.chatting import Messages, calls_tools, hello, streams
from extproc.conformance.clients.shared import bearer, faults, get, post, stainless
from extproc.conformance.reading import completions, embeddings, listing

TITLE = "Continue"
_STOP = ["\n\n", "/src/", "#- coding: utf-8", "```", "\nfunction", "\nclass"]


def _headers(subject: Subject) -> Pairs:
    return (
        ("accept", "application/json"),
        ("user-agent", "OpenAI/JS 6.49.0"),
        *stainless("js", "6.49.0", "node", "v20.20.2"),
        bearer(subject.key),
        ("content-type", "application/json"),
        ("accept-encoding", "gzip, deflate"),
    )


def _by_itself(subject: Subject) -> Pairs:
    """Continue's own requests carry the key up to three times."""
    return (
        ("content-type", "application/json"),
        ("accept", "application/json"),
        bearer(subject.key),
        ("x-api-key", subject.key),
        ("api-key", subject.key),
    )


def _ask(subject: Subject, messages: Messages, **members: Any) -> Ask:
    body = {
        "messages": messages,
        "model": subject.model,
        "max_tokens": 256,
        "stream": True,
        "stream_options": {"include_usage": True},
        **members,
    }
    return post("/v1/chat/completions", _headers(subject), body)


def _autocomplete(subject: Subject) -> Ask:
    body = {
        "model": subject.model,
        "max_tokens": 64,
        "temperature": 0.01,
        "stream": True,
        "stop": _STOP,
        "prompt": "def hello():\n    ",
        "suffix": "\n\nhello()\n",
    }
    return post("/v1/completions", _by_itself(subject), body)


def _embed(subject: Subject) -> Ask:
    body = {"input": ["one chunk of code", "another"], "model": subject.embedding}
    return post("/v1/embeddings", _by_itself(subject), body)


CLIENT = Client(
    "continue",
    TITLE,
    "openai",
    "read: packages/openai-adapters and core of Continue 2.0",
    (
        Check(
            "models",
            once(lambda subject: get("/v1/models", _headers(subject)), listing.models("openai")),
            "a model that is set to AUTODETECT finds none",
            "answer GET /v1/models with OpenAI's list",
        ),
        streams(TITLE, _ask, usage=True),
        calls_tools(TITLE, _ask, streams=True),
        Check(
            "autocomplete",
            once(_autocomplete, completions.pieces()),
            "nothing is suggested while somebody types",
            "serve POST /v1/completions with prompt and suffix, by a model that completes",
        ),
        Check(
            "embeddings",
            once(_embed, embeddings.vectors(2)),
            "the code base cannot be indexed",
            "serve POST /v1/embeddings with a list of inputs",
            needs_embedding=True,
        ),
        *faults(TITLE, "openai", hello(_ask)),
    ),
)
