"""Events as OTLP spans, and the way to a collector over gRPC or HTTP (opentelemetry-proto; no SDK on this path).

Span and trace ids come from the request id or the caller's trace, so a batch that is sent twice is the same spans.
"""

from __future__ import annotations

import http.client
from collections.abc import Mapping, Sequence
from typing import Any

import grpc
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, ArrayValue, KeyValue
from opentelemetry.proto.trace.v1.trace_pb2 import Span, Status

from extproc.audit.names import ATTRIBUTES, USAGE
from extproc.audit.otlp_settings import OtlpSettings
from extproc.model import ExtprocError

EXPORT = "/opentelemetry.proto.collector.trace.v1.TraceService/Export"
_RETRIABLE_HTTP = frozenset({429, 502, 503, 504})
_PERMANENT_GRPC = frozenset({grpc.StatusCode.INVALID_ARGUMENT, grpc.StatusCode.UNIMPLEMENTED})


class ExportError(ExtprocError):
    """The batch was not taken. `permanent` means that sending it again is in vain."""

    code = "export"

    def __init__(self, message: str, *, permanent: bool = False) -> None:
        super().__init__(message)
        self.permanent = permanent


def request(events: Sequence[Mapping[str, Any]], resource: Mapping[str, str]) -> bytes:
    """One ExportTraceServiceRequest for these events."""
    message = ExportTraceServiceRequest()
    group = message.resource_spans.add()
    group.resource.attributes.extend(_attribute(name, value) for name, value in resource.items())
    scope = group.scope_spans.add()
    scope.scope.name = "keeptrusts.extproc"
    scope.spans.extend(span(event) for event in events)
    return message.SerializeToString()


def span(event: Mapping[str, Any]) -> Span:
    """The SERVER span of one exchange."""
    start = int(float(event.get("at") or 0) * 1e9)
    end = start + int(float(event.get("duration_ms") or 0) * 1e6)
    made = Span(
        trace_id=bytes.fromhex(event["trace_id"]),
        span_id=bytes.fromhex(event["span_id"]),
        parent_span_id=bytes.fromhex(event["parent_span_id"]),
        name=f"{event['method']} {event['path']}",
        kind=Span.SPAN_KIND_SERVER,
        start_time_unix_nano=start,
        end_time_unix_nano=end,
    )
    named = [(ATTRIBUTES[key], event.get(key)) for key in ATTRIBUTES]
    named += [(USAGE[key], (event.get("usage") or {}).get(key)) for key in USAGE]
    made.attributes.extend(_attribute(name, value) for name, value in named if value not in (None, "", []))
    for decision in event.get("decisions") or ():
        entry = made.events.add(name="keeptrusts.policy", time_unix_nano=start)
        entry.attributes.extend(_attribute(f"keeptrusts.policy.{key}", decision[key]) for key in _DECISION)
    if event["decision"] in ("error", "interrupted", "refused_by_envoy"):
        made.status.code = Status.STATUS_CODE_ERROR
    return made


_DECISION = ("policy", "stage", "verdict", "reason", "duration_us", "enforced")


def _attribute(name: str, value: object) -> KeyValue:
    return KeyValue(key=name, value=_value(value))


def _value(value: object) -> AnyValue:
    match value:
        case bool():
            return AnyValue(bool_value=value)
        case int():
            return AnyValue(int_value=value)
        case float():
            return AnyValue(double_value=value)
        case list():
            return AnyValue(array_value=ArrayValue(values=[_value(each) for each in value]))
        case _:
            return AnyValue(string_value=str(value))


def _as_it_is(data: bytes) -> bytes:
    """Batches are bytes already, and the answer is not read."""
    return data


class Exporter:
    """Sends batches; one connection for gRPC, one a batch for HTTP."""

    def __init__(self, settings: OtlpSettings) -> None:
        self._settings = settings
        self._channel: grpc.Channel | None = None

    def send(self, data: bytes) -> None:
        """One batch, acknowledged by the collector. Raises ExportError."""
        if self._settings.protocol.startswith("http"):
            self._http(data)
        else:
            self._grpc(data)

    def _grpc(self, data: bytes) -> None:
        if self._channel is None:
            self._channel = self._connect()
        call = self._channel.unary_unary(EXPORT, _as_it_is, _as_it_is)
        try:
            call(data, timeout=self._settings.seconds, metadata=self._settings.headers)
        except grpc.RpcError as error:
            code = error.code() if isinstance(error, grpc.Call) else grpc.StatusCode.UNKNOWN
            raise ExportError(code.name, permanent=code in _PERMANENT_GRPC) from error

    def _connect(self) -> grpc.Channel:
        host, port = self._settings.place
        place = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
        if self._settings.parts.scheme == "https":
            return grpc.secure_channel(place, grpc.ssl_channel_credentials())
        return grpc.insecure_channel(place)

    def _http(self, data: bytes) -> None:
        parts = self._settings.parts
        kind = http.client.HTTPSConnection if parts.scheme == "https" else http.client.HTTPConnection
        connection = kind(*self._settings.place, timeout=self._settings.seconds)
        headers = {"content-type": "application/x-protobuf", **dict(self._settings.headers)}
        try:
            connection.request("POST", parts.path or "/v1/traces", data, headers)
            status = connection.getresponse().status
        except (OSError, http.client.HTTPException) as error:
            raise ExportError(type(error).__name__) from error
        finally:
            connection.close()
        if status >= 300:
            raise ExportError(f"HTTP {status}", permanent=status not in _RETRIABLE_HTTP and status < 500)
