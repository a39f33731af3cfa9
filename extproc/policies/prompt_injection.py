"""`prompt-injection`: attempts to overrule the application's instructions (keeptrusts-config.md, 3.1).

The documentation shows patterns flat and under `detection`; both are read. It offers log and escalate but blocks today,
so `block` is the one action. Similarity by embeddings is not here: `embedding_threshold` is refused as unknown.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from extproc.detect.injection import InjectionScanner
from extproc.detect.patterns import Pattern
from extproc.model import Allow, Block, Exchange, Verdict
from extproc.policies.base import Policy

TRUSTED_ROLES = frozenset({"system", "developer", "tools", "response_format", "functions"})
"""What the application itself writes; its instructions are supposed to instruct."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Detection:
    """The nested form of the operator's own patterns."""

    attack_patterns: tuple[Pattern, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Encoding:
    """Which disguises are looked through. Normal forms and look-alikes always are: it costs next to nothing."""

    decode_base64: bool = True
    normalize_unicode: Literal[True] = True
    detect_homoglyphs: Literal[True] = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Boundaries:
    """Tokens that fake the edge between instructions and data."""

    reject_fake_boundaries: bool = True
    enforce_delimiters: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Response:
    """What the caller is told."""

    action: Literal["block"] = "block"
    message: str = "The prompt tries to override instructions and was blocked."
    log_level: Literal["debug", "info", "warn", "error"] = "warn"


@dataclass(frozen=True, slots=True, kw_only=True)
class InjectionSettings:
    """All fields are optional."""

    attack_patterns: tuple[Pattern, ...] = ()
    detection: Detection = field(default_factory=Detection)
    encoding: Encoding = field(default_factory=Encoding)
    boundaries: Boundaries = field(default_factory=Boundaries)
    response: Response = field(default_factory=Response)


class PromptInjection(Policy):
    """Looks at what users, tools and earlier turns say, never at the application's own instructions."""

    kind = "prompt-injection"
    Settings = InjectionSettings

    def __init__(self, settings: InjectionSettings) -> None:
        super().__init__(settings)
        self._scanner = InjectionScanner(
            (*settings.attack_patterns, *settings.detection.attack_patterns),
            boundaries=settings.boundaries.reject_fake_boundaries,
            decode_base64=settings.encoding.decode_base64,
        )

    def on_input(self, exchange: Exchange) -> Verdict:
        """The first text that carries an attack blocks."""
        texts = exchange.request.texts if exchange.request else ()
        said = [text.value for text in texts if text.role not in TRUSTED_ROLES]
        if any(map(self._scanner.find, self._scanner.doubtful(said))):
            return Block(self.settings.response.message, "prompt_injection.detected")
        return Allow()
