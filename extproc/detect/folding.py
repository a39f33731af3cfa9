"""Characters that are written otherwise and mean the same: full-width and other digits, spaces, dashes.

Each becomes one ASCII character, so that places in a folded text are places in the text.
"""

from __future__ import annotations

import unicodedata

_DASHES = frozenset("\u2010\u2011\u2012\u2013\u2014\u2212\ufe58\ufe63\uff0d")
_STYLED = range(0x1D400, 0x1D800)  # mathematical alphanumeric symbols
_MOST_KNOWN = 0x10000


def folded(text: str) -> str:
    """The text with an ASCII character for each that stands for one."""
    return text if text.isascii() else text.translate(_TABLE)


class _Table(dict[int, int]):
    """What each character becomes, noted as characters come; only so many are noted, however many come."""

    def __missing__(self, code: int) -> int:
        found = _folded(code)
        if code < _MOST_KNOWN or found != code:
            self[code] = found
        return found


def _folded(code: int) -> int:
    character = chr(code)
    if character.isdecimal():
        return ord("0") + unicodedata.decimal(character)
    if code >= _MOST_KNOWN and code not in _STYLED:
        return code
    if character in _DASHES:
        return ord("-")
    plain = unicodedata.normalize("NFKC", character)
    return ord(plain) if len(plain) == 1 and plain.isascii() else code


_TABLE = _Table((code, code) for code in range(128))
