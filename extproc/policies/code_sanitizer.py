"""`code-sanitizer`: credentials in the code that a reply carries (keeptrusts-config.md, 3.37).

Its built-in patterns are not documented; they are the rules for credentials here.
"""

from __future__ import annotations

from dataclasses import dataclass

from extproc.detect.entities import EntityScanner, operators_rule
from extproc.detect.patterns import Hit, Pattern
from extproc.detect.secrets import SECRETS
from extproc.model import Allow, Block, Exchange, Redact, Verdict
from extproc.policies.base import Policy
from extproc.policies.redaction import redactions

MARKER = "[REDACTED]"


@dataclass(frozen=True, slots=True, kw_only=True)
class CodeSettings:
    """`block_on_match` refuses the reply in place of redacting it; `additional_patterns` are RE2 expressions."""

    enabled: bool = True
    block_on_match: bool = False
    additional_patterns: tuple[Pattern, ...] = ()


class CodeSanitizer(Policy):
    """Looks at every text of a reply, tool arguments included: code is not always in a fence."""

    kind = "code-sanitizer"
    Settings = CodeSettings
    guards_output = True

    def __init__(self, settings: CodeSettings) -> None:
        super().__init__(settings)
        own = tuple(operators_rule("PATTERN", expression) for expression in settings.additional_patterns)
        self.scanner = EntityScanner((*SECRETS, *own) if settings.enabled else ())

    def on_output(self, exchange: Exchange) -> Verdict:
        """Every text of the reply."""
        edits = redactions(
            exchange.response.texts if exchange.response else (), self._find, lambda label, value: MARKER
        )
        if not edits:
            return Allow()
        reason = f"code_sanitizer.{edits[0].label.lower()}"
        if self.settings.block_on_match:
            return Block("The reply holds credentials.", reason)
        return Redact(edits, reason)

    def _find(self, text: str, context: str) -> list[Hit]:
        return self.scanner.find(text, context=context)
