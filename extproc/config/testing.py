"""The `testing` section and `tests/*.json`: requests, and what the chain is to say of them (reference, section 6)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import yaml

from extproc.config.binder import Binder
from extproc.model import ConfigError, Fault

Expectation = Literal["allow", "block", "redact", "escalate"]


def _refuse(owner: object, *names: str) -> None:
    for name in names:
        if getattr(owner, name) is not None:
            raise ValueError(f"{name}: not yet supported")


@dataclass(frozen=True, slots=True, kw_only=True)
class CaseInput:
    """A request: `messages`, or its whole body as `request`, in the API of `path`; and what the provider answers, a
    whole reply or the text of one. `team_slugs` is whose key asks; `proxy_name` has no meaning here.
    """

    messages: Any = None
    request: Any = None
    headers: Mapping[str, str] = field(default_factory=dict)
    path: str = "/v1/chat/completions"
    upstream_response: Any = None
    team_slugs: tuple[str, ...] = ()
    proxy_name: str = ""

    def __post_init__(self) -> None:
        """Raises ValueError where nothing is asked."""
        if self.messages is None and self.request is None:
            raise ValueError("expected messages, or a whole body as request")
        if not isinstance(self.request, dict | None):
            raise ValueError("request: expected a mapping")


@dataclass(frozen=True, slots=True, kw_only=True)
class Expected:
    """The chain's verdict, and where it matters the reason."""

    verdict: Expectation
    reason_code: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """One request."""

    name: str
    input: CaseInput
    expected: Expected
    assertions: Any = None

    def __post_init__(self) -> None:
        """Raises ValueError for what is not supported."""
        _refuse(self, "assertions")


@dataclass(frozen=True, slots=True, kw_only=True)
class Suite:
    """Requests for the whole chain, or for one kind of it."""

    name: str
    cases: tuple[Case, ...]
    description: str = ""
    target: str = ""
    assertions: Any = None

    def __post_init__(self) -> None:
        """Raises ValueError for what is not supported."""
        _refuse(self, "assertions")


@dataclass(frozen=True, slots=True, kw_only=True)
class Testing:
    """The section. `default_threshold` is for scores, which nothing here gives yet."""

    default_threshold: float | None = None
    suites: tuple[Suite, ...] = ()
    plugins: Any = None
    strategies: Any = None

    def __post_init__(self) -> None:
        """Raises ValueError for what is not supported."""
        _refuse(self, "plugins", "strategies")


def read_case(path: Path) -> Case:
    """A case from its own file, JSON or YAML. Raises ConfigError."""
    binder = Binder()
    try:
        loader = yaml.SafeLoader(path.read_text("utf-8"))
        loader.name = str(path)
        node: yaml.Node | None = loader.get_single_node()
    except (OSError, UnicodeDecodeError, yaml.YAMLError, RecursionError) as error:
        what = error.strerror if isinstance(error, OSError) else getattr(error, "problem", None)
        raise ConfigError([Fault(str(path), 1, 1, "", f"cannot be read: {what or 'not JSON'}")]) from error
    if node is None:
        raise ConfigError([Fault(str(path), 1, 1, "", "is empty")])
    case: Case | None = binder.bind(node, Case, "")
    if case is None or binder.faults:
        raise ConfigError(binder.faults)
    return case
