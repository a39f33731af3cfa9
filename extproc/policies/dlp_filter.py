"""`dlp-filter`: the operator's own patterns and terms, in requests and replies (keeptrusts-config.md, 3.6)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, Literal

from extproc.detect.fuzzy import FuzzyTerms, beside
from extproc.detect.markings import HEADINGS, PHRASES
from extproc.detect.patterns import Hit, Pattern, PatternSpec, Scanner
from extproc.detect.shadow import may_hide, seen_through
from extproc.model import Allow, Block, Edit, Exchange, Redact, Text, Verdict
from extproc.policies.base import Between, Span, TextPolicy
from extproc.policies.redaction import redactions

MARKER = "[DLP_REDACTED]"

_SECRET = (HEADINGS["confidential"], HEADINGS["restricted"])
_MARKINGS = {"standard": (), "high": _SECRET, "restricted": (*_SECRET, *PHRASES.values())}
"""Markings that say a whole document is classified: as a heading or banner, and for `restricted` in a sentence too."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DlpSettings:
    """`detect_patterns` are RE2 expressions, `blocked_terms` literal and caseless.

    `max_distance` counts edits by which words may differ from a blocked term, with `fuzzy_matching` only.
    `sensitivity_level` above standard looks for classification markings, which block whatever the action is: a marking
    that is taken out leaves the document that it marks.
    """

    detect_patterns: tuple[Pattern, ...] = ()
    blocked_terms: tuple[str, ...] = ()
    action: Literal["redact", "block"] = "redact"
    fuzzy_matching: bool = False
    max_distance: Annotated[int, Between(0, 8)] = 1
    sensitivity_level: Literal["standard", "high", "restricted"] = "standard"

    def __post_init__(self) -> None:
        """Raises ValueError for a term that would be found everywhere."""
        if not all(term.strip() for term in self.blocked_terms):
            raise ValueError("blocked_terms: expected terms, found an empty one")


class DlpFilter(TextPolicy):
    """Redacts each occurrence, or blocks at the first."""

    kind = "dlp-filter"
    Settings = DlpSettings

    def __init__(self, settings: DlpSettings) -> None:
        super().__init__(settings)
        specs = (
            *(PatternSpec("pattern", expression) for expression in settings.detect_patterns),
            *(PatternSpec("term", term, caseless=True, literal=True) for term in settings.blocked_terms),
        )
        markings = tuple(PatternSpec("classification", each) for each in _MARKINGS[settings.sensitivity_level])
        self._scanner = Scanner(specs)
        self._markings = Scanner(markings)
        self._fuzzy = FuzzyTerms(
            "term", settings.blocked_terms if settings.fuzzy_matching else (), settings.max_distance
        )
        if settings.fuzzy_matching:
            self.unwatchable = "fuzzy_matching compares whole words, which a pattern cannot follow"
        else:
            self.watch((*specs, *markings))

    def spans(self, exchange: Exchange, text: str, start: int = 0) -> Sequence[Span]:
        """Each occurrence of a pattern or term; markings come first, because they decide alone."""
        return [Span(hit.start, hit.end, MARKER, hit.label) for hit in self._hits(text, start)]

    def verdict(self, edits: tuple[Edit, ...]) -> Verdict:
        """A marking blocks; else the first one gives the reason."""
        if any(edit.label == "classification" for edit in edits):
            return Block("The text is marked as classified.", "dlp.classification")
        reason = f"dlp.{edits[0].label}"
        if self.settings.action == "block":
            return Block("The text holds data that must not leave.", reason)
        return Redact(edits, reason)

    def _judge(self, exchange: Exchange, texts: Sequence[Text]) -> Verdict:
        """As spans, but strings in a text that is JSON are judged decoded, and it stays JSON."""
        edits = redactions(texts, lambda text, _: self._hits(text, 0), lambda *_: MARKER, self._quiet)
        return self.verdict(edits) if edits else Allow()

    def _quiet(self, text: str) -> bool:
        quiet = self._scanner.quiet(text) and self._markings.quiet(text)
        return quiet and not self.settings.fuzzy_matching and not may_hide(text, text)

    def _hits(self, text: str, start: int) -> list[Hit]:
        return seen_through(text, text, start, self._plain_hits)

    def _plain_hits(self, text: str, start: int) -> list[Hit]:
        markings = self._markings.find(text, start) if self.settings.sensitivity_level != "standard" else []
        return markings or self._found(text, start)

    def _found(self, text: str, start: int) -> list[Hit]:
        exact = self._scanner.find(text, start)
        if not self.settings.fuzzy_matching:
            return exact
        near = [hit for hit in self._fuzzy.find(text) if hit.start >= start]
        return sorted([*exact, *beside(near, exact)], key=lambda hit: hit.start)
