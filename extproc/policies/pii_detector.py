"""`pii-detector`: personal data and credentials, in requests and replies (keeptrusts-config.md, 3.2).

The documentation names the marker styles label, asterisk and partial without their spelling; those words it is, and
`numbered` is ours, like `restore`, `private_addresses` and the credentials among what is found.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass, field, replace
from secrets import token_hex
from typing import Literal

from extproc.detect import pii, secrets
from extproc.detect.entities import EntityRule, EntityScanner, operators_rule
from extproc.detect.json_strings import is_json
from extproc.detect.marks import PLACEHOLDER, Marks, Placeholders, Style
from extproc.detect.national_ids import MACHINES, NATIONAL_IDS
from extproc.detect.patterns import Hit, Pattern
from extproc.model import Allow, Block, Edit, Exchange, Redact, Text, Verdict
from extproc.policies.base import Span, TextPolicy
from extproc.policies.redaction import redactions

RESTORED = "restored"
"""The label under which values that were put back are counted."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CustomMarkers:
    """A marker of the operator's own for a type, in place of the style's.

    `national_id` stands for the identity, tax and document numbers of all countries, `custom` for `detect_patterns`.
    """

    email: str = ""
    phone: str = ""
    ssn: str = ""
    ip: str = ""
    iban: str = ""
    card: str = ""
    cvv: str = ""
    cardholder: str = ""
    mrn: str = ""
    insurance_id: str = ""
    npi: str = ""
    secret: str = ""
    national_id: str = ""
    crypto: str = ""
    mac_address: str = ""
    custom: str = ""

    def by_label(self) -> dict[str, str]:
        """The markers by the labels of what they stand for."""
        chosen = {name.upper(): marker for name, marker in asdict(self).items() if marker}
        numbers = chosen.pop("NATIONAL_ID", "")
        return chosen | ({rule.label: numbers for rule in NATIONAL_IDS} if numbers else {})


@dataclass(frozen=True, slots=True, kw_only=True)
class Redaction:
    """How values are replaced. `include_metadata`: the record counts redactions by type, not as `pii` alone.

    `restore`: replies that name a placeholder get the value back, on their way to the client.
    """

    marker_format: Style = "label"
    include_metadata: bool = True
    preserve_length: bool = False
    custom_markers: CustomMarkers = field(default_factory=CustomMarkers)
    restore: bool = False

    def __post_init__(self) -> None:
        """Raises ValueError for fields that contradict each other."""
        if self.restore and self.marker_format != "numbered":
            raise ValueError("restore needs marker_format: numbered; only numbers lead back to values")
        if self.preserve_length and self.marker_format == "numbered":
            raise ValueError("preserve_length and marker_format: numbered exclude each other")


@dataclass(frozen=True, slots=True, kw_only=True)
class PiiSettings:
    """All fields are optional. `private_addresses`: private and loopback IP addresses count too."""

    action: Literal["redact", "block"] = "redact"
    healthcare_mode: bool = False
    pci_mode: bool = True
    private_addresses: bool = False
    detect_patterns: tuple[Pattern, ...] = ()
    redaction: Redaction = field(default_factory=Redaction)


