"""OpenAI embeddings, as numbers or in Base64."""

from __future__ import annotations

from typing import Any

from extproc.conformance.check import Judge
from extproc.conformance.reading.whole import Json, answer, counted, member, objects


def vectors(many: int, *, coded: bool = False) -> Judge:
    """Judges that as many vectors came as there were inputs, in their order; `coded` in Base64."""

    def judged(value: Json) -> str:
        found = objects(value.get("data"))
        if [each.get("index") for each in found] != list(range(many)):
            return f"data has not {many} embeddings in the order of their inputs"
        if not all(_vector(each.get("embedding"), coded=coded) for each in found):
            return "an embedding is no Base64" if coded else "an embedding is no list of numbers"
        return "" if counted(member(value, "usage", "total_tokens")) else "usage.total_tokens is missing"

    return answer(judged)


def _vector(value: Any, *, coded: bool) -> bool:
    if coded:
        return isinstance(value, str) and bool(value)
    return isinstance(value, list) and bool(value) and all(isinstance(each, int | float) for each in value)
