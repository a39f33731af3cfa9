"""`dlp-filter`: the operator's own patterns and terms, in requests and replies (keeptrusts-config.md, 3.6)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from extproc.detect.patterns import Pattern, PatternSpec, Scanner
from extproc.model import Allow, Block, Edit, Exchange, Redact, Text, Verdict
from extproc.policies.base import Policy

MARKER = "[DLP_REDACTED]"


@dataclass(frozen=True, slots=True, kw_only=True)
class DlpSettings:
    """`detect_patterns` are RE2 expressions, `blocked_terms` literal and caseless."""

    detect_patterns: tuple[Pattern, ...] = ()
    blocked_terms: tuple[str, ...] = ()
    action: Literal["redact", "block"] = "redact"


class DlpFilter(Policy):
    """Redacts each occurrence, or blocks at the first."""

    kind = "dlp-filter"
    Settings = DlpSettings
    guards_output = True

    def __init__(self, settings: DlpSettings) -> None:
        super().__init__(settings)
        patterns = (PatternSpec("pattern", expression) for expression in settings.detect_patterns)
        terms = (PatternSpec("term", term, caseless=True, literal=True) for term in settings.blocked_terms)
        self._scanner = Scanner((*patterns, *terms))

    def on_input(self, exchange: Exchange) -> Verdict:
        """Every text of the request."""
        return self._judge(exchange.request.texts if exchange.request else ())

    def on_output(self, exchange: Exchange) -> Verdict:
        """Every text of the reply."""
        return self._judge(exchange.response.texts if exchange.response else ())

    def _judge(self, texts: tuple[Text, ...]) -> Verdict:
        edits = tuple(
            Edit(text.path, hit.start, hit.end, MARKER, hit.label)
            for text in texts
            for hit in self._scanner.find(text.value)
        )
        if not edits:
            return Allow()
        reason = f"dlp.{edits[0].label}"
        if self.settings.action == "block":
            return Block("The text holds data that must not leave.", reason)
        return Redact(edits, reason)
