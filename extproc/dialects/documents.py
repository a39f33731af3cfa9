"""The documents of a request: pictures, files and sound among its parts, in the shapes of all APIs.

Nothing is decoded. What a part says of its type is believed, and its size follows from the length of the coded text.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

from extproc.model import Document

_WORDS = frozenset(
    {"text", "input_text", "output_text", "refusal", "summary_text", "reasoning", "thinking", "redacted_thinking",
     "tool_use", "server_tool_use", "mcp_tool_use", "function_call", "custom_tool_call"}
)  # fmt: skip
"""Parts that hold no documents. A text with a `media_type` is a source of Anthropic's, which is one."""

_CODED = frozenset({"data", "file_data", "b64_json", "partial_image_b64"})
"""Keys of coded content in parts of a type that is not known here."""

_ELSEWHERE = Document("", None)

_TYPES = {
    "csv": "text/csv",
    "docx": "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
    "gif": "image/gif",
    "htm": "text/html",
    "html": "text/html",
    "jpeg": "image/jpeg",
    "jpg": "image/jpeg",
    "json": "application/json",
    "md": "text/markdown",
    "pdf": "application/pdf",
    "png": "image/png",
    "pptx": "application/vnd.openxmlformats-officedocument.presentationml.presentation",
    "txt": "text/plain",
    "webp": "image/webp",
    "xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
    "xml": "application/xml",
}
"""What a file is whose name alone tells (IANA's registry of media types)."""


def in_messages(messages: Sequence[object]) -> tuple[Document, ...]:
    """Every document of these messages; nearly all are plain strings, which take no walk."""
    lists = (each["content"] for each in messages if isinstance(each, dict) and isinstance(each.get("content"), list))
    return tuple(found for parts in lists for found in documents(parts))


def documents(value: object, key: str = "") -> Iterator[Document]:
    """Every document among these parts, and among the parts within them; `key` is what leads to them."""
    if isinstance(value, list):
        for each in value:
            yield from documents(each, key)
    elif isinstance(value, dict):
        said = value.get("type")
        kind = said if isinstance(said, str) else ""
        if kind in _WORDS and "media_type" not in value:
            return
        if kind in _PARTS:
            yield from _PARTS[kind](value)
        else:
            for name, child in value.items():
                yield from documents(child, name)
    elif isinstance(value, str) and value:
        if value.startswith("data:") and ";base64," in value[:256]:
            yield _linked(value)
        elif key in _CODED:
            yield Document("", _decoded(value))


def _picture(part: dict[str, Any]) -> Iterator[Document]:
    """An address, in an object in chats; or a file that the provider has."""
    link = part.get("image_url")
    link = link.get("url") if isinstance(link, dict) else link
    if isinstance(link, str):
        yield _linked(link)
    if part.get("file_id"):
        yield _ELSEWHERE


def _file(part: dict[str, Any]) -> Iterator[Document]:
    """In an object in chats; the data may lack the head of a link, and then its name tells what it is."""
    said = part.get("file")
    said = said if isinstance(said, dict) else part
    data, name = said.get("file_data"), said.get("filename")
    if isinstance(data, str) and data.startswith("data:"):
        yield _linked(data)
    elif isinstance(data, str):
        yield Document(_TYPES.get(str(name).rpartition(".")[2].lower(), ""), _decoded(data))
    if said.get("file_id") or said.get("file_url"):
        yield _ELSEWHERE


def _sound(part: dict[str, Any]) -> Iterator[Document]:
    said = part.get("input_audio")
    if isinstance(said, dict) and isinstance(said.get("data"), str):
        yield Document(f"audio/{said.get('format')}".lower(), _decoded(said["data"]))


def _sourced(part: dict[str, Any]) -> Iterator[Document]:
    """Anthropic's."""
    match part.get("source"):
        case {"type": "base64", "data": str(data), **rest}:
            yield Document(_essence(str(rest.get("media_type", ""))), _decoded(data))
        case {"type": "text", "data": str(data), **rest}:
            yield Document(_essence(str(rest.get("media_type", ""))), len(data.encode("utf-8", "replace")))
        case {"type": "content", "content": content}:
            yield from documents(content)
        case _:
            yield _ELSEWHERE


def _made(part: dict[str, Any]) -> Iterator[Document]:
    """A picture that the model has made before."""
    if isinstance(part.get("result"), str):
        yield Document("", _decoded(part["result"]))


def _uploaded(part: dict[str, Any]) -> Iterator[Document]:
    yield _ELSEWHERE


_PARTS: dict[str, Callable[[dict[str, Any]], Iterator[Document]]] = {
    "image_url": _picture,
    "input_image": _picture,
    "computer_screenshot": _picture,
    "file": _file,
    "input_file": _file,
    "input_audio": _sound,
    "image": _sourced,
    "document": _sourced,
    "image_generation_call": _made,
    "container_upload": _uploaded,
}


def _linked(link: str) -> Document:
    """What an address says of what it leads to: all of it in a data URL (RFC 2397), else nothing."""
    scheme, _, rest = link.partition(":")
    if scheme.lower() != "data":
        return _ELSEWHERE
    head, _, data = rest.partition(",")
    coded = head.lower().endswith(";base64")
    return Document(_essence(head) or "text/plain", _decoded(data) if coded else len(data.encode("utf-8", "replace")))


def _essence(kind: str) -> str:
    """A media type without its parameters."""
    return kind.partition(";")[0].strip().lower()


def _decoded(data: str) -> int:
    """How many bytes a Base64 text stands for; space in it counts as if it were some."""
    return len(data) * 3 // 4 - data[-2:].count("=")
