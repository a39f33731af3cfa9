"""The corpus of values: seeded, so that a failure can be met again, and ours, so that it can be shown.

for value in sensitive(seed=1, each=20): ...    # must be found
for value in harmless(seed=1, each=20): ...     # must not
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from random import Random
from typing import NamedTuple

from corpus import harmless as negatives
from corpus import keys, people


class Value(NamedTuple):
    """What kind of value a text is, and the text."""

    kind: str
    text: str


SENSITIVE = people.KINDS | keys.KINDS
HARMLESS = negatives.KINDS


def sensitive(*, seed: int, each: int) -> list[Value]:
    """`each` values of every kind. Within a kind the forms (brands, countries, providers) come in turn."""
    return _values(SENSITIVE, seed, each)


def harmless(*, seed: int, each: int) -> list[Value]:
    """`each` hard negatives of every kind."""
    return _values(HARMLESS, seed, each)


def _values(kinds: Mapping[str, Callable[[Random, int], str]], seed: int, each: int) -> list[Value]:
    # A generator for each kind: a new kind leaves the values of the others as they are.
    return [
        Value(kind, make(rng, index))
        for kind, make in kinds.items()
        for rng in [Random(f"{seed} {kind}")]
        for index in range(each)
    ]
