"""Runs of Base64 and hexadecimal digits that are printable text, found by their form and decoded, one level.

Three groups of Base64 that hold nine printable characters of ASCII have a form that one name in thousands has by
chance, so almost nothing is decoded that says nothing.
"""

from __future__ import annotations

import binascii

from extproc.detect.patterns import PatternSpec

_GROUP = "[I-Za-f][C-HS-Xi-ny-z2-3][ABEFIJMNQRUVYZcdghklopstwx014589][A-Za-z0-9+/_-]"
"""Three bytes of 0x20 to 0x7E: what six bits of them can be."""

_PAIR = "[2-7][0-9A-Fa-f]"
LONGEST = 16384
"""Characters of a run that are decoded, and for which a stream waits."""

BASE64_DIGITS = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/_-="
HEX_DIGITS = "0123456789abcdefABCDEF"

ENCODINGS = (PatternSpec("base64", _GROUP * 3), PatternSpec("hex", rf"\b(?:{_PAIR}){{8}}"))
"""How a run begins."""

WATCHED = (
    PatternSpec("base64", _GROUP * 3 + f"[A-Za-z0-9+/_=-]{{0,{LONGEST - 12}}}"),
    PatternSpec("hex", rf"\b{_PAIR * 8}[0-9A-Fa-f]{{0,{LONGEST - 16}}}"),
)
"""The same runs whole, for a stream that may be in the middle of one."""

_URL_SAFE = str.maketrans("-_", "+/")
_CONTROL = bytes(code not in b"\t\n\r" and (code < 0x20 or code == 0x7F) for code in range(256))


_FIRST = 256


def run(text: str, encoding: int, start: int, end: int) -> tuple[str, int]:
    """What a run says that begins at `start:end`, up to its first byte that is no text, and where that ends.

    More is decoded as long as it is text: a text of nothing but beginnings of runs costs no more than its length.
    """
    digits, decode = (BASE64_DIGITS, HEX_DIGITS)[encoding], (_from_base64, _from_hex)[encoding]
    size = _FIRST
    while True:
        rest = text[end : start + size]
        whole = text[start:end] + rest[: len(rest) - len(rest.lstrip(digits))]
        data = decode(whole)
        said = data.translate(_CONTROL).find(1)
        if said >= 0:
            used = said * 2 if encoding else -(-said // 3) * 4
            return data[:said].decode("utf-8", "replace"), start + min(len(whole), used)
        if len(whole) < size or size == LONGEST:
            return data.decode("utf-8", "replace"), start + len(whole)
        size = min(4 * size, LONGEST)


def _from_base64(digits: str) -> bytes:
    plain = digits.partition("=")[0].translate(_URL_SAFE)
    plain = plain[: len(plain) - (len(plain) % 4 == 1)]
    return binascii.a2b_base64(plain + "=" * (-len(plain) % 4))


def _from_hex(digits: str) -> bytes:
    return binascii.unhexlify(digits[: len(digits) // 2 * 2])
