"""The arguments of a whole tool call: JSON in a string, whose own strings are what policies judge."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from extproc.dialects.json_runs import Replacement, Run
from extproc.dialects.json_stream import JsonStream
from extproc.model import JsonPath, difference


def runs(arguments: str) -> list[str]:
    """Every key, string and number, decoded; from an error of syntax on the rest as it is."""
    return [run.text for run in _read(arguments)[1]]


def joined(arguments: str, changed: Mapping[int, str]) -> str:
    """The arguments with other texts for these runs; they stay JSON where they were."""
    stream, found = _read(arguments)
    return stream.release(0, [Replacement(n, *difference(found[n].text, text)) for n, text in sorted(changed.items())])


def rejoined(value: Any, texts: Mapping[JsonPath, str], key: str) -> dict[JsonPath, str]:
    """These texts of a body, with the numbered runs of the arguments under this key put together again."""
    found: dict[JsonPath, str] = {}
    calls: dict[JsonPath, dict[int, str]] = {}
    for path, text in texts.items():
        number = path[-1]
        if isinstance(number, int) and path[-2:-1] == (key,) and isinstance(_at(value, path[:-1]), str):
            calls.setdefault(path[:-1], {})[number] = text
        else:
            found[path] = text
    for path, edits in calls.items():
        found[path] = joined(_at(value, path), edits)
    return found


def _at(value: Any, path: JsonPath) -> Any:
    for step in path:
        value = value[step]
    return value


def _read(arguments: str) -> tuple[JsonStream, tuple[Run, ...]]:
    stream = JsonStream()
    stream.feed(arguments)
    stream.close()
    return stream, stream.runs()
