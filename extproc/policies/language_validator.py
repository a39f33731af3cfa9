"""`language-validator`: in which languages may be asked and answered (keeptrusts-config.md, 3.8)."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Annotated, Literal

from extproc.detect.language import guess
from extproc.detect.languages import KNOWN
from extproc.model import Allow, Block, Exchange, Text, Verdict
from extproc.policies.base import Between, Policy


@dataclass(frozen=True, slots=True, kw_only=True)
class LanguageSettings:
    """Languages by ISO 639-1; a denied one is denied, and where none is allowed by name, all others are."""

    allowed_languages: tuple[str, ...] = ()
    denied_languages: tuple[str, ...] = ()
    min_confidence: Annotated[float, Between(0, 1)] = 0.5
    action: Literal["block"] = "block"
    apply_to: Literal["input", "output", "both"] = "both"

    def __post_init__(self) -> None:
        """Raises ValueError for a language that is never found."""
        for key in ("allowed_languages", "denied_languages"):
            for each in getattr(self, key):
                if each not in KNOWN:
                    raise ValueError(f"{key}: '{each}' is none of {', '.join(sorted(KNOWN))}")


class LanguageValidator(Policy):
    """Judges what users say and what the model answers, each text by itself."""

    kind = "language-validator"
    Settings = LanguageSettings
    guards_output = True
    unwatchable = "the language of a text is known at its end"

    def __init__(self, settings: LanguageSettings) -> None:
        super().__init__(settings)
        left_out = {"input": {"on_output"}, "output": {"on_input"}, "both": set[str]()}
        self.idle = frozenset(left_out[settings.apply_to])

    def on_input(self, exchange: Exchange) -> Verdict:
        """What users say; instructions and what tools give are mostly in the language of those who made them."""
        texts = exchange.request.texts if exchange.request else ()
        return self._judge(text for text in texts if text.role == "user")

    def on_output(self, exchange: Exchange) -> Verdict:
        """What the model says."""
        return self._judge(exchange.response.texts if exchange.response else ())

    def _judge(self, texts: Iterable[Text]) -> Verdict:
        asked = self.settings
        for text in texts:
            found = guess(text.value)
            if not found.language or found.confidence < asked.min_confidence:
                continue
            if found.language in asked.denied_languages:
                return Block("The text is in a language that is not allowed here.", "language.denied")
            if asked.allowed_languages and found.language not in asked.allowed_languages:
                return Block("The text is in a language that is not allowed here.", "language.not_allowed")
        return Allow()
