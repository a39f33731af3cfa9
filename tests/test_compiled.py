"""What the request path must not say, because mypyc understands it otherwise (decision 0013)."""

from __future__ import annotations

import ast
import runpy
from collections.abc import Iterator
from pathlib import Path

import pytest
import setuptools

ROOT = Path(__file__).parents[1]


@pytest.fixture
def sources(monkeypatch: pytest.MonkeyPatch) -> list[Path]:
    """The files that are compiled."""
    monkeypatch.chdir(ROOT)
    monkeypatch.setattr(setuptools, "setup", lambda **_: None)
    return [ROOT / name for name in runpy.run_path("setup.py")["sources"]()]


def reused(function: ast.FunctionDef | ast.AsyncFunctionDef) -> Iterator[str]:
    """Names that stand for failures of different types in one function."""
    types: dict[str, set[str]] = {}
    for node in ast.walk(function):
        if isinstance(node, ast.ExceptHandler) and node.name and node.type:
            types.setdefault(node.name, set()).add(ast.unparse(node.type))
    return (name for name, found in types.items() if len(found) > 1)


def test_no_function_gives_failures_of_two_types_one_name(sources: list[Path]) -> None:
    """Compiled, a name has one type: the second failure would become a TypeError."""
    assert len(sources) > 50
    found = [
        f"{file.relative_to(ROOT)}: {function.name}: {name}"
        for file in sources
        for function in ast.walk(ast.parse(file.read_text()))
        if isinstance(function, ast.FunctionDef | ast.AsyncFunctionDef)
        for name in reused(function)
    ]
    assert found == []
