"""What cannot be said in a chat completion is refused by its name."""

from __future__ import annotations

import json

from extproc.model import ClientError


def refused(where: str, why: str = "chat completions have no such member") -> ClientError:
    """The refusal of what is understood and cannot be translated, or is not understood."""
    message = f"{where}: cannot be translated to a chat completion: {why}."
    return ClientError(message, status=400, reason="untranslatable")


def wrong(where: str, expected: str, found: object) -> ClientError:
    """The refusal of what has another type than its API says."""
    shown = json.dumps(found)[:40] if isinstance(found, str | int | float | bool | None) else type(found).__name__
    return ClientError(f"{where}: expected {expected}, found {shown}.", status=400, reason="invalid_type")


def only(where: str, value: dict[str, object], known: frozenset[str]) -> None:
    """Raises ClientError for a member that is not known; one of null or false says nothing."""
    for key, child in value.items():
        if key not in known and child is not None and child is not False:
            raise refused(f"{where}.{key}")
