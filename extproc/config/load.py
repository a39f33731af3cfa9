"""Reads policy-config.yaml: the files, their merging, the sections, and what sections mean together."""

from __future__ import annotations

import hashlib
import ipaddress
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Literal
from urllib.parse import urlsplit

import yaml

from extproc.config.binder import Binder
from extproc.config.caching import Caching
from extproc.config.cors import Cors
from extproc.config.merge import merged
from extproc.config.passthrough import Passthrough
from extproc.config.testing import Testing
from extproc.config.values import CacheSettings, ChainEntry, Config, Limits, Loaded, Pack, When
from extproc.model import ConfigError, DataPolicy, Fault, Target
from extproc.policies import POLICIES
from extproc.policies.base import Policy, TextPolicy
from extproc.routing.unscanned import Allowance

SECTIONS = (
    "pack", "providers", "policies", "policy", "limits", "workflow_cache", "cache", "cors", "passthrough", "testing",
)  # fmt: skip
NOT_YET = (
    "agents", "callbacks", "consumer_groups", "global_rate_limit", "health_monitor", "history",
    "ip_allowlist", "ip_rate_limit", "loads", "model_groups", "provider_fallback", "provider_routing", "rate_limits",
    "routes", "size_limits", "token_rate_limit", "user_rate_limit",
)  # fmt: skip
KINDS_NOT_YET = (
    "bias-monitor", "case-privacy", "citation-verifier", "cjis-mode", "content-extractor",
    "embedding-detector", "eu-ai-act", "external-moderation", "flagged-review", "gdpr-compliance",
    "human-oversight", "quality-scorer",
)  # fmt: skip
PROVIDERS = {"openai": "https://api.openai.com", "anthropic": "https://api.anthropic.com"}
"""Where a provider is reached when its target gives no base_url."""

_BEARER = ("authorization", "Bearer ")
_KEYS = {"anthropic": ("x-api-key", "")}
"""In which header a provider takes its key, and what stands before it there; `_BEARER` for the others."""

_FORBIDDEN_HOSTS = frozenset({"metadata.google.internal", "metadata", "instance-data"})
_FORBIDDEN_NETS = tuple(map(ipaddress.ip_network, ("169.254.0.0/16", "fe80::/10", "fd00:ec2::/32")))
_NAME = re.compile(r"[A-Za-z0-9._-]{1,64}")
_VERSION = re.compile(r"\d+\.\d+\.\d+(?:[-+][0-9A-Za-z.+-]+)?")


@dataclass(frozen=True, slots=True, kw_only=True)
class SecretRef:
    """Where a credential stands: exactly one of a variable's name and a file's path."""

    env: str = ""
    file: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class TargetDocument:
    """`providers.targets[]` as written."""

    id: str
    provider: str
    model: str = ""
    base_url: str = ""
    secret_key_ref: SecretRef = field(default_factory=SecretRef)
    api_key_header: str | None = None
    api_key_prefix: str | None = None
    data_policy: DataPolicy = field(default_factory=DataPolicy)
    zdr: bool | None = None

    def __post_init__(self) -> None:
        """Raises ValueError where `zdr` says otherwise than `data_policy`."""
        if self.zdr is False and self.data_policy.zero_data_retention:
            raise ValueError("zdr: false and data_policy.zero_data_retention: true contradict each other")
        if self.zdr and self.data_policy.retention_days:
            raise ValueError("zdr: true and data_policy.retention_days above 0 contradict each other")

    @property
    def declared(self) -> DataPolicy:
        """What the provider has agreed to; `zdr` is short for `data_policy.zero_data_retention`."""
        return replace(self.data_policy, zero_data_retention=True) if self.zdr else self.data_policy


@dataclass(frozen=True, slots=True, kw_only=True)
class Routing:
    """`ordered`: the first target that answers. `single` says that there is only one."""

    strategy: Literal["ordered", "single"] = "ordered"


@dataclass(frozen=True, slots=True, kw_only=True)
class Providers:
    """The `providers` section."""

    targets: tuple[TargetDocument, ...]
    routing: Routing = field(default_factory=Routing)


@dataclass(frozen=True, slots=True, kw_only=True)
class EntryOptions:
    """What may stand beside a kind in the chain; `mode`, `on_error` and `stream` are ours."""

    when: When = field(default_factory=When)
    stage: Literal["pre-request", "post-request", "pre-response", "post-response", ""] = ""
    mode: Literal["enforce", "shadow"] = "enforce"
    on_error: Literal["block", "allow", ""] = ""
    stream: Literal["realtime", "buffered", ""] = ""


