from __future__ import annotations

from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import cast

import grpc
import pytest
from collector import Collector, serving
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceResponse

from extproc.audit.events import EventLog
from extproc.audit.export import Export
from extproc.audit.merge import Merger
from extproc.audit.otlp import Exporter, span
from extproc.audit.otlp_settings import OtlpSettings
from extproc.audit.prices import priced


@pytest.fixture
def collector() -> Iterator[tuple[Collector, OtlpSettings]]:
    with serving() as (found, endpoint):
        yield found, OtlpSettings(endpoint, "grpc", seconds=5)


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
    assert len(receiver.ids) == len(set(receiver.ids)) == 600


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


@pytest.mark.parametrize("code", [grpc.StatusCode.UNAUTHENTICATED, grpc.StatusCode.UNIMPLEMENTED])
def test_for_a_wrong_token_or_address_nothing_is_given_up(
    tmp_path: Path, collector: tuple[Collector, OtlpSettings], code: grpc.StatusCode
) -> None:
    receiver, settings = collector
    receiver.failures = [code]
    EventLog(tmp_path).append(events(5), 0.0)
    export = Export(tmp_path, settings, Exporter(settings))
    assert export.turn()
    assert not export.turn()
    assert len(receiver.spans) == 5 and not (tmp_path / "otlp-refused.log").exists()


class Answers(BaseHTTPRequestHandler):
    """Gives the answers of its server in turn, and keeps what it was sent."""

    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        server = cast("Scripted", self.server)
        server.received.append((self.client_address[1], self.rfile.read(int(self.headers["content-length"]))))
        status, headers, body = server.answers.pop(0)
        self.send_response(status)
        for name, value in {**headers, "content-length": str(len(body))}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        pass


class Scripted(ThreadingHTTPServer):
    def __init__(self, *answers: tuple[int, dict[str, str], bytes]) -> None:
        super().__init__(("127.0.0.1", 0), Answers)
        self.answers = list(answers)
        self.received: list[tuple[int, bytes]] = []
        Thread(target=self.serve_forever, daemon=True).start()

    def export(self, directory: Path) -> Export:
        settings = OtlpSettings(f"http://127.0.0.1:{self.server_address[1]}/v1/traces", "http/protobuf", seconds=5)
        return Export(directory, settings, Exporter(settings))

    def close(self) -> None:
        self.shutdown()
        self.server_close()


def test_one_connection_serves_all_batches_and_a_collector_is_asked_again_when_it_says(tmp_path: Path) -> None:
    server = Scripted((503, {"retry-after": "7"}, b"later"), (200, {}, b""), (200, {}, b""))
    EventLog(tmp_path).append(events(300), 0.0)
    export = server.export(tmp_path)
    assert export.turn() and export.pause() == 7
    assert not export.turn() and export.pause() < 1
    assert len({port for port, _ in server.received}) == 1 and len(server.received) == 3
    server.close()


def test_spans_that_a_collector_rejects_in_part_are_named(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    partial = ExportTraceServiceResponse()
    partial.partial_success.rejected_spans, partial.partial_success.error_message = 2, "too old"
    server = Scripted((200, {}, partial.SerializeToString()))
    EventLog(tmp_path).append(events(3), 0.0)
    assert not server.export(tmp_path).turn()
    assert "rejected 2 of its spans: too old" in caplog.text
    server.close()


def test_a_cursor_is_kept_for_every_batch(tmp_path: Path, collector: tuple[Collector, OtlpSettings]) -> None:
    receiver, settings = collector
    EventLog(tmp_path).append(events(600), 0.0)
    first = Export(tmp_path, settings, Exporter(settings))
    receiver.fails_after(2)
    assert first.turn()
    assert not Export(tmp_path, settings, Exporter(settings)).turn()
    assert len(receiver.ids) == len(set(receiver.ids)) == 600


def test_a_cursor_that_cannot_be_written_ends_nothing(
    tmp_path: Path, collector: tuple[Collector, OtlpSettings]
) -> None:
    receiver, settings = collector
    EventLog(tmp_path).append(events(5), 0.0)
    export = Export(tmp_path, settings, Exporter(settings))
    (tmp_path / ".otlp.cursor").mkdir()
    assert export.turn()
    (tmp_path / ".otlp.cursor").rmdir()
    EventLog(tmp_path).append(events(6)[5:], 0.0)
    assert not export.turn()
    assert len(receiver.ids) == len(set(receiver.ids)) == 6


def test_a_span_says_what_the_cache_did_and_what_that_saved() -> None:
    merger = Merger()
    usage = {"input_tokens": 1000, "output_tokens": 100}
    merger.feed({"k": "begin", "id": "r", "at": 1.79e9, "method": "POST", "path": "/v1/x"}, 0.0)
    end = {"outcome": "allowed", "model": "gpt-4o", "usage": usage, "cache_hit": True, "cache": "hit"}
    merger.feed({"k": "end", "id": "r", **end}, 0.0)
    (event,) = merger.finished(99.0)
    found = {each.key: each.value for each in span(priced(event)).attributes}
    assert found["keeptrusts.cache.hit"].bool_value is True
    assert found["keeptrusts.cache.status"].string_value == "hit"
    assert found["keeptrusts.cost.usd"].double_value == 0.0
    assert found["keeptrusts.cost.avoided_usd"].double_value == 0.0035
