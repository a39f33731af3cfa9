"""Where spans go: the `OTEL_*` variables of the OpenTelemetry specification. Without gRPC."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import SplitResult, unquote, urlsplit

from extproc.model import ExtprocError

_PREFIX = "OTEL_EXPORTER_OTLP_"
_PROTOCOLS = ("grpc", "http/protobuf")


class OtlpVariableError(ExtprocError):
    """The operator's: which variable, and what is wrong with it. Headers are never quoted, for they hold keys."""

    code = "otlp_variable"


@dataclass(frozen=True, slots=True)
class OtlpSettings:
    """A collector and how to speak to it."""

    endpoint: str
    protocol: str
    headers: tuple[tuple[str, str], ...] = ()
    seconds: float = 10.0
    resource: Mapping[str, str] = field(default_factory=dict)
    gzip: bool = False
    certificate: Path | None = None

    @classmethod
    def of(cls, environ: Mapping[str, str]) -> OtlpSettings | None:
        """None where no endpoint is set: events then stay on disk alone. Raises OtlpVariableError."""
        name, endpoint = _variable(environ, "ENDPOINT")
        if not endpoint:
            return None
        protocol = _protocol(*_variable(environ, "PROTOCOL", "grpc"))
        _check_endpoint(name, endpoint, protocol)
        if protocol.startswith("http") and not environ.get(f"{_PREFIX}TRACES_ENDPOINT"):
            endpoint = endpoint.rstrip("/") + "/v1/traces"
        resource = {"service.name": "keeptrusts-gateway", **_pairs(environ.get("OTEL_RESOURCE_ATTRIBUTES", ""))}
        if environ.get("OTEL_SERVICE_NAME"):
            resource["service.name"] = environ["OTEL_SERVICE_NAME"]
        return cls(
            endpoint,
            protocol,
            headers=_headers(*_variable(environ, "HEADERS")),
            seconds=_seconds(environ),
            resource=resource,
            gzip=_gzip(*_variable(environ, "COMPRESSION", "none")),
            certificate=_certificate(*_variable(environ, "CERTIFICATE")),
        )

    def trusted(self) -> bytes | None:
        """The CA that signs the collector's certificate, in PEM; None for the machine's own. Raises OSError."""
        return self.certificate.read_bytes() if self.certificate else None

    @property
    def parts(self) -> SplitResult:
        """The endpoint in its parts; one without a scheme, as gRPC knows them, has none."""
        return urlsplit(self.endpoint if "://" in self.endpoint else f"//{self.endpoint}")

    @property
    def place(self) -> tuple[str, int]:
        """Host and port; an https URL without one means 443, as any URL does."""
        usual = 4317 if self.protocol == "grpc" else 443 if self.parts.scheme == "https" else 4318
        return self.parts.hostname or "", self.parts.port or usual


def _variable(environ: Mapping[str, str], name: str, default: str = "") -> tuple[str, str]:
    """The variable that counts, that of traces before that of all signals, and its value."""
    for each in (f"{_PREFIX}TRACES_{name}", f"{_PREFIX}{name}"):
        if value := environ.get(each):
            return each, value
    return f"{_PREFIX}{name}", default


def _protocol(name: str, value: str) -> str:
    if value not in _PROTOCOLS:
        raise OtlpVariableError(f"{name}: expected {' or '.join(_PROTOCOLS)}, found {value!r}")
    return value


def _check_endpoint(name: str, endpoint: str, protocol: str) -> None:
    bare = "://" not in endpoint and protocol == "grpc"
    try:
        parts = urlsplit(f"http://{endpoint}" if bare else endpoint)
        known = bool(parts.hostname) and parts.scheme in ("http", "https") and parts.port != 0
    except ValueError:
        known = False
    if not known:
        wanted = "HOST:PORT or a URL" if protocol == "grpc" else "a URL"
        raise OtlpVariableError(f"{name}: expected {wanted}, like http://localhost:4317, found {endpoint!r}")


def _gzip(name: str, value: str) -> bool:
    if value not in ("gzip", "none"):
        raise OtlpVariableError(f"{name}: expected gzip or none, found {value!r}")
    return value == "gzip"


def _certificate(name: str, value: str) -> Path | None:
    path = Path(value) if value else None
    if path and not path.is_file():
        raise OtlpVariableError(f"{name}: {value}: no such file")
    return path


def _seconds(environ: Mapping[str, str]) -> float:
    name, value = _variable(environ, "TIMEOUT", "10000")
    if not (value.isascii() and value.isdigit() and 0 < len(value) <= 9 and int(value)):
        raise OtlpVariableError(f"{name}: expected milliseconds, like 10000, found {value!r}")
    return int(value) / 1000


def _headers(name: str, value: str) -> tuple[tuple[str, str], ...]:
    parts = [part.partition("=") for part in value.split(",") if part.strip()]
    if any(not header.strip() or not equals for header, equals, _ in parts):
        raise OtlpVariableError(f"{name}: expected name=value,name=value")
    return tuple((header.lower(), text) for header, text in _pairs(value).items())


def _pairs(text: str) -> dict[str, str]:
    """`a=1,b=2` with percent-encoded values."""
    parts = (part.partition("=") for part in text.split(",") if "=" in part)
    return {name.strip(): unquote(value.strip()) for name, _, value in parts}
