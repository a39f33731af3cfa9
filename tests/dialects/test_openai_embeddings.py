"""Embeddings: texts in, numbers out."""

from __future__ import annotations

import base64
import json
from dataclasses import replace

import pytest

from extproc.dialects import UnreadableReply, sse
from extproc.dialects.openai_embeddings import (
    NoStream,
    assemble,
    essence,
    read_request,
    read_response,
    replay,
    stream,
    uncacheable,
    unstorable,
    write,
)
from extproc.model import ClientError, Usage

CODED = base64.b64encode(bytes(range(16))).decode()


def ask(**members: object) -> bytes:
    return json.dumps({"model": "m", "input": "hi", **members}).encode()


def reply(*embeddings: object, **more: object) -> bytes:
    data = [{"object": "embedding", "index": n, "embedding": each} for n, each in enumerate(embeddings)]
    usage = {"prompt_tokens": 3, "total_tokens": 3}
    return json.dumps({"object": "list", "data": data, "model": "m", "usage": usage, **more}).encode()


def test_each_input_is_a_text_that_can_be_edited() -> None:
    body = ask(input=["one", "two"], dimensions=8, encoding_format="base64", user="ana")
    read = read_request(body)
    assert [(t.path, t.value) for t in read.texts if t.path[0] == "input"] == [
        (("input", 0), "one"),
        (("input", 1), "two"),
    ]
    assert "ana" in {text.value for text in read.texts} and (read.stream, read.unread) == (False, "")
    after = tuple(replace(text, value="?") if text.value == "two" else text for text in read.texts)
    assert write(body, read.texts, after) == body.replace(b'"two"', b'"?"')


@pytest.mark.parametrize("tokens", [[1], [[1, 2], [3]], ["x", [1]]])
def test_tokens_in_place_of_text_are_told(tokens: object) -> None:
    assert read_request(ask(input=tokens)).unread == "input"


@pytest.mark.parametrize(
    ("body", "says"),
    [
        (b"{", "not JSON"),
        (ask(model=1), "model: expected a string"),
        (ask(input=None), "input: expected a string, or a list of strings, found null"),
        (ask(input=[]), "input: expected"),
        (ask(input=[{"text": "x"}]), r"input\[0\]: expected a string, found dict"),
    ],
)
def test_a_body_that_asks_for_no_embedding_is_refused_by_name(body: bytes, says: str) -> None:
    with pytest.raises(ClientError, match=says):
        read_request(body)


def test_numbers_and_their_base64_are_no_texts() -> None:
    found = read_response(reply([0.1, -2, 3e-9], CODED))
    assert found.texts == ()
    assert (found.model, found.usage, found.finish_reasons) == ("m", Usage(3, 0, None, None), ())


@pytest.mark.parametrize(
    "hidden", ["ana@example.com", "call 030 123", [1, "ACME-123456"], {"a": "ACME-123456"}, "ACME-1"]
)
def test_what_stands_in_place_of_numbers_is_text(hidden: object) -> None:
    said = hidden[1] if isinstance(hidden, list) else hidden["a"] if isinstance(hidden, dict) else hidden
    assert said in {text.value for text in read_response(reply(hidden)).texts}


def test_what_a_provider_says_beside_the_numbers_is_text() -> None:
    assert {text.value for text in read_response(reply([1], note="one", warnings=["two"])).texts} >= {"one", "two"}


@pytest.mark.parametrize("body", [b"", b"[]", b"{}", b'{"data":{}}', b'{"data":[1]}', b'{"data":[],"data":[]}'])
def test_anything_else_is_unreadable(body: bytes) -> None:
    with pytest.raises(UnreadableReply):
        read_response(body)


def test_of_a_stream_nothing_passes() -> None:
    (event,) = sse.Framer().feed(b"data: {}\n\n")
    reader = stream()
    with pytest.raises(UnreadableReply):
        reader.read(event)
    with pytest.raises(UnreadableReply):
        assemble(event.raw)
    assert isinstance(reader, NoStream) and b"upstream_error" in reader.failed("no", "code")


def test_the_answer_does_not_depend_on_who_asks_but_on_all_else() -> None:
    body = {"model": "m", "input": ["x"], "encoding_format": "base64", "dimensions": 8}
    assert essence({**body, "user": "ana"}) == body and uncacheable(body) == ""
    assert replay(reply([1]), wants_usage=True) == reply([1])


@pytest.mark.parametrize(
    ("value", "why"), [(reply([1.5]), ""), (reply(CODED), ""), (reply(), "no_answer"), (reply([]), "no_answer"), (b'{"error":{}}', "no_answer")]
)  # fmt: skip
def test_only_embeddings_are_kept(value: bytes, why: str) -> None:
    assert unstorable(json.loads(value)) == why
