"""What stands in place of a value that was taken out, and how numbered placeholders become values again."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

import re2

from extproc.detect.patterns import PatternSpec, encodable

Style = Literal["label", "asterisk", "partial", "numbered"]
"""label `[EMAIL_REDACTED]`, asterisk `********`, partial `****1111`, numbered `[EMAIL_1]`."""

PLACEHOLDER = PatternSpec("placeholder", r"\[[A-Z][A-Z_]{0,30}_[0-9]{1,7}_[0-9a-f]{1,32}\]")
"""What a placeholder with a nonce looks like, for a stream that may be in the middle of one."""

_GIVEN_OUT = re2.compile(PLACEHOLDER.expression)

_SHOWN = 4
_LONG_ENOUGH = 9
"""A value must be this long for its last four characters to be shown: what is left must still be a secret."""


@dataclass(frozen=True, slots=True)
class Marks:
    """How values are marked. `custom` maps labels to markers of the operator's own, whatever the style.

    `preserve_length` makes every mark as long as its value: separators stay in a partial one, a label is filled up with
    asterisks, and one that is too long becomes asterisks.
    """

    style: Style = "label"
    preserve_length: bool = False
    custom: Mapping[str, str] = field(default_factory=dict)

    def of(self, label: str, value: str, placeholders: Placeholders) -> str:
        """The mark for a value. Placeholders are asked in the style `numbered` only."""
        marker = self.custom.get(label) or self._styled(label, value, placeholders)
        return _fitted(marker, len(value)) if self.preserve_length else marker

    def _styled(self, label: str, value: str, placeholders: Placeholders) -> str:
        match self.style:
            case "asterisk":
                return "*" * (len(value) if self.preserve_length else 8)
            case "partial":
                return _partial(value, self.preserve_length)
            case "numbered":
                return placeholders.of(label, value)
            case "label":
                return f"[{label}_REDACTED]"


class Placeholders:
    """The numbered placeholders of one exchange: the same value has the same number wherever it stands.

    With a `nonce`, which nobody outside knows before the request is answered, a placeholder cannot be forged, and
    `find` says where a text holds one and what it stands for. Kept in memory with the exchange, and never recorded.
    """

    def __init__(self, nonce: str = "") -> None:
        self._end = f"_{nonce}]" if nonce else "]"
        self._names: dict[tuple[str, str], str] = {}
        self._values: dict[str, str] = {}
        self._counts: dict[str, int] = {}

    def of(self, label: str, value: str) -> str:
        """The placeholder for a value."""
        known = self._names.get((label, value))
        if known:
            return known
        number = self._counts[label] = self._counts.get(label, 0) + 1
        name = self._names[label, value] = f"[{label}_{number}{self._end}"
        self._values[name] = value
        return name

    def find(self, text: str) -> list[tuple[int, int, str]]:
        """Where a text holds placeholders given out here: start, end, and the value each stands for."""
        if not self._values or self._end not in text:
            return []
        return [
            (*match.span(), self._values[match.group()])
            for match in _GIVEN_OUT.finditer(encodable(text))
            if match.group() in self._values
        ]


def _partial(value: str, preserve_length: bool) -> str:
    shown = _SHOWN if len(value) >= _LONG_ENOUGH else 0
    hidden, end = value[: len(value) - shown], value[len(value) - shown :]
    return "".join(["*" if c.isalnum() else c for c in hidden]) + end if preserve_length else "****" + end


def _fitted(marker: str, size: int) -> str:
    return marker + "*" * (size - len(marker)) if len(marker) <= size else "*" * size
