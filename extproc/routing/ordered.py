"""The `ordered` strategy: every available target that can serve the model, first to last."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

from extproc.model import ClientError, Target


def can_carry(target: Target, model: str) -> bool:
    """A target that names a model serves that one alone; a target without one serves any."""
    return not target.model or target.model == model


def route(targets: Sequence[Target], model: str) -> tuple[str, ...]:
    """Cluster names in the order to try them. Raises ClientError: 404 where no target serves the model, 503 where one
    would, but the gateway holds no credential for it.
    """
    able = [target for target in targets if can_carry(target, model)]
    chosen = tuple(target.cluster for target in able if target.available)
    if chosen:
        return chosen
    if able:
        message = f"No provider of the model {model!r} is available: the gateway holds no credential for it."
        raise ClientError(message, status=503, kind="upstream_error", reason="provider_unavailable")
    served = ", ".join(models(targets)) or "none"
    message = f"The model {model!r} is not served here. Models of this gateway: {served}."
    raise ClientError(message, status=404, reason="model_not_found")


def models(targets: Sequence[Target]) -> tuple[str, ...]:
    """The models that available targets name, in their order, each once: what `GET /v1/models` lists."""
    return tuple(dict.fromkeys(target.model for target in targets if target.model and target.available))


def answers(targets: Sequence[Target]) -> dict[tuple[str, ...], bytes]:
    """For each list that `route` may give, a digest of who would answer: not in which order, nor with which key."""
    lists = {route(targets, model) for model in models(targets)} | {open_to_any(targets)}
    who = {target.cluster: _who(target) for target in targets}
    return {names: hashlib.sha256(b"\n".join(sorted(who[name] for name in names))).digest() for names in lists}


def open_to_any(targets: Sequence[Target]) -> tuple[str, ...]:
    """The targets that serve a model which none of them names."""
    return tuple(target.cluster for target in targets if target.available and not target.model)


def _who(target: Target) -> bytes:
    return repr((target.provider, target.scheme, target.host, target.port, target.prefix, target.model)).encode()
