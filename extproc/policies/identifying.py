"""What the kinds share that look for what identifies a person: each is a declaration of rules and of what follows."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

from extproc.detect.entities import EntityRule, EntityScanner
from extproc.detect.patterns import Hit
from extproc.model import Allow, Block, Edit, Exchange, Redact, Text, Verdict
from extproc.policies.base import Span, TextPolicy
from extproc.policies.redaction import redactions


class IdentifyingPolicy(TextPolicy):
    """Redacts each identifier, or blocks at the first, as `action` says.

    `code` begins the reason, `message` is what the client is told. Labels in `never` block whatever the action is.
    """

    reads_keys = True
    code: ClassVar[str]
    message: ClassVar[str]
    never: ClassVar[frozenset[str]] = frozenset()

    def __init__(self, settings: Any, rules: Sequence[EntityRule]) -> None:
        super().__init__(settings)
        self.scanner = EntityScanner(rules)
        self.watch(self.scanner.watched, folding=True)

    def spans(self, exchange: Exchange, text: str, start: int = 0) -> Sequence[Span]:
        """Each identifier."""
        return [Span(hit.start, hit.end, _marker(hit.label, ""), hit.label) for hit in self.scanner.find(text, start)]

    def verdict(self, edits: tuple[Edit, ...]) -> Verdict:
        """As the settings say."""
        first = next((edit for edit in edits if edit.label in self.never), edits[0])
        reason = f"{self.code}.{first.label.lower()}"
        if self.settings.action == "block" or first.label in self.never:
            return Block(self.message, reason)
        return Redact(edits, reason)

    def _judge(self, exchange: Exchange, texts: Sequence[Text]) -> Verdict:
        """As spans, but strings in a text that is JSON are judged decoded, and it stays JSON."""
        edits = redactions(texts, self._find, _marker, self.scanner.quiet)
        return self.verdict(edits) if edits else Allow()

    def _find(self, text: str, context: str) -> list[Hit]:
        return self.scanner.find(text, context=context)


def _marker(label: str, value: str) -> str:
    return f"[{label}_REDACTED]"
