"""docs/events.md as tables, to compare with what there is."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

DOC = Path(__file__).parents[1] / "docs" / "events.md"
TYPES: Mapping[str, tuple[type, ...]] = {
    "string": (str,), "number": (int, float), "number or null": (int, float, type(None)), "boolean": (bool,),
    "object": (dict,), "list": (list,),
}  # fmt: skip


def rows(title: str) -> list[list[str]]:
    """The cells of the table under a heading, without the marks of code."""
    _, _, after = DOC.read_text().partition(f"\n## {title}\n")
    lines = [line for line in after.partition("\n## ")[0].splitlines() if line.startswith("| ")]
    return [[cell.strip().strip("`") for cell in line.strip("|").split("|")] for line in lines[1:]]


def agree(found: Mapping[str, object]) -> None:
    """The event has the documented fields, all of them and no others, each of its type."""
    documented = {name: kind for name, kind, _ in rows("Fields")}
    assert set(found) == set(documented)
    wrong = [name for name, kind in documented.items() if type(found[name]) not in TYPES[kind]]
    assert not wrong
