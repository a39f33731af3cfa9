"""What `request-rewriter` and `response-rewriter` share: rules that replace in a text or add to it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import re2

from extproc.detect.patterns import Pattern, encodable
from extproc.model import Edit, Text, difference

Position = Literal["replace", "prepend", "append"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """One rewrite. `$1` to `$9` in `replacement` are the pattern's groups, `$0` the match, `$$` a dollar sign.

    `replace` changes every match of `pattern`; `prepend` and `append` add `replacement` to a text, if `pattern`, where
    there is one, occurs in it. With `condition` the rule applies to texts that hold that word, in any case.
    """

    name: str
    pattern: Pattern | None = None
    replacement: str = ""
    position: Position = "replace"
    condition: str = ""

    def __post_init__(self) -> None:
        """Raises ValueError for a rule that could do nothing."""
        if self.position == "replace" and not self.pattern:
            raise ValueError(f"rule '{self.name}': position replace needs a pattern")
        if self.position != "replace" and not self.replacement:
            raise ValueError(f"rule '{self.name}': position {self.position} needs a replacement")
        groups = re2.compile(self.pattern).groups if self.pattern and self.position == "replace" else 0
        asked = max((int(part) for part in _parts(self.replacement) if part.isdigit() and len(part) == 1), default=0)
        if self.position == "replace" and asked > groups:
            raise ValueError(f"rule '{self.name}': ${asked} in the replacement, but the pattern has {groups} groups")


class Rewriter:
    """Rules compiled once. Each works on what the one before it left."""

    def __init__(self, rules: Sequence[Rule]) -> None:
        self._rules = [(rule, _compiled(rule)) for rule in rules]

    def rewritten(self, value: str, *, adds: bool) -> tuple[str, str]:
        """A text after all rules, and the name of the first that changed it, or ''.

        Without `adds`, rules that prepend or append are left out.
        """
        first = ""
        for rule, pattern in self._rules:
            if (rule.position != "replace" and not adds) or rule.condition.casefold() not in value.casefold():
                continue
            after = _applied(rule, pattern, value)
            first = first or (rule.name if after != value else "")
            value = after
        return value, first


def edit(text: Text, value: str, label: str) -> Edit:
    """The edit that makes a text this value; what did not change at its ends stays out of it."""
    return Edit(text.path, *difference(text.value, value), label)


def _compiled(rule: Rule) -> Any:
    return re2.compile(rule.pattern) if rule.pattern else None


def _applied(rule: Rule, pattern: Any, value: str) -> str:
    if rule.position == "replace":
        return _replaced(pattern, encodable(value), rule.replacement)
    if pattern is not None and not pattern.search(encodable(value)):
        return value
    return rule.replacement + value if rule.position == "prepend" else value + rule.replacement


def _replaced(pattern: Any, value: str, replacement: str) -> str:
    parts = list(_parts(replacement))
    done: list[str] = []
    at = 0
    for match in pattern.finditer(value):
        done.append(value[at : match.start()])
        done += [(match.group(int(part)) or "") if len(part) == 1 and part.isdigit() else part[1:] for part in parts]
        at = match.end()
    return "".join((*done, value[at:])) if done else value


def _parts(replacement: str) -> Iterator[str]:
    """Group numbers as one digit; literal text with a mark before it."""
    literal = "="
    at = 0
    while at < len(replacement):
        character, following = replacement[at], replacement[at + 1 : at + 2]
        if character == "$" and following.isdigit() and following.isascii():
            yield literal
            yield following
            literal = "="
            at += 2
        else:
            literal += character
            at += 2 if character == "$" and following == "$" else 1
    yield literal
