"""The `ordered` strategy: every available target that can serve the model, first to last."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence

from extproc.model import ClientError, Target

_ANTHROPIC = "anthropic"
_CHAT = "openai-chat"
_ALIKE = (_CHAT, f"{_ANTHROPIC}-messages", "")
"""A dialect for each way in which targets can be split by what they speak; the last stands for OpenAI's others."""


def can_carry(target: Target, model: str) -> bool:
    """A target that names a model serves that one alone; a target without one serves any."""
    return not target.model or target.model == model


def speaks(target: Target, dialect: str) -> bool:
    """Whether a target takes requests of this dialect as they are. Anthropic takes OpenAI's chat beside its own."""
    if target.provider == _ANTHROPIC:
        return dialect == _CHAT or dialect.startswith(f"{_ANTHROPIC}-")
    return not dialect.startswith(f"{_ANTHROPIC}-")


def route(targets: Sequence[Target], model: str, dialect: str) -> tuple[Target, ...]:
    """Targets in the order to try them. Raises ClientError: 404 where no target serves the model in this dialect,
    503 where one would, but the gateway holds no credential for it.
    """
    speaking = [target for target in targets if speaks(target, dialect)]
    able = [target for target in speaking if can_carry(target, model)]
    chosen = tuple(target for target in able if target.available)
    if chosen:
        return chosen
    if able:
        message = f"No provider of the model {model!r} is available: the gateway holds no credential for it."
        raise ClientError(message, status=503, kind="upstream_error", reason="provider_unavailable")
    raise ClientError(_unserved(targets, speaking, model), status=404, reason="model_not_found")


def clusters(targets: Sequence[Target]) -> tuple[str, ...]:
    """What Envoy calls them. Raises LookupError for none, which ends the exchange: Envoy would take any target then."""
    if not targets:
        raise LookupError("a request may go to no target, and was not refused")
    return tuple(target.cluster for target in targets)


def _unserved(targets: Sequence[Target], speaking: Sequence[Target], model: str) -> str:
    served = ", ".join(models(speaking)) or "none"
    if len(speaking) == len(targets):
        return f"The model {model!r} is not served here. Models of this gateway: {served}."
    return f"The model {model!r} is not served here at this URL. Models that are: {served}."


def models(targets: Sequence[Target]) -> tuple[str, ...]:
    """The models that available targets name, in their order, each once: what `GET /v1/models` lists."""
    return tuple(dict.fromkeys(target.model for target in targets if target.model and target.available))


def accounts(targets: Sequence[Target], dialect: str) -> tuple[str, ...] | None:
    """A cluster for each account in which something may be kept that was said in this dialect; None where no target
    speaks it. Targets that differ in their model alone share an account.
    """
    speaking = [target for target in targets if speaks(target, dialect)]
    places = {_account(target): target for target in reversed(speaking) if target.available}
    return _clusters(target for target in speaking if target in places.values()) if speaking else None


def _account(target: Target) -> tuple[object, ...]:
    address = (target.scheme, target.host, target.port, target.prefix)
    return (*address, target.key_header, target.secret_env, target.secret_file)


def answers(targets: Sequence[Target]) -> dict[tuple[str, ...], bytes]:
    """For each list that `route` may give, a digest of who would answer: not in which order, nor with which key."""
    lists: set[tuple[str, ...]] = set()
    for dialect in _ALIKE:
        speaking = [target for target in targets if speaks(target, dialect)]
        lists |= {_clusters(target for target in speaking if can_carry(target, model)) for model in models(speaking)}
        lists.add(open_to_any(speaking))
    who = {target.cluster: _who(target) for target in targets}
    return {names: hashlib.sha256(b"\n".join(sorted(who[name] for name in names))).digest() for names in lists}


def open_to_any(targets: Sequence[Target]) -> tuple[str, ...]:
    """The targets that serve a model which none of them names."""
    return _clusters(target for target in targets if not target.model)


def _clusters(targets: Iterable[Target]) -> tuple[str, ...]:
    return tuple(target.cluster for target in targets if target.available)


def _who(target: Target) -> bytes:
    return repr((target.provider, target.scheme, target.host, target.port, target.prefix, target.model)).encode()
