"""Events as OTLP spans, and the way to a collector over gRPC or HTTP (opentelemetry-proto; no SDK on this path).

Span and trace ids come from the request id or the caller's trace, so a batch that is sent twice is the same spans.
"""

from __future__ import annotations

import gzip
import http.client
import logging
import ssl
from collections.abc import Mapping, Sequence
from typing import Any

import grpc
from google.protobuf.message import DecodeError
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTraceServiceRequest,
    ExportTraceServiceResponse,
)
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, ArrayValue, KeyValue
from opentelemetry.proto.trace.v1.trace_pb2 import Span, Status

from extproc.audit.names import ATTRIBUTES, USAGE
from extproc.audit.otlp_settings import OtlpSettings
from extproc.model import ExtprocError

EXPORT = "/opentelemetry.proto.collector.trace.v1.TraceService/Export"
_PERMANENT_HTTP = frozenset({400, 413, 422})
_PERMANENT_GRPC = frozenset({grpc.StatusCode.INVALID_ARGUMENT})
"""The batch itself is wrong. A wrong address or token is the operator's to mend, and nothing is given up for it."""

log = logging.getLogger("extproc.shipper")


class ExportError(ExtprocError):
    """The batch was not taken. `permanent` means that sending it again is in vain.

    `retry_after` is what the collector asked for, in seconds; 0 where it said nothing.
    """

    code = "export"

    def __init__(self, message: str, *, permanent: bool = False, retry_after: float = 0.0) -> None:
        super().__init__(message)
        self.permanent = permanent
        self.retry_after = retry_after


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
    """Sends batches over one connection, which is opened again where it broke."""

    def __init__(self, settings: OtlpSettings) -> None:
        self._settings = settings
        self._channel: grpc.Channel | None = None
        self._connection: http.client.HTTPConnection | None = None

    def send(self, data: bytes) -> None:
        """One batch, acknowledged by the collector. Raises ExportError."""
        answer = self._http(data) if self._settings.protocol.startswith("http") else self._grpc(data)
        rejected = _rejected(answer)
        if rejected:
            log.error("the collector took the batch but rejected %d of its spans: %s", *rejected)

    def _grpc(self, data: bytes) -> bytes:
        if self._channel is None:
            self._channel = self._connect()
        call = self._channel.unary_unary(EXPORT, _as_it_is, _as_it_is)
        gzip_or_not = grpc.Compression.Gzip if self._settings.gzip else None
        try:
            answer: bytes = call(
                data, timeout=self._settings.seconds, metadata=self._settings.headers, compression=gzip_or_not
            )
        except grpc.RpcError as error:
            code = error.code() if isinstance(error, grpc.Call) else grpc.StatusCode.UNKNOWN
            raise ExportError(code.name, permanent=code in _PERMANENT_GRPC) from error
        return answer

    def _connect(self) -> grpc.Channel:
        host, port = self._settings.place
        place = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
        if self._settings.parts.scheme == "https":
            return grpc.secure_channel(place, grpc.ssl_channel_credentials(self._settings.trusted()))
        return grpc.insecure_channel(place)

    def _http(self, data: bytes) -> bytes:
        headers = {"content-type": "application/x-protobuf", **dict(self._settings.headers)}
        if self._settings.gzip:
            data, headers = gzip.compress(data), {**headers, "content-encoding": "gzip"}
        connection = self._connection or self._connected()
        try:
            connection.request("POST", self._settings.parts.path or "/v1/traces", data, headers)
            response = connection.getresponse()
            answer = response.read()
        except (OSError, http.client.HTTPException) as error:
            self._connection = None
            connection.close()
            raise ExportError(type(error).__name__) from error
        if response.status >= 300:
            permanent = response.status in _PERMANENT_HTTP
            raise ExportError(f"HTTP {response.status}", permanent=permanent, retry_after=_seconds(response))
        return answer

    def _connected(self) -> http.client.HTTPConnection:
        place, seconds = self._settings.place, self._settings.seconds
        if self._settings.parts.scheme == "https":
            trust = self._settings.trusted()
            context = ssl.create_default_context(cadata=trust.decode() if trust else None)
            self._connection = http.client.HTTPSConnection(*place, timeout=seconds, context=context)
        else:
            self._connection = http.client.HTTPConnection(*place, timeout=seconds)
        return self._connection


def _rejected(answer: bytes) -> tuple[int, str] | None:
    """How many spans the collector would not have, and its words; None where it took all."""
    try:
        partial = ExportTraceServiceResponse.FromString(answer).partial_success
    except DecodeError:  # some collectors answer with text
        return None
    return (partial.rejected_spans, partial.error_message) if partial.rejected_spans else None


def _seconds(response: http.client.HTTPResponse) -> float:
    """`retry-after` in its form of seconds; its dates are not worth a clock here."""
    value = response.getheader("retry-after", "")
    return float(value) if value.isascii() and value.isdigit() and len(value) < 7 else 0.0
