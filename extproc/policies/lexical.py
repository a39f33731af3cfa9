"""What the kinds share that look for a vocabulary: each is a declaration of what it looks for and what follows."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

from extproc.detect.lexicon import Lexicon, Vocabulary
from extproc.model import Allow, Block, Edit, Escalate, Exchange, Redact, Text, Verdict
from extproc.policies.base import Policy, Span, TextPolicy
from extproc.policies.disclaimers import appended
from extproc.policies.redaction import redactions


class LexicalPolicy(TextPolicy):
    """Judges texts by a vocabulary.

    Its settings may have `action` (block, where they have none), `fuzzy_matching` and `max_distance`. `code` begins the
    reason, `message` is what the client is told, `marker` stands in the place of what is redacted.
    """

    code: ClassVar[str]
    message: ClassVar[str]
    marker: ClassVar[str] = "[REDACTED]"

    def __init__(self, settings: Any, *vocabularies: Vocabulary, own: tuple[str, ...] = ()) -> None:
        """`own` are the operator's terms. Raises ValueError for one that would be found everywhere."""
        super().__init__(settings)
        fuzzy = own if getattr(settings, "fuzzy_matching", False) else ()
        known = (*vocabularies, Vocabulary(terms=own))
        self.lexicon = Lexicon("term", known, fuzzy=fuzzy, max_distance=getattr(settings, "max_distance", 0))
        if fuzzy:
            self.unwatchable = "fuzzy_matching compares whole words, which a pattern cannot follow"
        else:
            self.watch(self.lexicon.specs, folding=True)

    def spans(self, exchange: Exchange, text: str, start: int = 0) -> Sequence[Span]:
        """Each occurrence."""
        return [Span(hit.start, hit.end, self.marker, hit.label) for hit in self.lexicon.find(text, start)]

    def verdict(self, edits: tuple[Edit, ...]) -> Verdict:
        """As the settings say."""
        reason = f"{self.code}.{edits[0].label}"
        match getattr(self.settings, "action", "block"):
            case "redact":
                return Redact(edits, reason)
            case "escalate":
                return Escalate(self.message, reason)
            case _:
                return Block(self.message, reason)

    def _judge(self, exchange: Exchange, texts: Sequence[Text]) -> Verdict:
        """As spans, but strings in a text that is JSON are judged decoded, and it stays JSON."""
        find = self.lexicon.find
        edits = redactions(texts, lambda text, _: find(text), lambda *_: self.marker, self.lexicon.quiet)
        return self.verdict(edits) if edits else Allow()


class AskedOnly(LexicalPolicy):
    """What users ask; replies are not this kind's business."""

    guards_output = False
    on_output = Policy.on_output


class AnsweredOnly(LexicalPolicy):
    """What the model answers; requests are not this kind's business. What an answer must not be without is added."""

    on_input = Policy.on_input

    def __init__(self, settings: Any, *vocabularies: Vocabulary, adds: str) -> None:
        """`adds` is the setting that has something added at the end of an answer, or ''."""
        super().__init__(settings, *vocabularies)
        if adds:
            self.automaton = None
            self.unwatchable = f"{adds} adds to the end of an answer"

    def notes(self, texts: Sequence[Text]) -> Sequence[str]:
        """What each answer has to say."""
        raise NotImplementedError

    def on_output(self, exchange: Exchange) -> Verdict:
        """What is found, and what is lacking."""
        texts = exchange.response.texts if exchange.response else ()
        verdict = self._judge(exchange, texts)
        if isinstance(verdict, Block | Escalate):
            return verdict
        found = verdict.edits if isinstance(verdict, Redact) else ()
        edits = (*found, *appended(texts, self.notes(texts)))
        return Redact(edits, f"{self.code}.{edits[0].label}") if edits else Allow()


def named(key: str, terms: tuple[str, ...]) -> None:
    """Raises ValueError for a term that would be found everywhere."""
    if not all(term.strip() for term in terms):
        raise ValueError(f"{key}: expected terms, found an empty one")