def load(
    paths: Sequence[Path],
    *,
    environ: Mapping[str, str],
    kinds: Mapping[str, type[Policy]] = POLICIES,
    read: Callable[[Path], bytes] = Path.read_bytes,
) -> Loaded:
    """One configuration from files, later over earlier. Raises ConfigError with every fault found.

    `read` says what a file holds, for one whose contents were read before; it may raise OSError.
    """
    binder = Binder()
    nodes = [node for path in paths if (node := _read(path, binder, read)) is not None]
    if binder.faults or not nodes:
        raise ConfigError(binder.faults or [Fault("", 0, 0, "", "no configuration file was given")])
    return _Loading(binder, environ, kinds).load(merged(nodes))


def load_shared(paths: Sequence[Path]) -> tuple[CacheSettings, Limits]:
    """What the files say about what workers share, for a process that knows no policies. Raises ConfigError."""
    binder = Binder()
    nodes = [node for path in paths if (node := _read(path, binder, Path.read_bytes)) is not None]
    if not binder.faults and nodes:
        members = {name: value for name, (_, value) in binder.mapping(merged(nodes), "").items()}
        settings = Caching(binder, members).settings()
        limits = binder.bind(members["limits"], Limits, "limits") if "limits" in members else Limits()
        if not binder.faults:
            return settings, limits
    raise ConfigError(binder.faults)


def _read(path: Path, binder: Binder, read: Callable[[Path], bytes]) -> yaml.Node | None:
    def refuse(message: str, line: int = 1, column: int = 1) -> yaml.Node | None:
        binder.faults.append(Fault(str(path), line, column, "", message))
        return None

    try:
        text = read(path).decode("utf-8")
        loader = yaml.SafeLoader(text)
        loader.name = str(path)
        node: yaml.Node | None = loader.get_single_node()
    except OSError as error:
        return refuse(f"cannot be read: {error.strerror}")
    except UnicodeDecodeError as error:
        return refuse(f"is not UTF-8: byte {error.start} is out of place")
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        what = getattr(error, "problem", None) or getattr(error, "reason", "not YAML")
        return refuse(f"is not YAML: {what}", *((mark.line + 1, mark.column + 1) if mark else ()))
    except RecursionError:
        return refuse("is nested too deeply")
    if node is None:
        return refuse("is empty")
    if any(isinstance(event, yaml.AliasEvent) for event in yaml.parse(text, yaml.SafeLoader)):
        return refuse("uses a YAML alias; write the value out")
    return node


