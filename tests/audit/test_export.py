from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import grpc
import pytest
from collector import Collector, serving

from extproc.audit.events import EventLog
from extproc.audit.export import Export
from extproc.audit.merge import Merger
from extproc.audit.otlp import Exporter
from extproc.audit.otlp_settings import OtlpSettings


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
