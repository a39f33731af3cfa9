"""The `OTEL_*` variables: what they mean, and what is wrong with one."""

from __future__ import annotations

import pytest

from extproc.audit.otlp_settings import OtlpSettings, OtlpVariableError

ENDPOINT = "OTEL_EXPORTER_OTLP_ENDPOINT"


@pytest.mark.parametrize(
    ("endpoint", "protocol", "place"),
    [
        ("http://collector:4317", "grpc", ("collector", 4317)),
        ("http://collector", "grpc", ("collector", 4317)),
        ("collector:9", "grpc", ("collector", 9)),
        ("https://[::1]:9", "grpc", ("::1", 9)),
        ("http://collector", "http/protobuf", ("collector", 4318)),
        ("https://collector.example.com/otlp", "http/protobuf", ("collector.example.com", 443)),
    ],
)
def test_the_collectors_place_is_read_from_the_endpoint(endpoint: str, protocol: str, place: tuple[str, int]) -> None:
    settings = OtlpSettings.of({ENDPOINT: endpoint, "OTEL_EXPORTER_OTLP_PROTOCOL": protocol})
    assert settings and settings.place == place


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("ENDPOINT", "http://collector:99999"),
        ("ENDPOINT", "http://collector:port"),
        ("ENDPOINT", "http://"),
        ("ENDPOINT", "ftp://collector"),
        ("ENDPOINT", "http://[::1"),
        ("TRACES_ENDPOINT", "http://collector:0"),
        ("PROTOCOL", "http/json"),
        ("TRACES_PROTOCOL", "carrier pigeon"),
        ("TIMEOUT", "10s"),
        ("TIMEOUT", "0"),
        ("TIMEOUT", "-1"),
        ("HEADERS", "api-key"),
        ("HEADERS", "a=1,=2"),
    ],
)
def test_a_variable_that_makes_no_sense_is_named(name: str, value: str) -> None:
    environ = {ENDPOINT: "http://collector", f"OTEL_EXPORTER_OTLP_{name}": value}
    with pytest.raises(OtlpVariableError, match=f"OTEL_EXPORTER_OTLP_{name}: expected"):
        OtlpSettings.of(environ)


def test_a_header_is_never_quoted() -> None:
    environ = {ENDPOINT: "http://collector", "OTEL_EXPORTER_OTLP_HEADERS": "a=1,sk-secret"}
    with pytest.raises(OtlpVariableError) as refused:
        OtlpSettings.of(environ)
    assert "sk-secret" not in str(refused.value)
