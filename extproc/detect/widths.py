"""How long a pattern's matches can become."""

from __future__ import annotations

import warnings
from re import _parser as parser  # type: ignore[attr-defined]  # as in progress: the parser alone, nothing is matched


def width(expression: str, otherwise: int) -> int:
    """Characters of the longest match of an expression in RE2's dialect; `otherwise` where that cannot be told."""
    try:
        with warnings.catch_warnings(action="ignore", category=FutureWarning):
            return int(parser.parse(expression).getwidth()[1])
    except (ValueError, RecursionError, OverflowError, parser.error):
        return otherwise