class PiiDetector(TextPolicy):
    """Redacts each value, or blocks at the first."""

    kind = "pii-detector"
    reads_keys = True
    Settings = PiiSettings

    def __init__(self, settings: PiiSettings, nonce: Callable[[], str] = lambda: token_hex(4)) -> None:
        super().__init__(settings)
        redaction = settings.redaction
        self.marks = Marks(redaction.marker_format, redaction.preserve_length, redaction.custom_markers.by_label())
        self.scanner = EntityScanner(rules(settings))
        self._nonce = nonce
        self.watch((*self.scanner.watched, *((PLACEHOLDER,) if redaction.restore else ())), folding=True)

    def spans(self, exchange: Exchange, text: str, start: int = 0) -> Sequence[Span]:
        """What a stream carries; placeholders of the request become values again where that is asked for."""
        placeholders = self.placeholders(exchange)
        named = self.settings.redaction.include_metadata
        found = [
            Span(
                hit.start,
                hit.end,
                self.marks.of(hit.label, text[hit.start : hit.end], placeholders),
                hit.label if named else "pii",
            )
            for hit in self.scanner.find(text, start)
        ]
        if not self.settings.redaction.restore:
            return found
        restored = [Span(a, b, value, RESTORED) for a, b, value in placeholders.find(text) if a >= start]
        free = [span for span in restored if not any(a.start < span.end and span.start < a.end for a in found)]
        return sorted([*found, *free], key=lambda span: span.start)

    def verdict(self, edits: tuple[Edit, ...]) -> Verdict:
        """Putting a value back refuses nothing."""
        found = [edit for edit in edits if edit.label != RESTORED]
        if found and self.settings.action == "block":
            return Block("The text holds personal data that must not pass.", self._reason(found[0].label))
        return Redact(edits, self._reason(found[0].label) if found else "pii.restored")

    def on_input(self, exchange: Exchange) -> Verdict:
        """Every text of the request."""
        return self._decide(exchange, exchange.request.texts if exchange.request else (), ())

    def on_output(self, exchange: Exchange) -> Verdict:
        """Every text of the reply; placeholders of the request become values again where that is asked for."""
        texts = exchange.response.texts if exchange.response else ()
        restored = self._restored(exchange, texts) if self.settings.redaction.restore else ()
        return self._decide(exchange, texts, restored)

    def placeholders(self, exchange: Exchange) -> Placeholders:
        """The exchange's numbered placeholders."""
        known = exchange.memory.get(self.kind)
        if isinstance(known, Placeholders):
            return known
        made = exchange.memory[self.kind] = Placeholders(self._nonce() if self.settings.redaction.restore else "")
        return made

    def _decide(self, exchange: Exchange, texts: Sequence[Text], restored: Sequence[Edit]) -> Verdict:
        placeholders = self.placeholders(exchange)
        edits = redactions(
            texts,
            self._find,
            lambda label, value: self.marks.of(label, value, placeholders),
            self.scanner.quiet,
        )
        if not self.settings.redaction.include_metadata:
            edits = tuple(replace(edit, label="pii") for edit in edits)
        edits += tuple(_apart(restored, edits))
        return self.verdict(edits) if edits else Allow()

    def _find(self, text: str, context: str) -> list[Hit]:
        return self.scanner.find(text, context=context)

    def _reason(self, label: str) -> str:
        return f"pii.{label.lower()}" if self.settings.redaction.include_metadata else "pii.detected"

    def _restored(self, exchange: Exchange, texts: Sequence[Text]) -> tuple[Edit, ...]:
        placeholders = self.placeholders(exchange)
        return tuple(
            Edit(text.path, start, end, json.dumps(value)[1:-1] if structured else value, RESTORED)
            for text in texts
            if (found := placeholders.find(text.value))
            for structured in (is_json(text.value),)
            for start, end, value in found
        )


def rules(settings: PiiSettings) -> tuple[EntityRule, ...]:
    """The rules that these settings ask for. Credentials of every make are one type, `SECRET`."""
    credentials = tuple(replace(rule, label="SECRET") for rule in secrets.SECRETS)
    own = tuple(operators_rule("CUSTOM", expression) for expression in settings.detect_patterns)
    return (
        *(*pii.EMAIL, *pii.SSN, *pii.PHONE, *pii.IBAN),
        *(pii.IP_PRIVATE if settings.private_addresses else pii.IP),
        *(pii.PCI if settings.pci_mode else ()),
        *(pii.HEALTH if settings.healthcare_mode else ()),
        *credentials,
        *NATIONAL_IDS,
        *MACHINES,
        *own,
    )


def _apart(edits: Sequence[Edit], others: Sequence[Edit]) -> Iterator[Edit]:
    """The edits that overlap none of the others: what was found anew goes before what would be put back."""
    taken: dict[object, list[tuple[int, int]]] = {}
    for other in others:
        taken.setdefault(other.path, []).append((other.start, other.end))
    for edit in edits:
        if not any(start < edit.end and edit.start < end for start, end in taken.get(edit.path, ())):
            yield edit
