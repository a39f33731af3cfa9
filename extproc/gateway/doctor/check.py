"""What a check says."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, slots=True)
class Check:
    """One line of the doctor's report. `next` is the step to take; empty where none is needed."""

    name: str
    status: Literal["ok", "warn", "fail"]
    message: str
    next: str = ""

    def __str__(self) -> str:
        step = f"; next: {self.next}" if self.next else ""
        return f"{self.status:4}  {self.name}: {self.message}{step}"
