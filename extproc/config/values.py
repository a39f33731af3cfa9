"""What a policy-config.yaml becomes: frozen values, and nothing in them is read from disk or environment again."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Annotated, Any, Literal

from extproc.config.cors import Cors
from extproc.config.testing import Testing
from extproc.model import Fault, Target
from extproc.policies.base import Between
from extproc.routing.unscanned import Allowance

LARGEST_BODY = 512 << 20
"""Bytes: the most that a limit may allow, and so what a worker is ready to receive whatever a reload brings."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Pack:
    """Names the configuration; `version` is SemVer."""

    name: str
    version: str
    enabled: bool = True
    description: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class When:
    """A conjunction: path prefix, exact headers, requested models."""

    path: str = ""
    header: Mapping[str, str] = field(default_factory=dict)
    model: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class ChainEntry:
    """One entry of `policies.chain` with its kind's settings."""

    kind: str
    settings: Any
    when: When = field(default_factory=When)
    stage: Literal["pre-request", "post-request", "pre-response", "post-response", ""] = ""
    mode: Literal["enforce", "shadow"] = "enforce"
    on_error: Literal["block", "allow", ""] = ""
    stream: Literal["realtime", "buffered", ""] = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """Every limit, with a default that suits IDE traffic: large bodies, long streams, long silences.

    Bodies in bytes, times in seconds, `json_depth` in levels. `trusted_hops` is the number of proxies in front whose
    `x-forwarded-for` is believed (1 behind nginx or a load balancer).

    Of an event stream, `max_held_bytes` may be held back while policies look at it, and one event may have
    `max_event_bytes`; text that is settled is flushed after `stream_flush_seconds` of silence, and a stream that has to
    be judged whole is kept alive by a comment every `stream_ping_seconds`. A coded body may grow by
    `max_decompression_ratio`, once it is larger than 1 MiB.
    `pretokenized_input` says what becomes of tokens in place of text, which no policy can read: `refuse` where one
    would have to, or `pass`.
    `ask_for_usage` has streams tell their tokens although the client did not ask, which a provider may not know.
    What a policy blocks is answered with `block_status`; some clients only stop asking at 400.
    Whose the responses are that a provider keeps is remembered for `kept_seconds`, of `kept_ids` at most: a response
    has one, and each of its items.
    A request with a larger body than `heavy_body_bytes`, or one that does not say how large, goes to a worker of its
    own, so that no other waits behind it; 0 for none.
    Envoy's edge log is rotated beyond `edge_log_bytes`, or after a day.
    """

    max_body_bytes: Annotated[int, Between(1024, LARGEST_BODY)] = 32 << 20
    max_response_bytes: Annotated[int, Between(1024, LARGEST_BODY)] = 32 << 20
    heavy_body_bytes: Annotated[int, Between(0, LARGEST_BODY)] = 1 << 20
    json_depth: Annotated[int, Between(8, 256)] = 64
    policy_timeout_seconds: Annotated[float, Between(0.01, 600)] = 10.0
    first_byte_timeout_seconds: Annotated[float, Between(1, 3600)] = 300.0
    stream_idle_timeout_seconds: Annotated[float, Between(1, 3600)] = 300.0
    max_stream_duration_seconds: Annotated[float, Between(1, 86400)] = 3600.0
    shutdown_grace_seconds: Annotated[float, Between(0, 3600)] = 30.0
    max_held_bytes: Annotated[int, Between(1024, 512 << 20)] = 32 << 20
    max_event_bytes: Annotated[int, Between(1024, 512 << 20)] = 16 << 20
    stream_flush_seconds: Annotated[float, Between(0.01, 60)] = 0.25
    stream_ping_seconds: Annotated[float, Between(0.1, 300)] = 10.0
    max_decompression_ratio: Annotated[int, Between(2, 10_000)] = 100
    trusted_hops: Annotated[int, Between(0, 16)] = 0
    pretokenized_input: Literal["refuse", "pass"] = "refuse"
    ask_for_usage: bool = True
    block_status: Literal[400, 403, 409, 422, 451] = 409
    kept_seconds: Annotated[float, Between(60, 400 * 86_400)] = 30 * 86_400.0
    kept_ids: Annotated[int, Between(1, 100_000_000)] = 1_000_000
    edge_log_bytes: Annotated[int, Between(1024, 1 << 40)] = 64 << 20


Tier = Literal["org_shared", "private_edge"]
"""Whether an answer serves a whole organisation, or the access key alone that asked."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CacheSettings:
    """The cache. It is on where nothing is said of it: a shared cache is what a hosted gateway is for.

    `team_tiers` are exceptions to `tier`; `flight_seconds` is how long a question waits for the answer to the same
    one, 0 for never. `max_entries` and `disk_bytes` bound what a host keeps, `memory_bytes` what of it in memory.
    """

    enabled: bool = True
    tier: Tier = "org_shared"
    team_tiers: Mapping[str, Tier] = field(default_factory=dict)
    ttl_seconds: float = 86_400
    max_entry_bytes: int = 524_288
    max_entry_tokens: int = 32_000
    excluded_models: tuple[str, ...] = ()
    flight_seconds: float = 30.0
    max_entries: int = 10_000
    memory_bytes: int = 64 << 20
    disk_bytes: int = 1 << 30


@dataclass(frozen=True, slots=True, kw_only=True)
class Config:
    """A loaded configuration. `digest` is the SHA-256 of what it says, in hex."""

    pack: Pack
    targets: tuple[Target, ...]
    chain: tuple[ChainEntry, ...]
    limits: Limits
    digest: str
    cache: CacheSettings = field(default_factory=CacheSettings)
    cors: Cors | None = None
    allowance: Allowance | None = None
    testing: Testing = field(default_factory=Testing)


@dataclass(frozen=True, slots=True)
class Loaded:
    """A configuration and what its author should know although it loads."""

    config: Config
    warnings: tuple[Fault, ...] = ()
