"""`upl-filter`: legal advice to a person, which only a lawyer may give, in replies (keeptrusts-config.md, 3.35)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from extproc.detect.lexicon import Lexicon, Vocabulary
from extproc.detect.lexicons.business import ADVICE, LAW
from extproc.detect.patterns import Hit, Pattern
from extproc.model import Allow, Edit, Exchange, Redact, Text, Verdict
from extproc.policies.lexical import AnsweredOnly

DISCLAIMER = "This is general information and not legal advice; a licensed lawyer can say what applies to your case."
EDUCATION = "What is right in a given case is for a licensed lawyer to say."
_ENDS = ".!?\n"


@dataclass(frozen=True, slots=True, kw_only=True)
class UplSettings:
    """`blocked_patterns` are RE2 expressions, in any case, on top of the built-in ones.

    `require_disclaimer` adds one to an answer about law that has none. `rewrite_to_educational` puts a sentence that
    advises nobody in the place of each that advises, and beats blocking.
    """

    blocked_patterns: tuple[Pattern, ...] = ()
    require_disclaimer: bool = True
    rewrite_to_educational: bool = False


class UplFilter(AnsweredOnly):
    """Blocks a reply that advises, or rewrites it."""

    kind = "upl-filter"
    Settings = UplSettings
    code = "upl"
    message = "The reply gives legal advice to a person."

    def __init__(self, settings: UplSettings) -> None:
        own = Vocabulary(expressions=settings.blocked_patterns)
        super().__init__(settings, ADVICE, own, adds="require_disclaimer" if settings.require_disclaimer else "")
        self._law = Lexicon("law", (LAW,))
        if settings.rewrite_to_educational:
            self.automaton = None
            self.unwatchable = "rewrite_to_educational replaces whole sentences"

    def notes(self, texts: Sequence[Text]) -> Sequence[str]:
        """A disclaimer, where law is talked about."""
        about_law = self.settings.require_disclaimer and any(self._law.find(text.value) for text in texts)
        return (DISCLAIMER,) if about_law else ()

    def _judge(self, exchange: Exchange, texts: Sequence[Text]) -> Verdict:
        if not self.settings.rewrite_to_educational:
            return super()._judge(exchange, texts)
        edits = tuple(
            Edit(text.path, start, end, EDUCATION, "rewritten")
            for text in texts
            for start, end in _sentences(text.value, self.lexicon.find(text.value))
        )
        return Redact(edits, "upl.rewritten") if edits else Allow()


def _sentences(text: str, hits: Sequence[Hit]) -> Iterator[tuple[int, int]]:
    """The sentences in which there are hits, in order, each once."""
    reached = 0
    for hit in hits:
        if hit.start < reached:
            continue
        start = max(text.rfind(mark, reached, hit.start) for mark in _ENDS) + 1
        start = max(start, reached)
        start += len(text[start : hit.start]) - len(text[start : hit.start].lstrip())
        ends = [at for mark in _ENDS if (at := text.find(mark, hit.end)) >= 0]
        reached = min(ends) + (text[min(ends)] != "\n") if ends else len(text)
        yield start, reached
