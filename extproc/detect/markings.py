"""Markings that say how secret a whole document is: headings and banners, set phrases, and labelled fields.

The words are those of the Traffic Light Protocol 2.0 (FIRST), of US markings (32 CFR 2001) and of business letters.
"""

from __future__ import annotations

from typing import Literal, get_args

from extproc.detect.patterns import PatternSpec

Level = Literal["public", "internal", "confidential", "restricted"]
LEVELS: tuple[Level, ...] = get_args(Level)
"""From what everybody may see to what hardly anybody may."""


def _heading(words: str) -> str:
    """Capitals that have a line, a bracket or a comment to themselves, or begin a string of JSON."""
    return (
        r"(?:^|[\n\r*#>\[(\"]|//)[ \t]{0,8}(?:(?:STRICTLY|COMPANY|HIGHLY) )?"
        rf"(?:{words})(?://|[ \t]{{0,8}}(?:[\n\r*#\])]|$))"
    )


def _label(words: str) -> str:
    """A line that names the level, as labelling tools write it."""
    name = r"(?:data |document |information )?(?:classification|sensitivity)(?: level| label)?\*{0,2}[ \t]?[:=]"
    return rf"(?i:(?:^|[\n\r*#>|])[ \t*]{{0,8}}{name}[ \t*]{{0,8}}(?:{words})[ \t*.]{{0,8}}(?:[\n\r|]|$))"


HEADINGS: dict[Level, str] = {
    "internal": _heading("INTERNAL|TLP:GREEN"),
    "confidential": _heading("CONFIDENTIAL|TLP:AMBER"),
    "restricted": _heading(r"TOP SECRET|SECRET|RESTRICTED|CLASSIFIED|TLP:(?:RED|AMBER\+STRICT)"),
}
PHRASES: dict[Level, str] = {
    "internal": r"\b(?i:internal use only|for internal use)\b",
    "confidential": (
        r"\b(?i:do not distribute|not for distribution|proprietary and confidential|company confidential"
        r"|attorney[- ]client privileged|privileged and confidential|commercial in confidence)\b"
    ),
    "restricted": r"\b(?i:noforn|eyes only)\b",
}
_LABELS: dict[Level, str] = {
    "internal": _label("internal"),
    "confidential": _label("(?:highly |strictly )?confidential"),
    "restricted": _label("restricted|(?:top )?secret"),
}


def above(most: Level) -> tuple[PatternSpec, ...]:
    """What marks a text as more secret than `most`."""
    levels = LEVELS[LEVELS.index(most) + 1 :]
    return tuple(PatternSpec(level, kind[level]) for level in levels for kind in (HEADINGS, PHRASES, _LABELS))
