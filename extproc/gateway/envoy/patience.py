"""How long a route waits. No total timeout: streams last for minutes.

Time to the first byte, silence and total length are bounded.
"""

from __future__ import annotations

from extproc.config.values import Limits
from extproc.gateway.envoy.settings import Json, seconds


def of_request(limits: Limits) -> Json:
    """The members of a route's action."""
    return {
        "timeout": "0s",
        "idle_timeout": seconds(limits.stream_idle_timeout_seconds + 30),
        "max_stream_duration": {"max_stream_duration": seconds(limits.max_stream_duration_seconds)},
    }


def of_attempt(limits: Limits) -> Json:
    """The members of its retry policy, which hold where nothing is retried too."""
    return {
        "per_try_timeout": seconds(limits.first_byte_timeout_seconds),
        "per_try_idle_timeout": seconds(limits.stream_idle_timeout_seconds),
    }
