"""The shapes of Envoy's own errors; tests/e2e/test_local_replies.py sees them come."""

from __future__ import annotations

import pytest

from extproc.dialects.anthropic_messages.errors import kind_of
from extproc.gateway.envoy.local_replies import ANTHROPIC


@pytest.mark.parametrize("status", ANTHROPIC)
def test_envoy_and_workers_have_one_word_for_a_status_in_anthropics_api(status: int) -> None:
    assert ANTHROPIC[status] == kind_of(status)
