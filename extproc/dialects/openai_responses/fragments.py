"""Where the texts stand in one event of a stream, and which text of the reply each of them belongs to.

What an event calls its `delta` goes on in the next event of that type and place; so may whatever else such an event
says. Every string of other events stands alone: those that end a text, its part, its item and the response say it once
more, and judged whole it becomes what its deltas became (docs/decisions/0006).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from extproc.dialects import UnreadableReply
from extproc.dialects.openai_chat.logprobs import LOGPROBS
from extproc.dialects.openai_chat.replies import number
from extproc.dialects.openai_chat.texts import opaque
from extproc.dialects.openai_responses.replies import of_response
from extproc.dialects.openai_responses.texts import OPAQUE, WORDLESS, Said, said, tokens
from extproc.dialects.texts import Form, Fragment

DELTA = "delta"
_CODED = frozenset({"response.audio.delta"})
_PLACES = ("output_index", "content_index", "summary_index", "command_index")


def place(value: Mapping[str, Any], kind: str) -> str:
    """The name of the text that an event is about, the same in its deltas and in the event that ends it."""
    stem = kind.rpartition(".")[0]
    return "/".join((stem, *(str(_index(value, name)) for name in _PLACES if value.get(name) is not None)))


def output_index(value: Mapping[str, Any]) -> int:
    """The item that an event is about; the first where it does not say."""
    return _index(value, "output_index") if value.get("output_index") is not None else 0


def of_event(value: Mapping[str, Any], kind: str, event: int) -> Iterator[Fragment]:
    """The texts of an event of this type, the stream's `event`th."""
    about = place(value, kind) if DELTA in value or kind.endswith(".delta") else ""
    for key, child in value.items():
        if key == DELTA:
            yield from _growing(child, about, kind)
        elif key == LOGPROBS and about:
            for path, text, _ in tokens(child, (key,)):
                form: Form = "whole" if str(path[-1]).endswith("/else") else "growing"
                yield Fragment((about, *path), path, text, form)
        elif key == "response" and isinstance(child, dict):
            yield from _alone(of_response(child, (key,)), event)
        else:
            found = said({key: child}, (), WORDLESS if isinstance(child, str) else OPAQUE)
            yield from _beside(found, about) if about else _alone(found, event)


def once_more(event: int) -> str:
    """The name of what the stream's `event`th event says of arguments: all of them, so they end with it."""
    return f"again/{event}"


def _growing(delta: object, about: str, kind: str) -> Iterator[Fragment]:
    form: Form = "json" if kind.endswith("_arguments.delta") else "growing"
    for path, text, _ in said({DELTA: delta}, (), OPAQUE):
        if not (kind in _CODED and opaque(DELTA, text, frozenset({DELTA}))):
            yield Fragment((about, *path), path, text, form)


def _beside(found: Iterator[Said], about: str) -> Iterator[Fragment]:
    """What stands beside a delta: clients may add it up, and some providers repeat a word in every event."""
    for path, text, _ in found:
        yield Fragment((about, *path), path, text, "brief")


def _alone(found: Iterator[Said], event: int) -> Iterator[Fragment]:
    for path, text, arguments in found:
        yield Fragment((once_more(event), *path), path, text, "json" if arguments else "whole")


def _index(value: Mapping[str, Any], name: str) -> int:
    index = number(value[name])
    if index is None:
        raise UnreadableReply(f"an event's {name} is no number")
    return index
