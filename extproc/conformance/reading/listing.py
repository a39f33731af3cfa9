"""Lists of models, and single ones."""

from __future__ import annotations

from typing import Any

from extproc.conformance.check import Judge, Reply, Speaks
from extproc.conformance.reading.whole import Json, answer, objects, read


def models(speaks: Speaks) -> Judge:
    """Judges a list with at least one model."""

    def judged(value: Json) -> str:
        found = objects(value.get("data"))
        if not found:
            return "data is no list of models, or an empty one"
        if wrong := next((wrong for each in found if (wrong := _entry(speaks, each))), ""):
            return wrong
        if speaks == "anthropic" and not isinstance(value.get("has_more"), bool):
            return "has_more is missing, by which Anthropic's SDKs go from page to page"
        if speaks == "openai" and value.get("object") != "list":
            return 'object is not "list"'
        return ""

    return answer(judged)


def codexs() -> Judge:
    """Judges what Codex reads of a list: descriptions of its own, of which there may be none."""
    return answer(lambda value: "" if isinstance(value.get("models"), list) else "models is no list")


def model(speaks: Speaks) -> Judge:
    """Judges one model."""
    return answer(lambda value: _entry(speaks, value))


def ids(reply: Reply) -> list[str]:
    """The names in a list, in its order; none where it is no list."""
    found = (each.get("id") for each in objects(read(reply).get("data")))
    return [each for each in found if isinstance(each, str)]


def _entry(speaks: Speaks, value: dict[str, Any]) -> str:
    if not isinstance(value.get("id"), str):
        return "a model has no id"
    kind, wanted = ("object", "model") if speaks == "openai" else ("type", "model")
    if value.get(kind) != wanted:
        return f'{kind} of a model is not "{wanted}"'
    if speaks == "anthropic" and not isinstance(value.get("display_name"), str):
        return "a model has no display_name"
    return ""
