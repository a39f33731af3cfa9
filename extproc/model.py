"""The vocabulary: plain values that every other module speaks in.

Nothing here imports ours, does I/O, or knows protobuf.
`wire` turns Envoy's messages into *events* and our *replies* into Envoy's messages; `session` turns events into
*steps*; policies answer with a *verdict*.
"""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum, IntEnum
from typing import Literal

Headers = tuple[tuple[str, str], ...]
"""Name and value pairs: names lower-case, values latin-1 decoded, order and repeats kept (RFC 9110, section 5)."""

REQUEST_ID = "x-keeptrusts-request-id"
"""The response header that carries the id under which the audit knows an exchange (design D9)."""


def first(headers: Headers, name: str, default: str = "") -> str:
    """The first value of a header; `default` where it is absent."""
    for key, value in headers:
        if key == name:
            return value
    return default


# --- what Envoy tells us ---------------------------------------------------------------------------------------------


class BodyMode(IntEnum):
    """`ProcessingMode.BodySendMode`, with Envoy's numbers."""

    NONE = 0
    STREAMED = 1
    BUFFERED = 2
    BUFFERED_PARTIAL = 3
    FULL_DUPLEX = 4


class Phase(Enum):
    """The six messages of one exchange; the value is the field's name in ext_proc's messages."""

    REQUEST_HEADERS = "request_headers"
    REQUEST_BODY = "request_body"
    REQUEST_TRAILERS = "request_trailers"
    RESPONSE_HEADERS = "response_headers"
    RESPONSE_BODY = "response_body"
    RESPONSE_TRAILERS = "response_trailers"


@dataclass(frozen=True, slots=True)
class Opened:
    """The start of a stream: how Envoy's filter is configured, and the trace that the stream belongs to."""

    request_body: BodyMode = BodyMode.BUFFERED
    response_body: BodyMode = BodyMode.BUFFERED
    without_waiting: bool = False
    observing: bool = False
    traceparent: str = ""


@dataclass(frozen=True, slots=True)
class Head:
    """Request or response headers; `end` means that no body follows."""

    phase: Phase
    headers: Headers
    end: bool = False


@dataclass(frozen=True, slots=True)
class Body:
    """A whole body (BUFFERED) or a piece of one."""

    phase: Phase
    data: bytes
    end: bool = True


@dataclass(frozen=True, slots=True)
class Trailers:
    """Trailers of a request or a response."""

    phase: Phase
    headers: Headers


Event = Opened | Head | Body | Trailers


# --- what we tell Envoy ----------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Proceed:
    """Go on, with these changes. `body` None leaves the body as it is; `b""` empties it.

    `targets` is the ordered list of cluster names that Envoy may try (design D4); `metadata` the string facts that
    upstream filters and the access log read under the namespace `kt.log`.
    """

    phase: Phase
    set_headers: Headers = ()
    remove_headers: tuple[str, ...] = ()
    body: bytes | None = None
    mode: BodyMode | None = None
    clear_route_cache: bool = False
    targets: tuple[str, ...] = ()
    metadata: Mapping[str, str] | None = None


@dataclass(frozen=True, slots=True)
class Chunk:
    """A piece of a body in full duplex mode; replies there are not one per message."""

    phase: Phase
    data: bytes
    end: bool = False


@dataclass(frozen=True, slots=True)
class Answer:
    """Our own response in place of the provider's. `details` reaches the access log as RESPONSE_CODE_DETAILS."""

    status: int
    body: bytes
    headers: Headers = (("content-type", "application/json"),)
    details: str = "kt_answer"


Reply = Proceed | Chunk | Answer


# --- what a session asks of its driver -------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Send:
    """Write this reply to Envoy."""

    reply: Reply


@dataclass(frozen=True, slots=True)
class Record:
    """Append this entry to the audit spool now, before any later step (design D9)."""

    entry: Mapping[str, object]


@dataclass(frozen=True, slots=True)
class Need:
    """Find something out within `deadline` seconds, and come back with `session.got(...)`."""

    question: Hashable
    deadline: float


@dataclass(frozen=True, slots=True)
class Tell:
    """Let the world know, without waiting for it or caring whether it hears: a cache that is away stores nothing."""

    fact: Hashable


@dataclass(frozen=True, slots=True)
class Fail:
    """End the gRPC stream with an error status: a clean end would let the request pass unseen (design D5)."""

    message: str


