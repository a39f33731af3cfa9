"""policy-config.yaml as a JSON Schema (draft-07, which editors read), made of the dataclasses that the loader binds to.

It says what has which type and name; what fields mean together, the loader alone knows.
"""

from __future__ import annotations

import inspect
import types
from collections.abc import Mapping, Sequence
from dataclasses import MISSING, Field, fields, is_dataclass
from typing import Annotated, Any, Literal, Union, get_args, get_origin, get_type_hints

from extproc.config.caching import ResponseCache, WorkflowCache
from extproc.config.cors import Cors
from extproc.config.load import EntryOptions, Providers
from extproc.config.passthrough import Passthrough
from extproc.config.testing import Testing
from extproc.config.values import Limits, Pack
from extproc.detect.patterns import Pattern
from extproc.policies import POLICIES
from extproc.policies.base import Between, Policy

Schema = dict[str, Any]

_SCALARS: Mapping[Any, str] = {str: "string", int: "integer", float: "number", bool: "boolean", Pattern: "string"}


def schema(kinds: Mapping[str, type[Policy]] = POLICIES) -> Schema:
    """The schema of a whole file. One of several that are merged may leave out what another one has."""
    sections = {
        "pack": Pack, "providers": Providers, "limits": Limits, "workflow_cache": WorkflowCache,
        "cache": ResponseCache, "cors": Cors, "passthrough": Passthrough, "testing": Testing,
    }  # fmt: skip
    properties = {name: of(kind) for name, kind in sections.items()}
    properties["policies"] = _object({"chain": {"type": "array", "items": _entry(kinds)}}, ["chain"])
    properties["policy"] = _object({name: of(kind.Settings) | _said(kind) for name, kind in kinds.items()})
    return {
        "$schema": "http://json-schema.org/draft-07/schema#",
        "title": "policy-config.yaml",
        **_object(properties, ["pack", "providers", "policies"]),
    }


def of(kind: Any) -> Schema:
    """The schema of one type of the loader's. Raises TypeError for a type that the loader does not know."""
    origin, inner = get_origin(kind), get_args(kind)
    if kind is Any:
        return {}
    if kind in _SCALARS:
        return {"type": _SCALARS[kind]}
    if origin is Annotated:
        return of(inner[0]) | _bounds(inner[1:])
    if origin is Literal:
        return {"enum": list(inner)}
    if origin in (Union, types.UnionType):
        return {"anyOf": [{"type": "null"} if each is types.NoneType else of(each) for each in inner]}
    if origin is tuple:
        return {"type": "array", "items": of(inner[0])}
    if origin in (dict, Mapping):
        return {"type": "object", "additionalProperties": of(inner[1])}
    if isinstance(kind, type) and is_dataclass(kind):
        hints = get_type_hints(kind, include_extras=True)
        needed = [each.name for each in fields(kind) if _needed(each)]
        return _object({name: of(hint) for name, hint in hints.items()}, needed) | _said(kind)
    raise TypeError(f"no schema for {kind!r}")


def _bounds(notes: Sequence[Any]) -> Schema:
    found = next((note for note in notes if isinstance(note, Between)), None)
    return {"minimum": found.least, "maximum": found.most} if found else {}


def _needed(field: Field[Any]) -> bool:
    return field.default is MISSING and field.default_factory is MISSING


def _entry(kinds: Mapping[str, type[Policy]]) -> Schema:
    """A kind, or one kind with its conditions."""
    options = of(EntryOptions)
    named: Schema = {"type": "object", "propertyNames": {"enum": list(kinds)}, "additionalProperties": options}
    return {"anyOf": [{"enum": list(kinds)}, named | {"minProperties": 1, "maxProperties": 1}]}


def _object(properties: Mapping[str, Schema], required: Sequence[str] = ()) -> Schema:
    found: Schema = {"type": "object", "properties": dict(properties), "additionalProperties": False}
    return found | ({"required": list(required)} if required else {})


def _said(kind: type[Any]) -> Schema:
    """What a type's own docstring says; editors show it."""
    text = inspect.getdoc(kind)
    return {"description": " ".join(text.split())} if text and not text.startswith(f"{kind.__name__}(") else {}
