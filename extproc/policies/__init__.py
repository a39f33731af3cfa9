"""The policy kinds, listed by hand: adding one is a file and a line."""

from __future__ import annotations

from extproc.policies.agent_firewall import AgentFirewall
from extproc.policies.audit_logger import AuditLogger
from extproc.policies.base import Policy
from extproc.policies.bot_detector import BotDetector
from extproc.policies.code_sanitizer import CodeSanitizer
from extproc.policies.data_routing_policy import DataRoutingPolicy
from extproc.policies.dlp_filter import DlpFilter
from extproc.policies.document_analyzer import DocumentAnalyzer
from extproc.policies.dual_use_filter import DualUseFilter
from extproc.policies.entity_list_filter import EntityListFilter
from extproc.policies.financial_compliance import FinancialCompliance
from extproc.policies.healthcare_compliance import HealthcareCompliance
from extproc.policies.hipaa_phi_detector import HipaaPhiDetector
from extproc.policies.itar_ear_filter import ItarEarFilter
from extproc.policies.language_validator import LanguageValidator
from extproc.policies.mnpi_filter import MnpiFilter
from extproc.policies.pii_detector import PiiDetector
from extproc.policies.prompt_injection import PromptInjection
from extproc.policies.rbac import Rbac
from extproc.policies.request_rewriter import RequestRewriter
from extproc.policies.response_rewriter import ResponseRewriter
from extproc.policies.safety_filter import SafetyFilter
from extproc.policies.student_privacy import StudentPrivacy
from extproc.policies.tool_budget import ToolBudget
from extproc.policies.tool_security import ToolSecurity
from extproc.policies.tool_validation import ToolValidation
from extproc.policies.upl_filter import UplFilter

POLICIES: dict[str, type[Policy]] = {
    policy.kind: policy
    for policy in (
        AgentFirewall,
        AuditLogger,
        BotDetector,
        CodeSanitizer,
        DataRoutingPolicy,
        DlpFilter,
        DocumentAnalyzer,
        DualUseFilter,
        EntityListFilter,
        FinancialCompliance,
        HealthcareCompliance,
        HipaaPhiDetector,
        ItarEarFilter,
        LanguageValidator,
        MnpiFilter,
        PiiDetector,
        PromptInjection,
        Rbac,
        RequestRewriter,
        ResponseRewriter,
        SafetyFilter,
        StudentPrivacy,
        ToolBudget,
        ToolSecurity,
        ToolValidation,
        UplFilter,
    )
}
