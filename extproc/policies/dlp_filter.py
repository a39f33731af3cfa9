"""`dlp-filter`: the operator's own patterns and terms, in requests and replies (keeptrusts-config.md, 3.6)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from extproc.detect.patterns import Pattern, PatternSpec, Scanner
from extproc.model import Block, Edit, Exchange, Redact, Verdict
from extproc.policies.base import Span, TextPolicy

MARKER = "[DLP_REDACTED]"


@dataclass(frozen=True, slots=True, kw_only=True)
class DlpSettings:
    """`detect_patterns` are RE2 expressions, `blocked_terms` literal and caseless."""

    detect_patterns: tuple[Pattern, ...] = ()
    blocked_terms: tuple[str, ...] = ()
    action: Literal["redact", "block"] = "redact"


class DlpFilter(TextPolicy):
    """Redacts each occurrence, or blocks at the first."""

    kind = "dlp-filter"
    Settings = DlpSettings

    def __init__(self, settings: DlpSettings) -> None:
        super().__init__(settings)
        patterns = (PatternSpec("pattern", expression) for expression in settings.detect_patterns)
        terms = (PatternSpec("term", term, caseless=True, literal=True) for term in settings.blocked_terms)
        specs = (*patterns, *terms)
        self._scanner = Scanner(specs)
        self.watch(specs)

    def spans(self, exchange: Exchange, text: str, start: int = 0) -> Sequence[Span]:
        """Each occurrence of a pattern or term."""
        return [Span(hit.start, hit.end, MARKER, hit.label) for hit in self._scanner.find(text, start)]

    def verdict(self, edits: tuple[Edit, ...]) -> Verdict:
        """The first one gives the reason."""
        reason = f"dlp.{edits[0].label}"
        if self.settings.action == "block":
            return Block("The text holds data that must not leave.", reason)
        return Redact(edits, reason)