@dataclass(frozen=True, slots=True)
class Wake:
    """Call `session.woke()` after this many seconds without a message from Envoy; 0 takes an earlier wish back."""

    after: float


Step = Send | Record | Need | Tell | Fail | Wake


@dataclass(frozen=True, slots=True)
class TimedOut:
    """The answer to a Need that its deadline cut off."""


@dataclass(frozen=True, slots=True)
class Broke:
    """The answer to a Need that ended in an exception of its own; `error` is its type's name, safe to record."""

    error: str


# --- what policies judge ---------------------------------------------------------------------------------------------

JsonPath = tuple[str | int, ...]


@dataclass(frozen=True, slots=True)
class Text:
    """One piece of text of a body: where it stands, who speaks it, what it says.

    `role` is the message's role, or `tools`, `metadata`, `assistant` … where a message has none.
    """

    path: JsonPath
    role: str
    value: str


@dataclass(frozen=True, slots=True)
class Document:
    """A picture, file or sound of a request: its media type, '' where it names none, and its size in bytes, None where
    it is elsewhere and only named.
    """

    mime: str
    size: int | None


@dataclass(frozen=True, slots=True)
class ToolCall:
    """A call of a tool that a model asks for: the tool, '' where the call names none, and its arguments as they are
    written, mostly JSON.
    """

    name: str
    arguments: str


@dataclass(frozen=True, slots=True)
class ToolResult:
    """What a call gave back, as a client tells it: whose, '' where nobody knows, characters, and whether it failed."""

    name: str
    size: int
    failed: bool = False


@dataclass(frozen=True, slots=True)
class Request:
    """A request body as its dialect reads it. `calls` and `results` are those of the conversation so far; they are read
    where a policy asks for them.
    """

    model: str
    stream: bool
    texts: tuple[Text, ...]
    tools: tuple[str, ...] = ()
    wants_usage: bool = False
    """Whether a stream is to end with the tokens that it took."""
    unread: str = ""
    """The member that says something which no policy can read, tokens in place of text; '' for none."""
    keeps: bool = False
    """Whether the provider is to keep the reply, for whoever names its id later."""
    recalls: tuple[tuple[str, str], ...] = ()
    """What it names of a conversation that the provider keeps: each time the member and the id."""
    documents: tuple[Document, ...] = ()
    calls: tuple[ToolCall, ...] = ()
    results: tuple[ToolResult, ...] = ()


@dataclass(frozen=True, slots=True)
class Usage:
    """Tokens as the provider reported them; None where it did not say."""

    input_tokens: int | None = None
    output_tokens: int | None = None
    cached_tokens: int | None = None
    reasoning_tokens: int | None = None


@dataclass(frozen=True, slots=True)
class Response:
    """A reply body as its dialect reads it. `calls` are read where a policy asks for them."""

    id: str
    model: str
    texts: tuple[Text, ...]
    finish_reasons: tuple[str, ...] = ()
    usage: Usage = Usage()
    usage_estimated: bool = False
    """Whether the tokens are our guess, as the provider did not come to say."""
    items: tuple[str, ...] = ()
    """The ids of its parts by which a later request may name them."""
    calls: tuple[ToolCall, ...] = ()


DEFAULT_ORG = "default"
"""The organisation of whoever names none: a gateway mostly serves one."""


@dataclass(frozen=True, slots=True)
class Consumer:
    """Whom an access key stands for. `key_id` is safe to record; the key itself is never kept."""

    key_id: str
    name: str
    team: str = ""
    org: str = DEFAULT_ORG


@dataclass(frozen=True, slots=True)
class Edit:
    """Replace characters `start:end` of the text at `path`. Offsets count code points of `Text.value`."""

    path: JsonPath
    start: int
    end: int
    replacement: str
    label: str


def difference(old: str, new: str) -> tuple[int, int, str]:
    """What makes `new` of `old`: other text for characters `start:end`, without what both have at their ends."""
    start, shortest = 0, min(len(old), len(new))
    while start < shortest and old[start] == new[start]:
        start += 1
    end = 0
    while end < shortest - start and old[-1 - end] == new[-1 - end]:
        end += 1
    return start, len(old) - end, new[start : len(new) - end]


@dataclass(frozen=True, slots=True)
class Allow:
    """Go on. A reason is recorded, for what was noticed and hinders nobody."""

    reason: str = ""


