"""Binds YAML nodes to frozen dataclasses and collects every fault with its place.

Walks the nodes of `yaml.compose`, because loaded values have lost their lines. Types it understands: str, int, float,
bool, Literal, Pattern, `X | None`, `str | dataclass`, `tuple[X, ...]`, `Mapping[str, X]`, dataclasses (whose own
`__post_init__` may raise ValueError), `Annotated[number, Between]`, and Any for what JSON can say.
"""

from __future__ import annotations

import difflib
import types
from collections.abc import Iterable, Mapping
from dataclasses import MISSING, dataclass, field, fields, is_dataclass
from typing import Annotated, Any, Literal, Union, get_args, get_origin, get_type_hints

import yaml

from extproc.detect.patterns import Pattern, check
from extproc.model import Fault
from extproc.policies.base import Between

_TAGS = {"str": "a string", "int": "a whole number", "float": "a number", "bool": "true or false", "null": "nothing"}


@dataclass(slots=True)
class Binder:
    """Collects faults while it binds; what it returns counts only if none were found."""

    faults: list[Fault] = field(default_factory=list)
    unknown_code: str = "E000"

    def bind(self, node: yaml.Node, kind: Any, path: str) -> Any:
        """The value of a node as `kind`, or None where it is at fault."""
        origin = get_origin(kind)
        if kind is Any:
            return self._anything(node, path)
        if origin is Annotated:
            return self._bounded(node, kind, path)
        if origin in (Union, types.UnionType):
            return self._optional(node, kind, path)
        if origin is Literal:
            return self._literal(node, get_args(kind), path)
        if origin is tuple:
            return tuple(
                self.bind(n, get_args(kind)[0], f"{path}[{i}]") for i, n in enumerate(self.sequence(node, path))
            )
        if origin in (dict, Mapping):
            return {k: self.bind(v, get_args(kind)[1], f"{path}.{k}") for k, (_, v) in self.mapping(node, path).items()}
        if is_dataclass(kind):
            return self._dataclass(node, kind, path)
        return self._scalar(node, kind, path)

    def mapping(self, node: yaml.Node, path: str) -> dict[str, tuple[yaml.Node, yaml.Node]]:
        """The members of a mapping as (key node, value node); duplicate and non-string keys are faults."""
        if not isinstance(node, yaml.MappingNode):
            self.fault(node, path, f"expected a mapping, found {describe(node)}")
            return {}
        members: dict[str, tuple[yaml.Node, yaml.Node]] = {}
        for key, value in node.value:
            name = key.value if isinstance(key, yaml.ScalarNode) else ""
            if not name or key.tag == "tag:yaml.org,2002:merge":
                self.fault(key, path, "expected a plain key")
            elif name in members:
                self.fault(key, f"{path}.{name}", f"this key stands twice, first on line {_line(members[name][0])}")
            else:
                members[name] = (key, value)
        return members

    def sequence(self, node: yaml.Node, path: str) -> list[yaml.Node]:
        """The items of a sequence."""
        if not isinstance(node, yaml.SequenceNode):
            self.fault(node, path, f"expected a list, found {describe(node)}")
            return []
        return list(node.value)

    def fault(self, node: yaml.Node, path: str, message: str, code: str = "E000") -> None:
        """Note what is wrong, at the node's place."""
        mark = node.start_mark
        self.faults.append(Fault(mark.name, mark.line + 1, mark.column + 1, path.lstrip("."), message, code))

    def unknown(self, node: yaml.Node, path: str, known: Iterable[str], what: str = "key", code: str = "") -> None:
        """An unknown name, with the nearest known one."""
        name = path.rpartition(".")[2]
        near = difflib.get_close_matches(name, list(known), n=1)
        hint = f", did you mean '{near[0]}'?" if near else ""
        self.fault(node, path, f"unknown {what} '{name}'{hint}", code or self.unknown_code)

    def _dataclass(self, node: yaml.Node, kind: Any, path: str) -> Any:
        members = self.mapping(node, path)
        hints = get_type_hints(kind, include_extras=True)
        for name in members.keys() - hints.keys():
            self.unknown(members[name][0], f"{path}.{name}", hints)
        before = len(self.faults)
        values = {n: self.bind(members[n][1], hints[n], f"{path}.{n}") for n in hints if n in members}
        for f in fields(kind):
            if f.name not in members and f.default is MISSING and f.default_factory is MISSING:
                self.fault(node, f"{path}.{f.name}", "missing")
        if len(self.faults) > before:
            return None
        try:
            return kind(**values)
        except ValueError as error:  # what its fields mean together: its own __post_init__ says it best
            self.fault(node, path, str(error))
            return None

    def _scalar(self, node: yaml.Node, kind: Any, path: str) -> Any:
        wanted = "str" if kind is Pattern else kind.__name__
        found = node.tag.rpartition(":")[2]
        if not isinstance(node, yaml.ScalarNode) or (found != wanted and (wanted, found) != ("float", "int")):
            self.fault(node, path, f"expected {_TAGS[wanted]}, found {describe(node)}")
            return None
        if kind is Pattern:
            wrong = check(node.value)
            if wrong:
                self.fault(node, path, f"not a pattern: {wrong}")
            return node.value
        return kind(yaml.SafeLoader("").construct_object(node))

    def _anything(self, node: yaml.Node, path: str) -> Any:
        """What JSON can say, as it stands: a schema, say."""
        if isinstance(node, yaml.MappingNode):
            return {k: self._anything(v, f"{path}.{k}") for k, (_, v) in self.mapping(node, path).items()}
        if isinstance(node, yaml.SequenceNode):
            return [self._anything(each, f"{path}[{place}]") for place, each in enumerate(node.value)]
        value = yaml.SafeLoader("").construct_object(node)
        if not isinstance(value, str | int | float | None):
            self.fault(node, path, f"expected a string, number, true, false or nothing, found {describe(node)}")
        return value

    def _bounded(self, node: yaml.Node, kind: Any, path: str) -> Any:
        inner, bounds = get_args(kind)
        value = self.bind(node, inner, path)
        if isinstance(bounds, Between) and value is not None and not bounds.least <= value <= bounds.most:
            self.fault(node, path, f"expected {bounds.least:g} to {bounds.most:g}, found {value}")
        return value

    def _optional(self, node: yaml.Node, kind: Any, path: str) -> Any:
        """`X | None`, or a scalar with a longer form: `str | Dataclass`, where a mapping is the dataclass."""
        inner = [each for each in get_args(kind) if each is not type(None)]
        if node.tag.endswith(":null") and len(inner) < len(get_args(kind)):
            return None
        longer = [each for each in inner if is_dataclass(each)]
        return self.bind(node, longer[0] if longer and isinstance(node, yaml.MappingNode) else inner[0], path)

    def _literal(self, node: yaml.Node, allowed: tuple[Any, ...], path: str) -> Any:
        value = self._scalar(node, type(allowed[0]), path)
        if value is not None and value not in allowed:
            self.fault(node, path, f"expected one of {', '.join(map(str, allowed))}, found '{value}'")
        return value


def describe(node: yaml.Node) -> str:
    """A node in an error message. Values are cut: a key may have been pasted where it does not belong."""
    if isinstance(node, yaml.ScalarNode):
        kind = _TAGS.get(node.tag.rpartition(":")[2], node.tag)
        return f"'{node.value[:16]}'" if kind != "nothing" else kind
    return "a mapping" if isinstance(node, yaml.MappingNode) else "a list"


def _line(node: yaml.Node) -> int:
    return int(node.start_mark.line) + 1
