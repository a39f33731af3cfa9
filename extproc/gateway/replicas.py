"""How many gateways serve one address: each has a state directory of its own, and nothing is shared between them yet.

Whoever starts several says so by `KEEPTRUSTS_REPLICAS`, since none can see the others.
"""

from __future__ import annotations

from collections.abc import Mapping

from extproc.model import ExtprocError

VARIABLE = "KEEPTRUSTS_REPLICAS"
ADVICE = "run one, or give all the same keys (docs/kubernetes.md)"
_APART = "each has access keys, limits and events of its own, so a key made in one is unknown to the others"


class ReplicasError(ExtprocError):
    """The operator's: the variable says no number."""

    code = "replicas"


def warning(environ: Mapping[str, str]) -> str:
    """What an operator of several gateways should know; empty for one. Raises ReplicasError."""
    text = environ.get(VARIABLE, "")
    if text and not (text.isascii() and text.isdigit() and 0 < int(text) < 10_000):
        raise ReplicasError(f"{VARIABLE}: expected a number from 1 to 9999, found {text!r}")
    if text and int(text) > 1:
        return f"{text} replicas without shared state: {_APART}"
    if not text and environ.get("KUBERNETES_SERVICE_HOST"):
        return f"{VARIABLE} is not set; should there be several replicas, {_APART}"
    return ""
