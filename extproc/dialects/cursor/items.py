"""The conversation: Responses' items, or messages with what Cursor mixes into them, as a chat's messages."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from extproc.dialects.cursor.parts import content, texts
from extproc.dialects.cursor.refusal import only, refused, wrong

Json = dict[str, Any]

_ROLES = ("system", "developer", "user", "assistant")
_MESSAGE = frozenset({"type", "role", "content", "id", "status", "name", "phase"})
_CALL = frozenset({"type", "id", "call_id", "name", "arguments", "status"})
_CUSTOM_CALL = frozenset({"type", "id", "call_id", "name", "input", "status"})
_OUTPUT = frozenset({"type", "id", "call_id", "output", "status"})


def messages(value: Json, *, is_chat: bool) -> list[Json]:
    """All messages, the instructions first. Raises ClientError, which names what it cannot translate."""
    listed, name = (value["messages"], "messages") if is_chat else (value.get("input"), "input")
    if isinstance(listed, str) and not is_chat:
        listed = [{"role": "user", "content": listed}]
    if not isinstance(listed, list) or not listed:
        raise wrong(name, "a list of messages" if is_chat else "a string or a list of items", listed)
    found = [*_instructing(value)]
    for at, item in enumerate(listed):
        where = f"{name}[{at}]"
        if not isinstance(item, dict):
            raise wrong(where, "an object", item)
        if is_chat:
            found += _message(item, where)
            continue
        for made in _item(item, where):
            _add(found, made)
    return found


def _instructing(value: Json) -> Iterator[Json]:
    """What stands beside the conversation: Responses' `instructions`, Anthropic's `system`."""
    for name in ("instructions", "system"):
        said = value.get(name)
        if isinstance(said, list):
            said = content(said, name, strict=True, wordless=False)
        elif not isinstance(said, str | None):
            raise wrong(name, "a string", said)
        if said:
            yield {"role": "system", "content": said}


def _add(found: list[Json], made: Json) -> None:
    """Calls belong to the assistant's message before them, and to one message where they are made together."""
    last = found[-1] if found else {}
    joins = bool(made.get("tool_calls")) and made.get("content") is None and last.get("role") == "assistant"
    if joins and isinstance(last.get("tool_calls"), list):
        last["tool_calls"] += made["tool_calls"]  # in place: a copy for each call would be quadratic
    elif joins and not last.get("tool_calls"):
        last["tool_calls"] = made["tool_calls"]
    else:
        found.append(made)


def _item(item: Json, where: str) -> Iterator[Json]:
    """Items of Responses; a message may not say that it is one."""
    kind = item.get("type") or ("message" if "role" in item else None)
    match kind:
        case "message":
            yield from _said(item, where)
        case "function_call":
            only(where, item, _CALL)
            function = {"name": _string(item, where, "name"), "arguments": _string(item, where, "arguments")}
            yield _calling({"id": _string(item, where, "call_id"), "type": "function", "function": function})
        case "custom_tool_call":
            only(where, item, _CUSTOM_CALL)
            custom = {"name": _string(item, where, "name"), "input": _string(item, where, "input")}
            yield _calling({"id": _string(item, where, "call_id"), "type": "custom", "custom": custom})
        case "function_call_output" | "custom_tool_call_output":
            only(where, item, _OUTPUT)
            yield _gave(_string(item, where, "call_id"), texts(item.get("output"), f"{where}.output"))
        case "reasoning":
            return  # encrypted, for the model that thought it; a chat cannot take it back
        case _:
            raise refused(f"{where}.type", f"{json.dumps(kind)[:40]} is no item of a chat")


def _said(item: Json, where: str) -> Iterator[Json]:
    if item.get("role") == "tool" or "tool_calls" in item:  # a chat's message among items
        yield from _message({key: child for key, child in item.items() if key != "type"}, where)
        return
    only(where, item, _MESSAGE)
    if item.get("role") not in _ROLES:
        raise refused(f"{where}.role", "a message is the system's, the developer's, the user's or the assistant's")
    name = {"name": item["name"]} if item.get("name") is not None else {}
    for said in _split(item, where, strict=True):
        yield {**said, **name}


def _message(message: Json, where: str) -> Iterator[Json]:
    """A chat's message; where its content is a string, or parts that chats have, it passes as it is."""
    if not isinstance(message.get("content"), list):
        yield message
        return
    split = list(_split(message, where, strict=False))
    rest = {key: child for key, child in message.items() if key not in ("role", "content")}
    yield from ({**made, **rest} if made.get("role") == message.get("role") else made for made in split)


def _split(item: Json, where: str, *, strict: bool) -> Iterator[Json]:
    """One message, or several: in Anthropic's shape, what tools gave stands among what the user says."""
    parts, role = item.get("content"), item.get("role")
    if isinstance(parts, str):
        yield {"role": role, "content": parts}
        return
    if not isinstance(parts, list):
        raise wrong(f"{where}.content", "a string or a list of parts", parts)
    if None in parts:
        raise wrong(f"{where}.content[{parts.index(None)}]", "an object", None)
    calls = [_use(each, at) for at, each in _of("tool_use", parts, where)]
    yield from (_result(each, at) for at, each in _of("tool_result", parts, where))
    rest = [each if not _is(each, "tool_use", "tool_result") else None for each in parts]
    said = content(rest, f"{where}.content", strict=strict, wordless=not strict or role == "user")
    if calls:
        yield {"role": role, "content": said or None, "tool_calls": calls}
    elif said or not any(_is(each, "tool_result") for each in parts):
        yield {"role": role, "content": said}


def _of(kind: str, parts: list[Any], where: str) -> Iterator[tuple[str, Json]]:
    return ((f"{where}.content[{at}]", each) for at, each in enumerate(parts) if _is(each, kind))


def _is(value: object, *kinds: str) -> bool:
    return isinstance(value, dict) and value.get("type") in kinds


def _use(value: Json, where: str) -> Json:
    function = {"name": _string(value, where, "name"), "arguments": json.dumps(value.get("input") or {})}
    return {"id": _string(value, where, "id"), "type": "function", "function": function}


def _result(value: Json, where: str) -> Json:
    given = value.get("content")
    return _gave(_string(value, where, "tool_use_id"), texts("" if given is None else given, f"{where}.content"))


def _calling(call: Json) -> Json:
    return {"role": "assistant", "content": None, "tool_calls": [call]}


def _gave(call: str, said: object) -> Json:
    return {"role": "tool", "tool_call_id": call, "content": said}


def _string(value: Json, where: str, key: str) -> str:
    found = value.get(key)
    if not isinstance(found, str):
        raise wrong(f"{where}.{key}", "a string", found)
    return found
