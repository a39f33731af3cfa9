"""Tools and the choice among them: flat as Responses have them, nested as chats do, or Anthropic's."""

from __future__ import annotations

from typing import Any

from extproc.dialects.cursor.refusal import only, refused, wrong

Json = dict[str, Any]

_FUNCTION = frozenset({"name", "description", "parameters", "strict"})
_ANTHROPIC = frozenset({"type", "name", "description", "input_schema", "cache_control"})
_CUSTOM = frozenset({"type", "name", "description", "format"})
_KINDS = ("function", "custom")


def tools(value: object) -> list[Json]:
    """Every tool, nested. Raises ClientError for those that a provider runs, such as a search of the web."""
    if not isinstance(value, list):
        raise wrong("tools", "a list", value)
    return [_tool(each, f"tools[{index}]") for index, each in enumerate(value)]


def choice(value: object) -> object:
    """Which tool must, may or must not be called."""
    if isinstance(value, str):
        return "required" if value == "any" else value
    if not isinstance(value, dict):
        raise wrong("tool_choice", "a string or an object", value)
    match value.get("type"):
        case "auto" | "none" as kind:
            return kind
        case "any":
            return "required"
        case "tool":
            return _named("function", value.get("name"), "tool_choice.name")
        case "allowed_tools" if "allowed_tools" not in value:
            return {"type": "allowed_tools", "allowed_tools": _allowed(value)}
        case "allowed_tools":
            return value
        case kind if kind in _KINDS:
            return value if isinstance(value.get(kind), dict) else _named(kind, value.get("name"), "tool_choice.name")
        case _:
            raise refused("tool_choice.type", "it names no tool that chat completions have")


def _allowed(value: Json) -> Json:
    only("tool_choice", value, frozenset({"type", "mode", "tools"}))
    listed = value.get("tools")
    if not isinstance(listed, list):
        raise wrong("tool_choice.tools", "a list", listed)
    return {"mode": value.get("mode", "auto"), "tools": [_reference(each, at) for at, each in enumerate(listed)]}


def _reference(value: object, at: int) -> Json:
    where = f"tool_choice.tools[{at}]"
    if not isinstance(value, dict) or value.get("type") not in _KINDS:
        raise refused(f"{where}.type", "it names no tool that chat completions have")
    kind: str = value["type"]
    return value if isinstance(value.get(kind), dict) else _named(kind, value.get("name"), f"{where}.name")


def _named(kind: str, name: object, where: str) -> Json:
    if not isinstance(name, str):
        raise wrong(where, "a string", name)
    return {"type": kind, kind: {"name": name}}


def _tool(value: object, where: str) -> Json:
    if not isinstance(value, dict):
        raise wrong(where, "an object", value)
    kind = value.get("type")
    if isinstance(kind, str) and isinstance(value.get(kind), dict) and kind in _KINDS:
        return value
    if not isinstance(value.get("name"), str):
        raise refused(f"{where}.type", "only functions and custom tools can be offered")
    if "input_schema" in value and (kind is None or kind in _KINDS):
        only(where, value, _ANTHROPIC)
        said = {key: child for key, child in value.items() if key in ("name", "description")}
        return {"type": "function", "function": {**said, "parameters": value["input_schema"]}}
    if kind in (None, "function"):
        only(where, value, _FUNCTION | {"type"})
        return {"type": "function", "function": _without_null(value, _FUNCTION)}
    if kind == "custom":
        only(where, value, _CUSTOM)
        return {"type": "custom", "custom": _custom(value, where)}
    raise refused(f"{where}.type", "only functions and custom tools can be offered")


def _custom(value: Json, where: str) -> Json:
    said = _without_null(value, frozenset({"name", "description"}))
    form = value.get("format")
    if form is None:
        return said
    if not isinstance(form, dict) or form.get("type") not in ("text", "grammar"):
        raise refused(f"{where}.format.type", "it is neither text nor grammar")
    if form["type"] == "text" or isinstance(form.get("grammar"), dict):
        return {**said, "format": form}
    only(f"{where}.format", form, frozenset({"type", "syntax", "definition"}))
    return {**said, "format": {"type": "grammar", "grammar": _without_null(form, frozenset({"syntax", "definition"}))}}


def _without_null(value: Json, keys: frozenset[str]) -> Json:
    """These members; `description: null` and the like are how Responses leave something out."""
    return {key: child for key, child in value.items() if key in keys and child is not None}
