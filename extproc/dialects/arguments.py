"""The arguments of a whole tool call: JSON in a string, whose own strings are what policies judge."""

from __future__ import annotations

from collections.abc import Mapping

from extproc.dialects.json_runs import Replacement, Run
from extproc.dialects.json_stream import JsonStream
from extproc.model import difference


def runs(arguments: str) -> list[str]:
    """Every key, string and number, decoded; from an error of syntax on the rest as it is."""
    return [run.text for run in _read(arguments)[1]]


def joined(arguments: str, changed: Mapping[int, str]) -> str:
    """The arguments with other texts for these runs; they stay JSON where they were."""
    stream, found = _read(arguments)
    return stream.release(0, [Replacement(n, *difference(found[n].text, text)) for n, text in sorted(changed.items())])


def _read(arguments: str) -> tuple[JsonStream, tuple[Run, ...]]:
    stream = JsonStream()
    stream.feed(arguments)
    stream.close()
    return stream, stream.runs()