@dataclass(slots=True)
class _Loading:
    binder: Binder
    environ: Mapping[str, str]
    kinds: Mapping[str, type[Policy]]
    warnings: list[Fault] = field(default_factory=list)

    def load(self, root: yaml.Node) -> Loaded:
        members = self._sections(root)
        pack = self.binder.bind(members["pack"], Pack, "pack") if "pack" in members else None
        if pack and not _VERSION.fullmatch(pack.version):
            self.binder.fault(members["pack"], "pack.version", f"expected a version like 1.2.3, found '{pack.version}'")
        limits = self.binder.bind(members["limits"], Limits, "limits") if "limits" in members else Limits()
        cache = Caching(self.binder, members).settings()
        cors = self.binder.bind(members["cors"], Cors, "cors") if "cors" in members else None
        targets = self._targets(members.get("providers"))
        allowance = self._allowance(members.get("passthrough"), targets)
        settings = self._settings(members.get("policy"))
        chain = self._chain(members.get("policies"), settings)
        testing = self._testing(members.get("testing"), {entry.kind for entry in chain})
        if self.binder.faults or pack is None:
            raise ConfigError(sorted(self.binder.faults, key=lambda f: (f.file, f.line, f.column)))
        digest = hashlib.sha256(repr((pack, targets, chain, limits, cache, cors, allowance)).encode()).hexdigest()
        config = Config(
            pack=pack, targets=targets, chain=chain, limits=limits, cache=cache, cors=cors, allowance=allowance,
            testing=testing, digest=digest,
        )  # fmt: skip
        return Loaded(config, tuple(self.warnings))

    def _testing(self, node: yaml.Node | None, kinds: set[str]) -> Testing:
        said: Testing | None = self.binder.bind(node, Testing, "testing") if node else None
        for place, suite in enumerate(said.suites if said else ()):
            if node and suite.target and suite.target not in kinds:
                path = f"testing.suites[{place}].target.{suite.target}"
                self.binder.unknown(node, path, kinds, "policy kind in the chain")
        return said or Testing()

    def _sections(self, root: yaml.Node) -> dict[str, yaml.Node]:
        members = self.binder.mapping(root, "")
        for name in ("pack", "policies", "providers"):
            if isinstance(root, yaml.MappingNode) and name not in members:
                self.binder.fault(root, name, "missing")
        for name, (key, _) in members.items():
            if name in NOT_YET:
                self.binder.fault(key, name, f"'{name}' is not yet supported")
            elif name not in SECTIONS:
                self.binder.unknown(key, name, SECTIONS)
        return {name: value for name, (_, value) in members.items()}

    def _settings(self, node: yaml.Node | None) -> dict[str, Any]:
        """The bound settings of every kind that has a block."""
        bound: dict[str, Any] = {}
        for kind, (key, value) in (self.binder.mapping(node, "policy") if node else {}).items():
            if self._known(key, kind, f"policy.{kind}"):
                self.binder.unknown_code = "E002"
                bound[kind] = self.binder.bind(value, self.kinds[kind].Settings, f"policy.{kind}")
                self.binder.unknown_code = "E000"
        return bound

    def _chain(self, node: yaml.Node | None, settings: Mapping[str, Any]) -> tuple[ChainEntry, ...]:
        members = self.binder.mapping(node, "policies") if node else {}
        for name in members.keys() - {"chain"}:
            self.binder.unknown(members[name][0], f"policies.{name}", ("chain",))
        if "chain" not in members:
            if isinstance(node, yaml.MappingNode):
                self.binder.fault(node, "policies.chain", "missing")
            return ()
        items = self.binder.sequence(members["chain"][1], "policies.chain")
        entries = (self._entry(item, f"policies.chain[{i}]", settings) for i, item in enumerate(items))
        return tuple(entry for entry in entries if entry)

    def _entry(self, node: yaml.Node, path: str, settings: Mapping[str, Any]) -> ChainEntry | None:
        if isinstance(node, yaml.ScalarNode):
            kind, options = str(node.value), EntryOptions()
        else:
            members = self.binder.mapping(node, path)
            if len(members) != 1:
                self.binder.fault(node, path, "expected a kind, or one kind with its conditions")
                return None
            kind, (_, value) = next(iter(members.items()))
            options = self.binder.bind(value, EntryOptions, path)
        if not self._known(node, kind, path) or options is None:
            return None
        if kind not in settings:
            self._warn(node, path, f"'{kind}' has no policy.{kind} block; its defaults apply", "E003")
        own = settings[kind] if kind in settings else self.kinds[kind].Settings()
        if own is not None:
            self._placed(node, path, self.kinds[kind], own, options)
        return ChainEntry(
            kind=kind,
            settings=own,
            when=options.when,
            stage=options.stage,
            mode=options.mode,
            on_error=options.on_error,
            stream=options.stream,
        )

    def _placed(self, node: yaml.Node, path: str, kind: type[Policy], settings: Any, options: EntryOptions) -> None:
        """A kind that judges nothing where it was put, or cannot guard a stream while it runs, says so here, not by
        letting something pass.

        Every policy is made, also one that guards no stream: what it compiles is then on the shelf for the workers.
        """
        policy = kind(settings)
        if options.stage and not _judges(policy, _HOOKS[options.stage]) and _judges(policy, _EVERY):
            message = f"'{kind.kind}' judges nothing at the stage {options.stage}"
            self.binder.fault(node, f"{path}.stage", message)
        if not kind.guards_output or options.stage in ("pre-request", "post-request") or options.stream == "buffered":
            return
        if "on_output" in policy.idle or (isinstance(policy, TextPolicy) and policy.automaton):
            return
        why = getattr(policy, "unwatchable", "") or "it judges whole replies"
        if options.stream == "realtime":
            self.binder.fault(node, f"{path}.stream", f"'{kind.kind}' cannot guard a stream while it runs: {why}")
        else:
            self._warn(node, path, f"'{kind.kind}' holds event streams back to their end: {why}", "E004")

    def _known(self, node: yaml.Node, kind: str, path: str) -> bool:
        if kind in self.kinds:
            return True
        if kind in KINDS_NOT_YET:
            self.binder.fault(node, path, f"'{kind}' is not yet supported", "E001")
        else:
            prefix = path if path.endswith(f".{kind}") else f"{path}.{kind}"
            self.binder.unknown(node, prefix, (*self.kinds, *KINDS_NOT_YET), "policy kind", "E001")
        return False

    def _targets(self, node: yaml.Node | None) -> tuple[Target, ...]:
        if node is None:
            return ()
        providers = self.binder.bind(node, Providers, "providers")
        if providers is None:
            return ()
        nodes = self.binder.sequence(self.binder.mapping(node, "providers")["targets"][1], "providers.targets")
        if not nodes:
            self.binder.fault(node, "providers.targets", "expected at least one target")
        seen: set[str] = set()
        targets = []
        for index, (place, document) in enumerate(zip(nodes, providers.targets, strict=True)):
            path = f"providers.targets[{index}]"
            if document.id in seen:
                self.binder.fault(place, f"{path}.id", f"'{document.id}' stands twice")
            seen.add(document.id)
            targets.append(self._target(place, document, path))
        return tuple(target for target in targets if target)

    def _allowance(self, node: yaml.Node | None, targets: Sequence[Target]) -> Allowance | None:
        said: Passthrough | None = self.binder.bind(node, Passthrough, "passthrough") if node else None
        if node is None or said is None:
            return None
        members = self.binder.mapping(node, "passthrough")
        for place, name in zip(self.binder.sequence(members["routes"][1], ""), said.routes, strict=True):
            self._warn(place, "passthrough.routes", f"'{name}' passes unscanned: no policy reads what it says", "E005")
        target = next((each for each in targets if each.id == said.target), None)
        if target is None:
            ids = [each.id for each in targets]
            self.binder.unknown(members["target"][1], f"passthrough.target.{said.target}", ids, "target")
            return None
        return Allowance(
            target=target,
            routes=said.routes,
            max_body_bytes=said.max_body_bytes,
            organisation=said.organisation,
        )

    def _target(self, node: yaml.Node, document: TargetDocument, path: str) -> Target | None:
        if not _NAME.fullmatch(document.id):
            self.binder.fault(node, f"{path}.id", "expected 1 to 64 letters, digits, '.', '_' or '-'")
        secret = document.secret_key_ref
        if secret.env and secret.file:
            self.binder.fault(node, f"{path}.secret_key_ref", "expected one of env and file, found both")
        available = not secret.env or bool(self.environ.get(secret.env))
        if not available:
            self._warn(node, f"{path}.secret_key_ref.env", f"{secret.env} is not set; '{document.id}' is unavailable")
        place = self._place(node, document, path)
        if place is None:
            return None
        scheme, host, port, prefix = place
        return Target(
            document.id, document.provider, scheme, host, port, prefix, document.model, secret.env, secret.file,
            *_key(document), available, document.declared,
        )  # fmt: skip

    def _place(
        self, node: yaml.Node, document: TargetDocument, path: str
    ) -> tuple[Literal["http", "https"], str, int, str] | None:
        url = document.base_url or PROVIDERS.get(document.provider, "")
        if not url:
            self.binder.fault(node, f"{path}.base_url", f"missing, and '{document.provider}' has no default")
            return None
        try:
            parts = urlsplit(url)
            port = parts.port
        except ValueError as error:
            self.binder.fault(node, f"{path}.base_url", f"not a URL: {error}")
            return None
        wrong = _url_fault(parts.scheme, parts.hostname, bool(parts.username or parts.query or parts.fragment))
        if wrong or parts.hostname is None:
            self.binder.fault(node, f"{path}.base_url", wrong)
            return None
        scheme: Literal["http", "https"] = "https" if parts.scheme == "https" else "http"
        prefix = parts.path.rstrip("/").removesuffix("/v1")
        return scheme, parts.hostname, port or (443 if scheme == "https" else 80), prefix

    def _warn(self, node: yaml.Node, path: str, message: str, code: str = "E000") -> None:
        mark = node.start_mark
        self.warnings.append(Fault(mark.name, mark.line + 1, mark.column + 1, path, message, code))


