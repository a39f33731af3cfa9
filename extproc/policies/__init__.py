"""The policy kinds, listed by hand: adding one is a file and a line."""

from __future__ import annotations

from extproc.policies.audit_logger import AuditLogger
from extproc.policies.base import Policy
from extproc.policies.bot_detector import BotDetector
from extproc.policies.code_sanitizer import CodeSanitizer
from extproc.policies.data_routing_policy import DataRoutingPolicy
from extproc.policies.dlp_filter import DlpFilter
from extproc.policies.document_analyzer import DocumentAnalyzer
from extproc.policies.language_validator import LanguageValidator
from extproc.policies.pii_detector import PiiDetector
from extproc.policies.prompt_injection import PromptInjection
from extproc.policies.rbac import Rbac
from extproc.policies.request_rewriter import RequestRewriter
from extproc.policies.response_rewriter import ResponseRewriter

POLICIES: dict[str, type[Policy]] = {
    policy.kind: policy
    for policy in (
        AuditLogger,
        BotDetector,
        CodeSanitizer,
        DataRoutingPolicy,
        DlpFilter,
        DocumentAnalyzer,
        LanguageValidator,
        PiiDetector,
        PromptInjection,
        Rbac,
        RequestRewriter,
        ResponseRewriter,
    )
}
