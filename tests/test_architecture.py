"""Imports point one way (design D6): a newcomer who reads downwards never has to look up."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "extproc"
BELOW = {
    "model": set(),
    "dialects": {"model"},
    "detect": {"model"},
    "policies": {"model", "detect"},
    "chain": {"model", "dialects", "detect", "policies"},
    "guard": {"model", "dialects", "detect", "policies", "chain"},
    "routing": {"model"},
    "cache": {"model", "dialects"},
    "session": {"model", "dialects", "chain", "guard", "cache", "routing"},
    "wire": {"model", "proto"},
    "transport": {"model", "session", "wire"},
    "heartbeat": set(),
    "own_secrets": set(),
    "pattern_shelf": {"own_secrets"},
    "identity": {"model", "own_secrets"},
    "keeper": {"model", "dialects", "cache", "config", "heartbeat", "routing"},
    "audit": {"model", "heartbeat"},
    "config": {"model", "detect", "policies", "routing"},
    "conformance": {"model"},
    "gateway": {"model", "config", "session", "routing"},
    "proto": set(),
    "snapshot": {"model", "dialects", "policies", "chain", "session", "config"},
    "rehearsal": {"model", "dialects", "chain", "config", "snapshot"},
}
"""What each part may import, itself always; `worker` and `cli` build things and may import all."""

GRPC = {"transport", "wire", "audit", "proto"}


def imports(path: Path) -> set[str]:
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.ImportFrom) and node.module:
            found |= {node.module} if node.module != "extproc" else {f"extproc.{alias.name}" for alias in node.names}
        elif isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
    return found


def files() -> list[tuple[str, Path]]:
    found = [(path.relative_to(PACKAGE).parts[0].removesuffix(".py"), path) for path in PACKAGE.rglob("*.py")]
    return [(part, path) for part, path in found if part in BELOW]


def test_every_part_has_its_place() -> None:
    parts = {path.name.removesuffix(".py") for path in PACKAGE.iterdir() if path.name != "__pycache__"}
    assert parts - {"__init__", "__main__", "worker", "cli", "templates"} == set(BELOW)


@pytest.mark.parametrize(("part", "path"), files(), ids=lambda value: value.name if isinstance(value, Path) else value)
def test_imports_point_down(part: str, path: Path) -> None:
    ours = {name.split(".")[1] for name in imports(path) if name.startswith("extproc.")}
    assert ours <= BELOW[part] | {part}
    if part not in GRPC:
        assert not {name for name in imports(path) if name.split(".")[0] in ("grpc", "google", "opentelemetry")}


@pytest.mark.parametrize(("part", "path"), files(), ids=lambda value: value.name if isinstance(value, Path) else value)
def test_no_backtracking_expression_meets_request_data(part: str, path: Path) -> None:
    parses_only = path.name in (
        "progress.py",
        "widths.py",
    )  # re's parser reads the operator's patterns; `re` matches nothing
    assert part in ("config", "gateway") or parses_only or "re" not in imports(path)


def test_envoys_folder_holds_no_python() -> None:
    assert not list((ROOT / "envoy").rglob("*.py"))


def test_the_command_line_knows_its_groups_without_importing_them() -> None:
    assert imports(PACKAGE / "cli" / "__init__.py") <= {"__future__", "importlib", "click", "extproc.__version__"}