_REQUEST, _REPLY = ("on_headers", "on_input"), ("on_output",)
_HOOKS = {"pre-request": _REQUEST, "post-request": _REQUEST, "pre-response": _REPLY, "post-response": _REPLY}
_EVERY = (*_REQUEST, *_REPLY)


def _judges(policy: Policy, hooks: Sequence[str]) -> bool:
    """Whether a policy has one of these hooks of its own, and something to do there."""
    return any(getattr(type(policy), hook) is not getattr(Policy, hook) and hook not in policy.idle for hook in hooks)


def _key(document: TargetDocument) -> tuple[str, str]:
    """The header for the target's key, and what stands before the key in it."""
    header, prefix = _KEYS.get(document.provider, _BEARER)
    given = (document.api_key_header or header).lower()
    if given != header:
        prefix = _BEARER[1]
    return given, prefix if document.api_key_prefix is None else document.api_key_prefix


def _url_fault(scheme: str, host: str | None, extras: bool) -> str:
    """What is wrong with a base_url, or ''. Metadata addresses are how a gateway's own credentials get stolen."""
    if scheme not in ("http", "https") or not host:
        return "expected http://HOST or https://HOST"
    if extras:
        return "a user, query or fragment does not belong here"
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return "metadata services are refused" if host in _FORBIDDEN_HOSTS else ""
    return "link-local and metadata addresses are refused" if any(address in net for net in _FORBIDDEN_NETS) else ""
