from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

import grpc
import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from extproc.audit.events import EventLog
from extproc.audit.export import Export
from extproc.audit.merge import Merger
from extproc.audit.otlp import EXPORT, Exporter, OtlpSettings


@dataclass
class Collector(grpc.GenericRpcHandler):
    """A scripted OTLP receiver: fails as told, then takes everything."""

    failures: list[grpc.StatusCode] = field(default_factory=list)
    spans: list[bytes] = field(default_factory=list)

    def service(self, call: grpc.HandlerCallDetails) -> grpc.RpcMethodHandler | None:
        return grpc.unary_unary_rpc_method_handler(self._export) if call.method == EXPORT else None

    def _export(self, data: bytes, context: grpc.ServicerContext) -> bytes:
        if self.failures:
            context.abort(self.failures.pop(0), "as told")
        for group in ExportTraceServiceRequest.FromString(data).resource_spans:
            self.spans += [span.span_id for scope in group.scope_spans for span in scope.spans]
        return b""


@pytest.fixture
def collector() -> Iterator[tuple[Collector, OtlpSettings]]:
    found = Collector()
    server = grpc.server(ThreadPoolExecutor(1))
    server.add_generic_rpc_handlers((found,))
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    yield found, OtlpSettings(f"http://127.0.0.1:{port}", "grpc", seconds=5)
    server.stop(None).wait()


def events(count: int) -> list[dict[str, object]]:
    merger = Merger()
    for n in range(count):
        merger.feed({"k": "begin", "id": f"r{n}", "at": 1.0, "method": "POST", "path": "/v1/x"}, 0.0)
        merger.feed({"k": "end", "id": f"r{n}", "outcome": "allowed", "usage": {"input_tokens": 3}}, 0.0)
    return list(merger.finished(99.0))


def test_a_collector_that_is_away_at_first_gets_everything_once(
    tmp_path: Path, collector: tuple[Collector, OtlpSettings]
) -> None:
    receiver, settings = collector
    receiver.failures = [grpc.StatusCode.UNAVAILABLE] * 3
    EventLog(tmp_path).append(events(600), 0.0)
    export = Export(tmp_path, settings, Exporter(settings))
    left = [export.turn() for _ in range(4)]
    assert left == [True, True, True, False]
    assert len(receiver.spans) == len(set(receiver.spans)) == 600


def test_a_new_exporter_goes_on_where_the_collector_acknowledged(
    tmp_path: Path, collector: tuple[Collector, OtlpSettings]
) -> None:
    receiver, settings = collector
    EventLog(tmp_path).append(events(5), 0.0)
    Export(tmp_path, settings, Exporter(settings)).turn()
    Export(tmp_path, settings, Exporter(settings)).turn()
    assert len(receiver.spans) == 5


def test_a_batch_that_is_refused_for_good_is_put_aside_and_the_rest_goes_on(
    tmp_path: Path, collector: tuple[Collector, OtlpSettings]
) -> None:
    receiver, settings = collector
    receiver.failures = [grpc.StatusCode.INVALID_ARGUMENT]
    EventLog(tmp_path).append(events(300), 0.0)
    Export(tmp_path, settings, Exporter(settings)).turn()
    assert len((tmp_path / "otlp-refused.log").read_bytes().splitlines()) == 256
    assert len(receiver.spans) == 44


def test_without_an_endpoint_nothing_is_sent() -> None:
    assert OtlpSettings.of({}) is None


def test_the_variables_of_the_specification_are_read() -> None:
    environ = {
        "OTEL_EXPORTER_OTLP_ENDPOINT": "http://c:4318",
        "OTEL_EXPORTER_OTLP_PROTOCOL": "http/protobuf",
        "OTEL_EXPORTER_OTLP_HEADERS": "Authorization=Basic%20x,b=2",
        "OTEL_SERVICE_NAME": "gw",
    }
    settings = OtlpSettings.of(environ)
    assert settings is not None
    assert settings.endpoint == "http://c:4318/v1/traces"
    assert settings.headers == (("authorization", "Basic x"), ("b", "2"))
    assert settings.resource["service.name"] == "gw"
