"""The policy kinds, listed by hand: adding one is a file and a line."""

from __future__ import annotations

from extproc.policies.audit_logger import AuditLogger
from extproc.policies.base import Policy
from extproc.policies.dlp_filter import DlpFilter
from extproc.policies.prompt_injection import PromptInjection
from extproc.policies.rbac import Rbac

POLICIES: dict[str, type[Policy]] = {policy.kind: policy for policy in (AuditLogger, DlpFilter, PromptInjection, Rbac)}
