"""Fails when a promise in the README names no test, or one that does not exist.

A promise is a list item under a heading that begins with "Promises"; it ends in `<!-- test: FILE::NAME -->`.
"""

from __future__ import annotations

import re
import sys
from pathlib import Path

TEST = re.compile(r"<!-- test: (\S+?)::(\S+) -->\s*$")


def faults(readme: str, root: Path) -> list[str]:
    """What is wrong, a line each."""
    found: list[str] = []
    promising = False
    for number, line in enumerate(readme.splitlines(), 1):
        if line.startswith("#"):
            promising = line.lstrip("# ").startswith("Promises")
        if not promising or not line.startswith("- "):
            continue
        match = TEST.search(line)
        if not match:
            found.append(f"README.md:{number}: a promise without a test")
            continue
        file = root / match[1]
        if not file.is_file() or f"def {match[2]}(" not in file.read_text():
            found.append(f"README.md:{number}: no test {match[2]} in {match[1]}")
    return found


if __name__ == "__main__":
    root = Path(__file__).parents[1]
    wrong = faults((root / "README.md").read_text(), root)
    sys.exit("\n".join(wrong) if wrong else 0)
