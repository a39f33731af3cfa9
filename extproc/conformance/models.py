"""Which models to ask, of those that a user named or a gateway lists."""

from __future__ import annotations

from collections.abc import Sequence

from extproc.conformance.check import Speaks, Subject


def subject(speaks: Speaks, names: Sequence[str], key: str) -> Subject | None:
    """By their names: the first with `claude` for Anthropic's API, with `embed` for embeddings, and any other for the
    rest; where none fits, the first of all but those that embed. None where that leaves nothing.
    """
    embedding = next((name for name in names if "embed" in name.lower()), "")
    others = [name for name in names if "embed" not in name.lower()]
    fitting = [name for name in others if ("claude" in name.lower()) == (speaks == "anthropic")]
    chosen = next(iter([*fitting, *others]), "")
    return Subject(key, chosen, embedding) if chosen else None
