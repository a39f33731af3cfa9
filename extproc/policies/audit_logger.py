"""`audit-logger`: states how the audit trail is kept (keeptrusts-config.md, 3.15). The trail is always written."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from extproc.policies.base import Between, Policy


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditSettings:
    """As documented; every outcome is recorded whatever `log_all_access` says."""

    immutable: bool = True
    retention_days: Annotated[int, Between(1, 36500)] = 365
    hipaa_audit_controls: bool = False
    log_all_access: bool = True


class AuditLogger(Policy):
    """Judges nothing: the record is the session's duty and cannot be left out of a chain."""

    kind = "audit-logger"
    Settings = AuditSettings
