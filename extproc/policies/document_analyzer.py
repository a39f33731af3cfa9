"""`document-analyzer`: how large the documents of a request may be, and of which types (keeptrusts-config.md, 3.13)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from extproc.model import Allow, Block, Exchange, Verdict
from extproc.policies.base import Between, Policy


@dataclass(frozen=True, slots=True, kw_only=True)
class DocumentSettings:
    """`allowed_mime_types` are media types in any case, or all of a kind (`image/*`, ours); none listed
    allows all.
    """

    enabled: bool = True
    sanitize_code: bool = False
    max_document_bytes: Annotated[int, Between(1, 1 << 30)] = 524_288
    allowed_mime_types: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        """Raises ValueError for what is not here yet, and for what no document's type can be."""
        if self.sanitize_code:
            raise ValueError("sanitize_code: not yet supported; documents are not decoded")
        for each in self.allowed_mime_types:
            if not all(each.partition("/")):
                raise ValueError(f"allowed_mime_types: expected a type like image/png or image/*, found '{each}'")


class DocumentAnalyzer(Policy):
    """Blocks for the first document that may not pass, or cannot be measured. It decodes none."""

    kind = "document-analyzer"
    Settings = DocumentSettings
    guards_input = False

    def __init__(self, settings: DocumentSettings) -> None:
        super().__init__(settings)
        self.idle = frozenset() if settings.enabled else frozenset({"on_input"})
        self._allowed = frozenset(each.lower() for each in settings.allowed_mime_types)

    def on_input(self, exchange: Exchange) -> Verdict:
        """Each document, in order."""
        for document in exchange.request.documents if exchange.request else ():
            if document.size is None:
                message = "The request names a document that stands elsewhere and cannot be checked; send its content."
                return Block(message, "document.elsewhere")
            if document.size > self.settings.max_document_bytes:
                most = self.settings.max_document_bytes
                return Block(f"The request holds a document of more than {most} bytes.", "document.too_large")
            if self._allowed and not self._lists(document.mime):
                return Block("The request holds a document of a type that is not allowed.", "document.mime_type")
        return Allow()

    def _lists(self, mime: str) -> bool:
        return mime in self._allowed or f"{mime.partition('/')[0]}/*" in self._allowed
