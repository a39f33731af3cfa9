"""The `ordered` strategy: every target that can serve the model, first to last."""

from __future__ import annotations

from collections.abc import Sequence

from extproc.model import ClientError, Target


def can_carry(target: Target, model: str) -> bool:
    """A target that names a model serves that one alone; a target without one serves any."""
    return not target.model or target.model == model


def route(targets: Sequence[Target], model: str) -> tuple[str, ...]:
    """Cluster names in the order to try them. Raises ClientError (404) where no target serves the model."""
    chosen = tuple(target.cluster for target in targets if can_carry(target, model))
    if chosen:
        return chosen
    served = ", ".join(models(targets)) or "none"
    message = f"The model {model!r} is not served here. Models of this gateway: {served}."
    raise ClientError(message, status=404, reason="model_not_found")


def models(targets: Sequence[Target]) -> tuple[str, ...]:
    """The models that targets name, in their order, each once: what `GET /v1/models` lists."""
    return tuple(dict.fromkeys(target.model for target in targets if target.model))
