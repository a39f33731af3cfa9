"""Characters that are written otherwise and mean the same: full-width and other digits, spaces, dashes.

Each becomes one ASCII character, so that places in a folded text are places in the text. An undisguised text is folded
too, but what nobody sees in it is gone, and what looks like a Latin letter is one.
"""

from __future__ import annotations

import unicodedata

_DASHES = frozenset("\u2010\u2011\u2012\u2013\u2014\u2212\ufe58\ufe63\uff0d")
_STYLED = range(0x1D400, 0x1D800)  # mathematical alphanumeric symbols
_MOST_KNOWN = 0x10000


LOOK_ALIKES: dict[int, int] = str.maketrans(
    "аеорсухіјѕԁɡһԛԝАВЕКМНОРСТХІЈЅԌԚԜαοντρυικΑΒΕΖΗΙΚΜΝΟΡΤΥΧ", "aeopcyxijsdghqwABEKMHOPCTXIJSGQWaovtpuikABEZHIKMNOPTYX"
)
"""Cyrillic and Greek letters that look Latin (Unicode TR 39, the common ones)."""


def folded(text: str) -> str:
    """The text with an ASCII character for each that stands for one."""
    return text if text.isascii() else text.translate(_TABLE)


def undisguised(text: str) -> str:
    """The folded text without characters that nobody sees, and with Latin letters for what looks like them."""
    return text if text.isascii() else text.translate(_SEEN)


def unseen(character: str) -> bool:
    """Whether nobody sees it: format and filling characters, soft hyphens and marks of direction among them."""
    return _SEEN[ord(character)] is None


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


class _Seen(dict[int, int | None]):
    """What each character becomes once nothing is disguised; None for what nobody sees."""

    def __missing__(self, code: int) -> int | None:
        found = _seen(code)
        if code < _MOST_KNOWN or found != code:
            self[code] = found
        return found


_TAGS = range(0xE0020, 0xE007F)  # ASCII that is not shown, but for the flags of three nations
_FILLERS = frozenset("\u034f\u115f\u1160\u17b4\u17b5\u3164\uffa0")
"""Letters and marks that have no form (Unicode: Default_Ignorable_Code_Point, without the format characters)."""


def _seen(code: int) -> int | None:
    if code in _TAGS:
        return code - 0xE0000
    if unicodedata.category(chr(code)) == "Cf" or chr(code) in _FILLERS or 0xFE00 <= code <= 0xFE0F:
        return None
    return LOOK_ALIKES.get(code) or _TABLE[code]


_SEEN = _Seen((code, code) for code in range(128))
