"""OpenAI's SDK for Python: what programs, and many tools under their own names, send."""

from __future__ import annotations

from typing import Any
from urllib.parse import quote

from extproc.conformance.check import Ask, Check, Client, Pairs, Subject, once
from extproc.conformance.clients.chatting import Messages, calls_tools, hello, replies, says, streams
from extproc.conformance.clients.shared import HELLO, bearer, faults, get, post, stainless
from extproc.conformance.reading import chat, embeddings, listing, responses

TITLE = "OpenAI's SDK"
_METADATA = {"conformance": "kt"}


def _headers(subject: Subject) -> Pairs:
    return (
        ("accept-encoding", "gzip, deflate"),
        bearer(subject.key),
        ("accept", "application/json"),
        ("content-type", "application/json"),
        ("user-agent", "OpenAI/Python 3.54.0"),
        *stainless("python", "3.54.0", "CPython", "3.11.7"),
        ("x-stainless-async", "false"),
        ("x-stainless-read-timeout", "600"),
    )


def _ask(subject: Subject, messages: Messages, **members: Any) -> Ask:
    return post("/v1/chat/completions", _headers(subject), {"messages": messages, "model": subject.model, **members})


def _streamed(subject: Subject, messages: Messages, **members: Any) -> Ask:
    return _ask(subject, messages, stream=True, stream_options={"include_usage": True}, **members)


def _respond(subject: Subject, **members: Any) -> Ask:
    body = {"input": HELLO, "model": subject.model, "store": False, "metadata": _METADATA, **members}
    return post("/v1/responses", _headers(subject), body)


def _unknown_members(subject: Subject) -> Ask:
    return _ask(subject, says(HELLO), user="conformance", metadata=_METADATA, prompt_cache_key="conformance")


def _embed(subject: Subject) -> Ask:
    body = {"input": HELLO, "model": subject.embedding, "encoding_format": "base64"}
    return post("/v1/embeddings", _headers(subject), body)


CLIENT = Client(
    "openai",
    TITLE,
    "openai",
    "recorded: openai 3.54.0 for Python",
    (
        Check(
            "models",
            once(lambda subject: get("/v1/models", _headers(subject)), listing.models("openai")),
            "client.models.list() raises, and tools that offer models to choose from offer none",
            "answer GET /v1/models with OpenAI's list",
        ),
        Check(
            "model",
            once(lambda s: get(f"/v1/models/{quote(s.model)}", _headers(s)), listing.model("openai")),
            "client.models.retrieve() raises, by which some tools test a key",
            "answer GET /v1/models/{id}",
        ),
        replies(TITLE, _ask, "raises, or returns a completion with missing members"),
        streams(TITLE, _streamed, usage=True),
        calls_tools(TITLE, _ask, streams=False),
        Check(
            "extras",
            once(_unknown_members, chat.reply()),
            "programs that send a newer member than the gateway knows get a 400",
            "pass members that the gateway does not know as they are",
        ),
        Check(
            "responses",
            once(_respond, responses.response(metadata=_METADATA)),
            "client.responses.create() raises, the SDK's main call since 2025",
            "serve POST /v1/responses, its metadata unchanged",
        ),
        Check(
            "responses-stream",
            once(lambda subject: _respond(subject, stream=True), responses.typed_events()),
            "client.responses.stream() raises at its end, or never ends",
            "pass every event as it comes, response.completed last",
        ),
        Check(
            "embeddings",
            once(_embed, embeddings.vectors(1, coded=True)),
            "client.embeddings.create() raises: the SDK asks for Base64 and decodes it",
            "pass encoding_format on, and what comes back unchanged",
            needs_embedding=True,
        ),
        *faults(TITLE, "openai", hello(_ask)),
    ),
)
