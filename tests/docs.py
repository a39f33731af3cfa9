"""What the documentation shows: fenced blocks, and `console` sessions as commands with what they print."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[1]
PAGES = (ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md")), *sorted((ROOT / "docs" / "policies").glob("*.md")))
FENCE = re.compile(r"^```(\S*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


@dataclass(frozen=True)
class Command:
    """A line after `$`; `shown` is what follows, `code` the exit status: `[N]` as the last line, or 0."""

    line: str
    shown: str
    code: int


def blocks(page: Path, language: str) -> list[str]:
    return [text for found, text in FENCE.findall(page.read_text()) if found == language]


def commands(page: Path) -> list[Command]:
    """All of a page's console blocks, as one session."""
    parts = [part for text in blocks(page, "console") for part in re.split(r"^\$ ", text, flags=re.MULTILINE)[1:]]
    return [_command(part) for part in parts]


def _command(part: str) -> Command:
    line, _, shown = part.partition("\n")
    code = re.search(r"^\[(\d+)\]\n\Z", shown, re.MULTILINE)
    return Command(line, shown[: code.start()] if code else shown, int(code[1]) if code else 0)


def fits(shown: str, said: str) -> bool:
    """Whether output is what is shown; `…` stands for anything, and a line of its own for any lines."""
    parts = [re.escape(part) for part in shown.strip().split("…")]
    return re.fullmatch("(?s:.*?)".join(parts), said.strip()) is not None
