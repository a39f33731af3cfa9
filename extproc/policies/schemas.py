"""JSON Schemas of tools' arguments, checked by `jsonschema` but for what is not linear there or would leave here."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import orjson
import re2

_REFERENCES = ("$ref", "$dynamicRef", "$recursiveRef")
_MOST = 100
"""Levels of a schema."""


class Schema:
    """A schema that was checked. Raises ValueError for what is none, and for what is not supported."""

    def __init__(self, value: Any) -> None:
        from jsonschema import Draft202012Validator
        from jsonschema.exceptions import SchemaError
        from jsonschema.validators import extend
        from referencing import Registry

        _check(value, "")
        try:
            Draft202012Validator.check_schema(value)
        except SchemaError as error:
            raise ValueError(f"{error.json_path.removeprefix('$').lstrip('.') or 'it'}: {error.message}") from error
        made = extend(Draft202012Validator, {"pattern": _pattern, "uniqueItems": _unique})
        self._validator = made(value, registry=Registry())

    def misfit(self, value: Any) -> str | None:
        """Where a value does not fit, as a path like `$.items[3]`, and by which keyword; None where it fits."""
        error = next(self._validator.iter_errors(value), None)
        return None if error is None else f"{error.json_path[:100]} ({error.validator})"


def _check(value: Any, path: str, level: int = 0) -> None:
    if level > _MOST:
        raise ValueError(f"{path}: deeper than {_MOST} levels")
    if isinstance(value, list):
        for place, each in enumerate(value):
            _check(each, f"{path}[{place}]", level + 1)
    if not isinstance(value, dict):
        return
    for name, each in value.items():
        where = f"{path}.{name}".lstrip(".")
        if name in _REFERENCES and not (isinstance(each, str) and each.startswith("#")):
            raise ValueError(f"{where}: only references within the schema, which begin with #, are supported")
        if name == "patternProperties" and isinstance(each, dict):
            raise ValueError(f"{where}: not supported; list the properties, or use propertyNames")
        if name == "pattern" and isinstance(each, str):
            _compile(each, where)
        _check(each, where, level + 1)


def _compile(pattern: str, where: str) -> None:
    try:
        re2.compile(pattern)
    except re2.error as error:
        raise ValueError(f"{where}: not a pattern: {error}") from error


def _pattern(validator: Any, pattern: str, instance: Any, schema: Any) -> Iterator[Any]:
    """As `jsonschema` does it, in linear time."""
    from jsonschema import ValidationError

    if isinstance(instance, str) and not re2.search(pattern, instance.encode("utf-8", "replace").decode()):
        yield ValidationError("does not match")


def _unique(validator: Any, wanted: bool, instance: Any, schema: Any) -> Iterator[Any]:
    """By what each item is written as, not by comparing every pair."""
    from jsonschema import ValidationError

    if wanted and isinstance(instance, list):
        written = {orjson.dumps(each, option=orjson.OPT_SORT_KEYS) for each in instance}
        if len(written) < len(instance):
            yield ValidationError("has an item twice")