@dataclass(frozen=True, slots=True)
class Block:
    """Refuse. `message` is shown to the client, `reason` is the code in the record (`dlp.pattern` …)."""

    message: str
    reason: str


@dataclass(frozen=True, slots=True)
class Escalate:
    """A human has to decide; until tickets exist the client is refused with `escalation_required`."""

    message: str
    reason: str


@dataclass(frozen=True, slots=True)
class Redact:
    """Go on with these edits, which do not overlap."""

    edits: tuple[Edit, ...]
    reason: str


Verdict = Allow | Block | Escalate | Redact


@dataclass(frozen=True, slots=True)
class Decision:
    """What one policy decided, as the record keeps it. Durations are whole microseconds."""

    policy: str
    stage: Literal["input", "output"]
    verdict: Literal["allow", "block", "redact", "escalate"]
    reason: str
    duration_us: int
    enforced: bool = True
    redactions: tuple[tuple[str, int], ...] = ()


@dataclass(slots=True)
class Exchange:
    """One client request with its response: everything that policies may look at. One per stream.

    `onward_path` is what a provider is asked at, which is another than `path` for a client with a path of its own.
    `targets` are those that the request may go to, in order; policies may narrow them before it goes.
    `memory` is what policies keep from the request for its reply, by a key of their own; it is never recorded.
    """

    id: str = ""
    method: str = ""
    path: str = ""
    onward_path: str = ""
    headers: Headers = ()
    consumer: Consumer | None = None
    request: Request | None = None
    response: Response | None = None
    targets: tuple[Target, ...] = ()
    decisions: list[Decision] = field(default_factory=list)
    memory: dict[str, object] = field(default_factory=dict, repr=False)


# --- providers -------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class DataPolicy:
    """What a provider has agreed to do with what it is sent, as the operator declares it; nobody here can check it.

    `retention_days` is None where nothing is agreed, 0 where nothing is kept.
    """

    zero_data_retention: bool = False
    training_opt_out: bool = False
    retention_days: int | None = None

    def __post_init__(self) -> None:
        """Raises ValueError for fields that contradict each other."""
        if self.retention_days is not None and self.retention_days < 0:
            raise ValueError(f"retention_days: expected 0 or more, found {self.retention_days}")
        if self.zero_data_retention and self.retention_days:
            raise ValueError("zero_data_retention and retention_days above 0 exclude each other")


@dataclass(frozen=True, slots=True)
class Target:
    """An entry of `providers.targets[]`. `prefix` is the path before `/v1` and never ends in a slash.

    `secret_env` and `secret_file` name where the credential stands; the credential itself never comes here (D3).
    A target is not `available` where the variable that should hold its credential is not set.
    """

    id: str
    provider: str
    scheme: Literal["http", "https"]
    host: str
    port: int
    prefix: str = ""
    model: str = ""
    secret_env: str = ""
    secret_file: str = ""
    key_header: str = "authorization"
    key_prefix: str = "Bearer "
    available: bool = True
    data_policy: DataPolicy = DataPolicy()

    @property
    def cluster(self) -> str:
        """The name of this target's cluster in Envoy."""
        return f"target:{self.id}"


# --- whose fault it is -----------------------------------------------------------------------------------------------


class ExtprocError(Exception):
    """The base of our own errors; only its children are raised."""

    code = "internal"


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing that is wrong in a configuration, and where. Lines and columns count from 1."""

    file: str
    line: int
    column: int
    path: str
    message: str
    code: str = "E000"

    def __str__(self) -> str:
        path = f"{self.path}: " if self.path else ""
        return f"{self.file}:{self.line}:{self.column}: {path}{self.message}"


class ConfigError(ExtprocError):
    """The operator's: `str()` lists every fault, one a line."""

    code = "config"

    def __init__(self, faults: Sequence[Fault]) -> None:
        self.faults = tuple(faults)
        super().__init__("\n".join(map(str, self.faults)))


class PeerError(ExtprocError):
    """Envoy's: a message that may not come now; the stream ends with an error status."""

    code = "peer"


class ClientError(ExtprocError):
    """The caller's: the message is safe to show, `status` is the HTTP status, `kind` the error's `type`."""

    code = "client"

    def __init__(
        self, message: str, *, status: int = 400, kind: str = "invalid_request_error", reason: str = "bad_request"
    ) -> None:
        super().__init__(message)
        self.status = status
        self.kind = kind
        self.reason = reason
