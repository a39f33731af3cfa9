"""Writes what the image installs: the parts of requirements.lock that a running gateway and that its wheel need.

To be run after a change of requirements.lock or of the dependencies; a test says so where it was forgotten.
"""

from __future__ import annotations

import re
import sys
from importlib.metadata import requires
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parents[1]
PYTHON = {"python_version": "3.11", "python_full_version": "3.11.14", "extra": ""}
"""The image's, whatever this one is."""

ENTRY = re.compile(r"^([A-Za-z0-9._-]+)==.*?(?=^[A-Za-z0-9]|\Z)", re.MULTILINE | re.DOTALL)


def needed(start: list[str]) -> set[str]:
    """Names of everything that these requirements bring, themselves included; they must be installed here."""
    found: set[str] = set()
    rest = [Requirement(text) for text in start]
    while rest:
        each = rest.pop()
        name = canonicalize_name(each.name)
        if name in found or (each.marker and not each.marker.evaluate(dict(PYTHON))):
            continue
        found.add(name)
        rest += [Requirement(text) for text in requires(name) or ()]
    return found


def locked(names: set[str]) -> str:
    """Their entries of requirements.lock, in its order."""
    entries = {canonicalize_name(m[1]): m[0] for m in ENTRY.finditer((ROOT / "requirements.lock").read_text())}
    if missing := names - entries.keys():
        sys.exit(f"requirements.lock lacks {', '.join(sorted(missing))}")
    return "".join(text for name, text in entries.items() if name in names)


def files() -> dict[Path, str]:
    """What each file has to say."""
    ours = needed(["keeptrusts-extproc"]) - {"keeptrusts-extproc"}
    docker = ROOT / "deploy" / "docker"
    return {docker / "runtime.lock": locked(ours), docker / "build.lock": locked(needed(["setuptools", "mypy"]))}


if __name__ == "__main__":
    for path, text in files().items():
        path.write_text(text)
