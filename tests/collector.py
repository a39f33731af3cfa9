"""A scripted OTLP receiver over gRPC: fails as told, then takes everything."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field

import grpc
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.trace.v1.trace_pb2 import Span

from extproc.audit.otlp import EXPORT


@dataclass
class Collector(grpc.GenericRpcHandler):
    """`spans` in the order in which they came, repeats included."""

    failures: list[grpc.StatusCode | None] = field(default_factory=list)
    spans: list[Span] = field(default_factory=list)

    @property
    def ids(self) -> list[bytes]:
        return [span.span_id for span in self.spans]

    def fails_after(self, batches: int) -> None:
        self.failures = [*[None] * batches, grpc.StatusCode.UNAVAILABLE]

    def service(self, call: grpc.HandlerCallDetails) -> grpc.RpcMethodHandler | None:
        return grpc.unary_unary_rpc_method_handler(self._export) if call.method == EXPORT else None

    def _export(self, data: bytes, context: grpc.ServicerContext) -> bytes:
        if self.failures and (failure := self.failures.pop(0)):
            context.abort(failure, "as told")
        for group in ExportTraceServiceRequest.FromString(data).resource_spans:
            self.spans += [span for scope in group.scope_spans for span in scope.spans]
        return b""


@contextmanager
def serving() -> Iterator[tuple[Collector, str]]:
    """A receiver and its endpoint."""
    found = Collector()
    server = grpc.server(ThreadPoolExecutor(1))
    server.add_generic_rpc_handlers((found,))
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    try:
        yield found, f"http://127.0.0.1:{port}"
    finally:
        server.stop(None).wait()
