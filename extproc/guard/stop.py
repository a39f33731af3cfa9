"""Why a stream may not go on."""

from __future__ import annotations

from dataclasses import dataclass

from extproc.chain import Refused


@dataclass(frozen=True, slots=True)
class Failed:
    """Not a policy's no: the stream cannot be guarded. `reason` is the code in the error and in the record."""

    message: str
    reason: str


class Stop(Exception):
    """Nothing more of the stream is sent on."""

    def __init__(self, why: Refused | Failed) -> None:
        super().__init__(type(why).__name__)
        self.why = why
