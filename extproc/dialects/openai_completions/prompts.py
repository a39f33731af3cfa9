"""A prompt, or what is to be embedded: one text, several, or tokens in place of each."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from extproc.dialects.openai_chat.members import wrong
from extproc.dialects.openai_chat.texts import KINDS, strings, words
from extproc.model import Text

_MODEL = frozenset({"model"})


def has_tokens(prompt: object, where: str) -> bool:
    """Whether any of it is tokens. Raises ClientError (422) for what is neither texts nor tokens."""
    if isinstance(prompt, str):
        return False
    if not isinstance(prompt, list) or not prompt:
        raise wrong(where, "a string, or a list of strings", prompt if prompt != [] else "")
    kinds = set(map(type, prompt))
    if kinds <= {str}:
        return False
    if kinds <= {int}:
        return True
    for place, each in enumerate(prompt):
        if not isinstance(each, str) and not _tokens(each):
            raise wrong(f"{where}[{place}]", "a string", each)
    return True


def texts(value: dict[str, Any], spoken: frozenset[str]) -> Iterator[Text]:
    """Every text of a request whose members of these names are what its user says."""
    for key, child in value.items():
        yield from words(key, (), key)
        if key in spoken:
            yield from _said(key, child)
        else:
            opaque, nested = (_MODEL if key == "model" else KINDS), isinstance(child, dict | list)
            yield from strings(child, (key,), key, opaque, numbers=nested)


def _said(key: str, value: object) -> Iterator[Text]:
    """The texts only: among tokens, which may be a hundred thousand, there are none."""
    if isinstance(value, str) and value:
        yield Text((key,), "user", value)
    for place, each in enumerate(value if isinstance(value, list) else ()):
        if isinstance(each, str) and each:
            yield Text((key, place), "user", each)


def _tokens(value: object) -> bool:
    return isinstance(value, list) and bool(value) and set(map(type, value)) <= {int}
