"""Spans through a real collector, rotel: over gRPC and HTTP, plain and compressed, and when it is away for a while."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path

import pytest
from collector import Collector, serving
from live import eventually, free_port

from extproc.audit.events import EventLog
from extproc.audit.export import Export
from extproc.audit.merge import Merger
from extproc.audit.otlp import Exporter
from extproc.audit.otlp_settings import OtlpSettings

TRACE, PARENT = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"


def agent() -> str:
    spec = find_spec("rotel")
    assert spec and spec.origin
    return str(Path(spec.origin).with_name("rotel-agent"))


@contextmanager
def rotel(grpc: int, http: int, onward: str, root: Path) -> Iterator[None]:
    """A collector that receives on two ports and passes spans on."""
    command = [
        agent(),
        "start",
        "--otlp-grpc-endpoint",
        f"127.0.0.1:{grpc}",
        "--otlp-http-endpoint",
        f"127.0.0.1:{http}",
    ]
    command += ["--exporter", "otlp", "--otlp-exporter-endpoint", onward, "--otlp-exporter-protocol", "grpc"]
    command += ["--batch-timeout", "100ms", "--log-file", str(root / "rotel.log")]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        try:
            yield
        finally:
            process.terminate()


def events(first: int, count: int) -> list[dict[str, object]]:
    merger = Merger()
    traceparent = f"00-{TRACE}-{PARENT}-01"
    for n in range(first, first + count):
        merger.feed(
            {"k": "begin", "id": f"r{n}", "at": 1e9, "method": "POST", "path": "/v1/x", "traceparent": traceparent}, 0.0
        )
        end = {"k": "end", "id": f"r{n}", "outcome": "allowed", "model": "gpt-4o", "usage": {"input_tokens": 3}}
        merger.feed(end, 0.0)
    return list(merger.finished(99.0))


def until_sent(export: Export, receiver: Collector, count: int) -> None:
    eventually(lambda: not export.turn() and len(set(receiver.ids)) == count, f"{count} spans behind the collector")


@pytest.mark.parametrize("protocol", ["grpc", "http/protobuf"])
@pytest.mark.parametrize("compression", ["none", "gzip"])
def test_spans_arrive_behind_a_real_collector(tmp_path: Path, protocol: str, compression: str) -> None:
    ports = {"grpc": free_port(), "http/protobuf": free_port()}
    environ = {
        "OTEL_EXPORTER_OTLP_ENDPOINT": f"http://127.0.0.1:{ports[protocol]}",
        "OTEL_EXPORTER_OTLP_PROTOCOL": protocol,
        "OTEL_EXPORTER_OTLP_COMPRESSION": compression,
    }
    settings = OtlpSettings.of(environ)
    assert settings
    with serving() as (receiver, onward):
        export = Export(tmp_path / "events", settings, Exporter(settings))
        EventLog(tmp_path / "events").append(events(0, 300), 0.0)
        assert export.turn(), "nobody listens yet"
        with rotel(*ports.values(), onward, tmp_path):
            until_sent(export, receiver, 300)
        EventLog(tmp_path / "events").append(events(300, 10), 0.0)
        eventually(export.turn, "collector away")
        with rotel(*ports.values(), onward, tmp_path):
            until_sent(export, receiver, 310)
    span = receiver.spans[0]
    assert (span.trace_id.hex(), span.parent_span_id.hex()) == (TRACE, PARENT)
    names = {each.key: each.value for each in span.attributes}
    assert names["gen_ai.request.model"].string_value == "gpt-4o"
    assert names["gen_ai.usage.input_tokens"].int_value == 3
    assert names["keeptrusts.decision"].string_value == "allowed"
    assert not (tmp_path / "events" / "otlp-refused.log").exists()
