"""`code-sanitizer`: credentials in the code that a reply carries (keeptrusts-config.md, 3.37).

Its built-in patterns are not documented; they are the rules for credentials here.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from extproc.detect.entities import EntityScanner, operators_rule
from extproc.detect.patterns import Hit, Pattern
from extproc.detect.secrets import SECRETS
from extproc.model import Allow, Block, Edit, Exchange, Redact, Verdict
from extproc.policies.base import Policy, Span, TextPolicy
from extproc.policies.redaction import redactions

MARKER = "[REDACTED]"


@dataclass(frozen=True, slots=True, kw_only=True)
class CodeSettings:
    """`block_on_match` refuses the reply in place of redacting it; `additional_patterns` are RE2 expressions."""

    enabled: bool = True
    block_on_match: bool = False
    additional_patterns: tuple[Pattern, ...] = ()


class CodeSanitizer(TextPolicy):
    """Looks at every text of a reply, tool arguments included: code is not always in a fence."""

    kind = "code-sanitizer"
    reads_keys = True
    Settings = CodeSettings
    on_input = Policy.on_input  # requests are not this kind's business

    def __init__(self, settings: CodeSettings) -> None:
        super().__init__(settings)
        own = tuple(operators_rule("PATTERN", expression) for expression in settings.additional_patterns)
        self.scanner = EntityScanner((*SECRETS, *own) if settings.enabled else ())
        self.watch(self.scanner.watched, folding=True)

    def spans(self, exchange: Exchange, text: str, start: int = 0) -> Sequence[Span]:
        """What a stream carries."""
        return [Span(hit.start, hit.end, MARKER, hit.label) for hit in self.scanner.find(text, start)]

    def verdict(self, edits: tuple[Edit, ...]) -> Verdict:
        """The first one gives the reason."""
        reason = f"code_sanitizer.{edits[0].label.lower()}"
        if self.settings.block_on_match:
            return Block("The reply holds credentials.", reason)
        return Redact(edits, reason)

    def on_output(self, exchange: Exchange) -> Verdict:
        """Every text of the reply; those that are JSON stay JSON."""
        texts = exchange.response.texts if exchange.response else ()
        edits = redactions(texts, self._find, lambda *_: MARKER, self.scanner.quiet)
        return self.verdict(edits) if edits else Allow()

    def _find(self, text: str, context: str) -> list[Hit]:
        return self.scanner.find(text, context=context)
