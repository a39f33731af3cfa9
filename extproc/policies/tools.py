"""What the kinds share that judge calls of tools: when they judge, and how they speak of tools.

A call is judged in the reply in which a model asks for it, before the client could act on it. The session that some
kinds count in is the conversation that the client sends: calls and results so far, so that nothing has to be kept and
every worker counts alike.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Any

import orjson
import re2

from extproc.model import Allow, Exchange, Request, ToolCall, Verdict
from extproc.policies.base import Policy

_SHOWN = 64


class ToolPolicy(Policy):
    """A kind that judges the calls in replies one by one, in order; the first that may not be made decides."""

    guards_output = True
    guards_input = False
    reads_calls = True
    unwatchable = "a call of a tool is judged when it is whole"

    def on_output(self, exchange: Exchange) -> Verdict:
        """Every call of the reply; what was noticed of those that may be made is told with the last one."""
        found: Verdict = Allow()
        made = Made(asked(exchange))
        for call in exchange.response.calls if exchange.response else ():
            verdict = self.call(exchange, call, made)
            if not isinstance(verdict, Allow):
                return verdict
            found = verdict if verdict.reason else found
            made.add(call)
        return found

    def call(self, exchange: Exchange, call: ToolCall, made: Made) -> Verdict:
        """Judge one call; `made` is what came before it in the conversation."""
        raise NotImplementedError


class Made:
    """The calls so far, by tool: how many, and the characters of their arguments and of what they gave back."""

    def __init__(self, request: Request) -> None:
        self.calls: Counter[str] = Counter()
        self.characters: Counter[str] = Counter()
        for call in request.calls:
            self.add(call)
        for result in request.results:
            self.characters[result.name] += result.size

    def add(self, call: ToolCall) -> None:
        """One more."""
        self.calls[call.name] += 1
        self.characters[call.name] += len(call.arguments)


_NOTHING = Request("", False, ())


def asked(exchange: Exchange) -> Request:
    """The request; one that says nothing where a kept reply is fetched, whose request is not here."""
    return exchange.request or _NOTHING


def shown(tool: str) -> str:
    """A tool's name for a message: what a model makes up may be long, and hold anything."""
    return ascii(tool[:_SHOWN]) if tool else "a tool without a name"


class Names:
    """Names of tools, in which `*` stands for any characters."""

    def __init__(self, patterns: Sequence[str]) -> None:
        parts = (".*".join(map(re2.escape, pattern.split("*"))) for pattern in patterns)
        self._any = re2.compile(f"(?s)(?:{'|'.join(f'(?:{part})' for part in parts)})")
        self._none = not patterns

    def __contains__(self, tool: object) -> bool:
        return not self._none and isinstance(tool, str) and bool(self._any.fullmatch(tool.encode("utf-8", "replace")))


def read(arguments: str) -> Any:
    """The value of a call's arguments, read as leniently as clients do. Raises ValueError where they are no JSON."""
    try:
        return orjson.loads(arguments)
    except ValueError:  # or half a surrogate pair, which must not hide the rest from us
        return json.loads(arguments)


def strings(arguments: str) -> Iterator[tuple[str, str]]:
    """The strings of a call's arguments, each with the key that it stands under; the arguments themselves, under no
    key, where they are no JSON. Keys are strings too: models make some of them up.
    """
    try:
        value = read(arguments)
    except ValueError:
        yield "", arguments
    else:
        yield from _strings("", value)


def _strings(key: str, value: Any) -> Iterator[tuple[str, str]]:
    if isinstance(value, str):
        yield key, value
    elif isinstance(value, list):
        for each in value:
            yield from _strings(key, each)
    elif isinstance(value, dict):
        for name, each in value.items():
            yield "", name
            yield from _strings(name, each)
    elif isinstance(value, int | float) and not isinstance(value, bool):
        yield key, str(value)  # of a card, say
