"""Reads a Dockerfile as far as ours goes, for tests that have no engine to build it with."""

from __future__ import annotations

import json
import shlex
from dataclasses import dataclass, field
from pathlib import Path


@dataclass(frozen=True)
class Instruction:
    """`words` is the JSON form's list, or the text split as a shell would."""

    name: str
    text: str

    @property
    def words(self) -> list[str]:
        if self.text.startswith("["):
            found: list[str] = json.loads(self.text)
            return found
        return shlex.split(self.text)


@dataclass
class Stage:
    """From one FROM to the next."""

    base: str
    name: str
    instructions: list[Instruction] = field(default_factory=list)

    def all(self, name: str) -> list[Instruction]:
        return [each for each in self.instructions if each.name == name]

    def one(self, name: str) -> Instruction:
        (found,) = self.all(name)
        return found

    @property
    def environ(self) -> dict[str, str]:
        pairs = (word.partition("=") for each in self.all("ENV") for word in each.words)
        return {name: value for name, _, value in pairs}


def stages(path: Path) -> list[Stage]:
    found: list[Stage] = []
    for line in _logical(path.read_text()):
        name, _, text = line.partition(" ")
        if name == "FROM":
            base, _, alias = text.partition(" AS ")
            found.append(Stage(base.strip(), alias.strip()))
        else:
            found[-1].instructions.append(Instruction(name, text.strip()))
    return found


def _logical(text: str) -> list[str]:
    lines = [line for line in text.splitlines() if line.strip() and not line.lstrip().startswith("#")]
    return "\n".join(lines).replace("\\\n", " ").splitlines()
