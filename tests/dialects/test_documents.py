"""The documents of a request, in the shapes of each API."""

from __future__ import annotations

from typing import Any

import orjson
import pytest

from extproc.dialects import anthropic_messages, cursor, openai_chat, openai_responses
from extproc.model import Document

FIVE = "aGVsbG8="
ELSEWHERE = Document("", None)


def url(mime: str) -> str:
    return f"data:{mime};base64,{FIVE}"


def found(dialect: Any, key: str, *parts: object, content: str = "content", **item: object) -> tuple[Document, ...]:
    said = [{"role": "user", "content": "hello"}, {**(item or {"role": "user"}), content: list(parts)}]
    read = dialect.read_request(orjson.dumps({"model": "m", "max_tokens": 5, key: said}))
    documents: tuple[Document, ...] = read.documents
    return documents


@pytest.mark.parametrize(
    ("part", "expected"),
    [({"type": "text", "text": url("image/png")}, ()),
     ({"type": "image_url", "image_url": {"url": url("image/png"), "detail": "low"}}, (Document("image/png", 5),)),
     ({"type": "image_url", "image_url": {"url": "https://example.com/a.png"}}, (ELSEWHERE,)),
     ({"type": "file", "file": {"filename": "a.pdf", "file_data": url("application/pdf")}}, (Document("application/pdf", 5),)),
     ({"type": "file", "file": {"filename": "a.pdf", "file_data": FIVE}}, (Document("application/pdf", 5),)),
     ({"type": "file", "file": {"file_id": "file-1"}}, (ELSEWHERE,)),
     ({"type": "input_audio", "input_audio": {"data": FIVE, "format": "mp3"}}, (Document("audio/mp3", 5),)),
     ({"type": "hologram", "hologram": {"data": FIVE}}, (Document("", 5),)),
     ({"type": "hologram", "at": url("model/gltf")}, (Document("model/gltf", 5),))],
)  # fmt: skip
def test_a_chats_parts(part: object, expected: tuple[Document, ...]) -> None:
    assert found(openai_chat, "messages", part) == expected


@pytest.mark.parametrize(
    ("part", "expected"),
    [({"type": "text", "text": url("image/png")}, ()),
     ({"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": FIVE}}, (Document("image/png", 5),)),
     ({"type": "document", "title": "x", "source": {"type": "base64", "media_type": "application/pdf", "data": FIVE}}, (Document("application/pdf", 5),)),
     ({"type": "document", "source": {"type": "text", "media_type": "text/plain", "data": "grün"}}, (Document("text/plain", 5),)),
     ({"type": "document", "source": {"type": "url", "url": "https://example.com/a.pdf"}}, (ELSEWHERE,)),
     ({"type": "image", "source": {"type": "file", "file_id": "file_1"}}, (ELSEWHERE,)),
     ({"type": "container_upload", "file_id": "file_1"}, (ELSEWHERE,)),
     ({"type": "tool_result", "tool_use_id": "t", "content": "data: a line of a stream"}, ()),
     ({"type": "tool_result", "tool_use_id": "t", "content": [{"type": "image", "source": {"type": "base64", "media_type": "image/webp", "data": FIVE}}]}, (Document("image/webp", 5),)),
     ({"type": "document", "source": {"type": "content", "content": [{"type": "image", "source": {"type": "base64", "media_type": "image/gif", "data": FIVE}}]}}, (Document("image/gif", 5),)),
     ({"type": "tool_use", "id": "t", "name": "put", "input": {"data": "no document"}}, ())],
)  # fmt: skip
def test_blocks_of_the_messages_api(part: object, expected: tuple[Document, ...]) -> None:
    assert found(anthropic_messages, "messages", part) == expected


@pytest.mark.parametrize(
    ("part", "expected"),
    [({"type": "input_text", "text": url("image/png")}, ()),
     ({"type": "input_image", "image_url": url("image/png")}, (Document("image/png", 5),)),
     ({"type": "input_image", "file_id": "file-1"}, (ELSEWHERE,)),
     ({"type": "input_file", "filename": "notes.md", "file_data": FIVE}, (Document("text/markdown", 5),)),
     ({"type": "input_file", "file_url": "https://example.com/a.pdf"}, (ELSEWHERE,)),
     ({"type": "input_file", "file_id": "file-1"}, (ELSEWHERE,))],
)  # fmt: skip
def test_parts_of_responses_and_of_what_tools_gave(part: object, expected: tuple[Document, ...]) -> None:
    assert found(openai_responses, "input", part) == expected
    given = {"type": "function_call_output", "call_id": "c"}
    assert found(openai_responses, "input", part, content="output", **given) == expected


def test_items_of_responses_that_are_pictures() -> None:
    shot = {"type": "computer_screenshot", "image_url": url("image/png")}
    items = [
        {"type": "computer_call_output", "call_id": "c", "output": shot},
        {"type": "image_generation_call", "id": "ig_1", "status": "completed", "result": FIVE},
    ]
    read = openai_responses.read_request(orjson.dumps({"model": "m", "input": items}))
    assert read.documents == (Document("image/png", 5), Document("", 5))


def test_a_chat_that_cursor_sends_in_another_shape() -> None:
    said = [{"role": "user", "content": [{"type": "input_image", "image_url": url("image/png")}]}]
    body = cursor.as_chat(orjson.dumps({"model": "m", "input": said}), max_depth=64)
    assert openai_chat.read_request(body).documents == (Document("image/png", 5),)


@pytest.mark.parametrize(
    ("link", "expected"),
    [("data:,plain", Document("text/plain", 5)), ("data:text/csv;charset=utf-8,a%2Cb", Document("text/csv", 5)),
     ("DATA:Image/PNG;BASE64,aGk=", Document("image/png", 2)), ("data:image/png;base64,", Document("image/png", 0)),
     ("data:image/png;base64,aGVsbG8", Document("image/png", 5)), ("ftp://example.com/a", ELSEWHERE)],
)  # fmt: skip
def test_a_link_says_what_it_leads_to_only_where_it_holds_it(link: str, expected: Document) -> None:
    assert found(openai_chat, "messages", {"type": "image_url", "image_url": {"url": link}}) == (expected,)
