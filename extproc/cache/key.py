"""What makes two questions the same (design D14): a keyed digest over the body as it would be sent on, in one form.

Equal are bodies that say the same in JSON: whatever the order of members, the white space between them, the spelling
of a string's characters (`\\u0061` or `a`) and of a number (1, 1.0, 1e0). Texts count character by character: no
trimming and no Unicode normalisation, for a model may answer those differently.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from typing import Any

import orjson
import re2

_OPTIONS = re2.Options()
_OPTIONS.encoding = re2.Options.Encoding.LATIN1
_MAYBE_WHOLE = re2.compile(rb"[:,\[]-?[0-9]+(\.0|[0-9.]*e)", _OPTIONS)
"""A float that may be a whole number, as orjson writes it. A hit inside a string costs a walk, nothing else."""

_EXACT = 1 << 53
"""Up to here every whole number is a float of its own (IEEE 754)."""

_PERSON = b"kt exact cache 1"


def canonical(value: Any) -> bytes:
    """One spelling for every way to say this JSON value. Raises ValueError (orjson's) where there is none."""
    data = orjson.dumps(value, option=orjson.OPT_SORT_KEYS)
    if _MAYBE_WHOLE.search(data):
        data = orjson.dumps(_whole(value), option=orjson.OPT_SORT_KEYS)
    return data


def digest(secret: bytes, fields: Iterable[bytes]) -> bytes:
    """32 bytes. Each field goes in with its length, so no two lists of fields look alike."""
    state = hashlib.blake2b(digest_size=32, key=secret, person=_PERSON)
    for field in fields:
        state.update(len(field).to_bytes(8, "little"))
        state.update(field)
    return state.digest()


def _whole(value: Any) -> Any:
    """The value with floats that are whole numbers as such."""
    if isinstance(value, float):
        return int(value) if value.is_integer() and abs(value) <= _EXACT else value
    if isinstance(value, dict):
        return {key: _whole(child) for key, child in value.items()}
    return [_whole(child) for child in value] if isinstance(value, list) else value
