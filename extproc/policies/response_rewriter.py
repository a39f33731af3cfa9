"""`response-rewriter`: what the operator adds to and changes in replies (keeptrusts-config.md, 3.36)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from extproc.detect.json_strings import is_json, rewritten_values
from extproc.model import Allow, Edit, Exchange, Redact, Text, Verdict
from extproc.policies.base import Policy
from extproc.policies.rewriting import Rewriter, Rule, edit


@dataclass(frozen=True, slots=True, kw_only=True)
class ResponseRewriterSettings:
    """`preserve_structure`: in a text that is JSON only the values of strings change, so that it stays JSON."""

    preserve_structure: bool = True
    rules: tuple[Rule, ...] = ()


class ResponseRewriter(Policy):
    """Rules replace in every text of a reply; prepend and append add to each choice's answer, unless that is JSON.

    No `TextPolicy`: conditions, the end to append to and whether an answer is JSON are only known at its end.
    """

    kind = "response-rewriter"
    Settings = ResponseRewriterSettings
    guards_output = True

    def __init__(self, settings: ResponseRewriterSettings) -> None:
        super().__init__(settings)
        self._rewriter = Rewriter(settings.rules)

    def on_output(self, exchange: Exchange) -> Verdict:
        """All texts that changed, as edits."""
        edits = tuple(self._edits(exchange.response.texts if exchange.response else ()))
        return Redact(edits, f"response_rewriter.{edits[0].label}") if edits else Allow()

    def _edits(self, texts: tuple[Text, ...]) -> Iterator[Edit]:
        for text in texts:
            structured = self.settings.preserve_structure and is_json(text.value)
            if structured:
                value, rule = rewritten_values(text.value, lambda each: self._rewriter.rewritten(each, adds=False))
            else:
                value, rule = self._rewriter.rewritten(text.value, adds=text.path[-1:] == ("content",))
            if rule:
                yield edit(text, value, rule)
