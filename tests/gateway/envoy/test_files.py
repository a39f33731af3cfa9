"""The rendered files on a real Envoy 1.40: what it accepts, what clients, targets and the processor see."""

from __future__ import annotations

import json
import socket
import ssl
import uuid
from collections.abc import Iterator
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

import httpx
import pytest
from live import Providers, eventually, free_port

from extproc.config.cors import Cors
from extproc.config.values import Limits
from extproc.gateway import admin
from extproc.gateway.certs import ensure_dev_certificate
from extproc.gateway.envoy import files
from extproc.gateway.envoy.settings import EnvoySettings
from extproc.model import Target, first
from extproc.routing.unscanned import ROUTES, Allowance

SECRET = "sk-of-the-provider"
ECDS = "extension_config_discovery.http_filter.policy"


def target(port: int, name: str = "a", **changes: Any) -> Target:
    made = Target(name, "openai", "http", "127.0.0.1", port, "", secret_env="PROVIDER_KEY")
    return replace(made, **changes)


def settings(root: Path, *targets: Target, **changes: Any) -> EnvoySettings:
    made = EnvoySettings(
        host="127.0.0.1",
        port=1,
        targets=targets,
        workers=(root / "run" / "worker-0.sock",),
        directory=root / "envoy",
        run=root / "run",
        edge_log=root / "edge.log",
    )
    return replace(made, **changes)


def is_shaped(answer: httpx.Response, status: int, code: str) -> None:
    assert answer.status_code == status
    assert answer.headers["content-type"] == "application/json"
    assert uuid.UUID(answer.headers["x-keeptrusts-request-id"])
    assert answer.headers["server"] == "keeptrusts"
    assert set(answer.json()["error"]) == {"message", "type", "param", "code"}
    assert answer.json()["error"]["code"] == code


# --- rendering and publishing, without a running Envoy ---------------------------------------------------------------


@pytest.mark.parametrize("tls", [False, True], ids=["plain", "tls"])
@pytest.mark.parametrize("count", [1, 2, 3])
def test_envoy_accepts_the_rendering(tmp_path: Path, count: int, tls: bool) -> None:
    import datetime as dt

    made = [
        target(8000, "plain", secret_env=""),
        target(443, "tls", scheme="https", host="api.example.com", prefix='/open"ai\\\n'),
        target(8443, "odd", scheme="https", host="llm.internal", key_header="x-api-key", key_prefix=""),
    ][:count]
    pair = ensure_dev_certificate(tmp_path / "tls", dt.datetime.now(dt.UTC)) if tls else None
    files.validate(settings(tmp_path, *made, tls=(pair.cert, pair.key) if pair else None), {"tls": SECRET})


@pytest.mark.parametrize("routes", [(), tuple(ROUTES)], ids=["none", "all"])
def test_envoy_accepts_routes_that_pass_unscanned(tmp_path: Path, routes: tuple[str, ...]) -> None:
    made = target(443, scheme="https", host="api.example.com")
    allowed = Allowance(target=made, routes=routes, max_body_bytes=1, organisation="default") if routes else None
    given = settings(tmp_path, made, allowance=allowed, cors=Cors(allow_origins=("*",)))
    files.validate(given, {"a": SECRET})
    clusters = json.loads(files.render(given, "v1", {})["cds.json"])["resources"]
    assert [each["name"] for each in clusters] == ["target:a", *(["target:a/http1"] if routes else [])]


def test_a_configuration_that_envoy_refuses_is_one_plain_error(tmp_path: Path) -> None:
    with pytest.raises(files.EnvoyError, match="Envoy refuses the configuration") as refused:
        files.validate(settings(tmp_path, target(99999)), {})
    assert "\n" not in str(refused.value)


def test_a_credential_stands_in_its_secret_file_alone(tmp_path: Path) -> None:
    rendered = files.render(settings(tmp_path, target(1), target(2, "b", secret_env="")), "v1", {"a": SECRET})
    assert [name for name, content in rendered.items() if SECRET in content] == ["secret-a.json"]
    assert "secret-b.json" not in rendered
    assert "credential_injector" not in str(json.loads(rendered["cds.json"])["resources"][1])


def test_only_what_changed_is_written_and_only_the_owner_may_read_it(tmp_path: Path) -> None:
    files.publish({"cds.json": "1", "secret-a.json": "x"}, tmp_path / "envoy")
    before = {path.name: path.stat().st_ino for path in (tmp_path / "envoy").iterdir()}
    files.publish({"cds.json": "2", "secret-a.json": "x"}, tmp_path / "envoy")
    after = {path.name: path.stat().st_ino for path in (tmp_path / "envoy").iterdir()}
    assert after["secret-a.json"] == before["secret-a.json"] and after["cds.json"] != before["cds.json"]
    assert all(path.stat().st_mode & 0o077 == 0 for path in (tmp_path / "envoy").iterdir())


def test_the_credential_of_a_target_that_is_gone_is_deleted(tmp_path: Path) -> None:
    files.publish({"cds.json": "1", "secret-a.json": "x", "secret-b.json": "y"}, tmp_path)
    files.publish({"cds.json": "2", "secret-b.json": "y"}, tmp_path)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["cds.json", "secret-b.json"]


@pytest.mark.parametrize("name", [each.name for each in fields(Limits) if each.name != "trusted_hops"])
def test_a_changed_limit_leaves_the_listener_as_it_is(tmp_path: Path, name: str) -> None:
    limits = replace(Limits(), **{name: getattr(Limits(), name) * 2})
    before, after = settings(tmp_path, target(1)), settings(tmp_path, target(1), limits=limits)
    assert files.render(before, "v1", {})["lds.json"] == files.render(after, "v1", {})["lds.json"]


@pytest.mark.parametrize("count", [1, 2, 3])
def test_how_often_a_request_is_tried_is_for_the_policy_filter_to_say(tmp_path: Path, count: int) -> None:
    """A number at the route would be of all targets, of which only some take a request."""
    rendered = files.render(settings(tmp_path, *(target(n, f"t{n}") for n in range(1, count + 1))), "v1", {})
    assert '"num_retries":0' in rendered["rds.json"].replace(" ", "")


# --- our own pages and errors ----------------------------------------------------------------------------------------


def test_without_a_worker_it_is_alive_not_ready_and_refuses_in_shape(start: Any, providers: Providers) -> None:
    provider, port = providers.add()
    lab = start(target(port), worker=False)
    with lab.client() as client:
        assert (client.get("/healthz").status_code, client.get("/healthz").text) == (200, "ok\n")
        assert client.get("/readyz").status_code == 503
    refused = lab.chat()
    is_shaped(refused, 503, "unavailable")
    assert provider.requests == []
    (edge,) = lab.edge("edge", refused.headers["x-keeptrusts-request-id"])
    assert edge["path"] == "/v1/chat/completions"  # without it the audit takes the request for none of /v1


def test_with_a_worker_it_is_ready(start: Any, providers: Providers) -> None:
    lab = start(target(providers.add()[1]))
    with lab.client() as client:
        assert client.get("/readyz").status_code == 200


def test_any_other_path_is_a_404_in_shape_that_the_processor_never_sees(start: Any, providers: Providers) -> None:
    lab = start(target(providers.add()[1]))
    with lab.client() as client:
        for path in ("/", "/v1x", "/admin", "/v2/chat/completions"):
            is_shaped(client.get(path), 404, "unknown_url")
    assert lab.seen == []


def test_a_body_above_the_limit_is_a_413_in_shape(start: Any, providers: Providers) -> None:
    lab = start(target(providers.add()[1]), tls=True, limits=Limits(max_body_bytes=1 << 20, max_response_bytes=1 << 20))

    def large() -> Iterator[bytes]:
        yield from (b" " * (1 << 18) for _ in range(40))

    with lab.client() as client:
        is_shaped(client.post("/v1/chat/completions", content=large()), 413, "request_too_large")


@pytest.mark.parametrize("http2", [False, True], ids=["http1", "http2"])
def test_a_body_of_32_mib_passes(start: Any, providers: Providers, http2: bool) -> None:
    provider, port = providers.add()
    lab = start(target(port), tls=True, secrets={"a": SECRET})
    body = b'{"model": "demo", "messages": [{"role": "user", "content": "hello"}]}'.ljust(32 << 20)
    with lab.client(http2=http2) as client:
        assert client.post("/v1/chat/completions", content=body).status_code == 200
    assert len(provider.requests[0].body) == len(body)


def test_a_target_without_a_credential_in_its_file_is_never_asked(start: Any, providers: Providers) -> None:
    provider, port = providers.add()
    is_shaped(start(target(port)).chat(), 401, "provider_unauthenticated")
    assert provider.requests == []


# --- the front door --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("offered", ["h2", "http/1.1"])
def test_tls_offers_both_versions_of_http(start: Any, providers: Providers, offered: str) -> None:
    lab = start(target(providers.add()[1]), tls=True)
    context = ssl.create_default_context(cafile=str(lab.ca))
    context.set_alpn_protocols([offered])
    with (
        socket.create_connection(("127.0.0.1", lab.settings.port)) as raw,
        context.wrap_socket(raw, server_hostname="localhost") as wrapped,
    ):
        assert wrapped.selected_alpn_protocol() == offered


@pytest.mark.parametrize("forwarded", [{}, {"x-forwarded-for": "10.0.0.1"}], ids=["direct", "forwarded"])
def test_a_client_cannot_speak_for_us_or_for_envoy(start: Any, providers: Providers, forwarded: dict[str, str]) -> None:
    provider, port = providers.add("503")
    lab = start(target(port), target(port, "b"), secrets={"a": SECRET, "b": SECRET})
    forged = {
        "x-request-id": "11111111-1111-4111-8111-111111111111",
        "x-keeptrusts-request-id": "forged",
        "x-kt-role": "forged",
        "x-envoy-max-retries": "9",
        "x-envoy-retry-on": "5xx",
        "x-envoy-internal": "true",
        "x-envoy-original-path": "/forged",
        "x-envoy-external-address": "9.9.9.9",
        "x-envoy-upstream-rq-timeout-ms": "1",
    }
    lab.chat(headers={**forged, **forwarded})
    (seen,) = lab.seen
    assert uuid.UUID(first(seen, "x-request-id")) and first(seen, "x-request-id") != forged["x-request-id"]
    for name in forged.keys() - {"x-request-id", "x-envoy-external-address"}:
        assert first(seen, name) == "", name
    assert first(seen, "x-envoy-external-address") in ("", "127.0.0.1")
    assert len(provider.requests) == 2


def test_a_clients_own_agent_header_passes(start: Any, providers: Providers) -> None:
    lab = start(target(providers.add()[1]), secrets={"a": SECRET})
    lab.chat(headers={"x-keeptrusts-agent-id": "ide-7"})
    assert first(lab.seen[0], "x-keeptrusts-agent-id") == "ide-7"


@pytest.mark.parametrize(("sent", "seen"), [("/v1//models", "/v1/models"), ("/v1/a/../models", "/v1/models")])
def test_the_processor_sees_normal_paths(start: Any, providers: Providers, sent: str, seen: str) -> None:
    lab = start(target(providers.add()[1]), secrets={"a": SECRET})
    raw(lab.settings.port, f"GET {sent} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n")
    assert first(lab.seen[0], ":path") == seen


def test_an_escaped_slash_is_a_400_in_shape(start: Any, providers: Providers) -> None:
    lab = start(target(providers.add()[1]))
    answer = raw(lab.settings.port, "GET /v1%2fmodels HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n")
    assert answer.startswith("HTTP/1.1 400") and '"code":"bad_request"' in answer


def raw(port: int, request: str) -> str:
    with socket.create_connection(("127.0.0.1", port)) as connection:
        connection.sendall(request.encode())
        return b"".join(iter(lambda: connection.recv(65536), b"")).decode("latin-1")


# --- attempts --------------------------------------------------------------------------------------------------------


def test_every_attempt_starts_clean(start: Any, providers: Providers) -> None:
    (one, first_port), (two, second_port) = providers.add("503"), providers.add()
    lab = start(
        target(first_port, prefix="/openai"),
        target(second_port, "b", key_header="x-api-key", key_prefix=""),
        secrets={"a": SECRET, "b": "sk-other"},
    )
    mine = {"authorization": "Bearer mine", "cookie": "s=1", "x-api-key": "mine", "api-key": "mine"}
    assert lab.chat(headers=mine).status_code == 200
    seen, other = dict(one.requests[0].headers), dict(two.requests[0].headers)
    assert (one.requests[0].path, two.requests[0].path) == ("/openai/v1/chat/completions", "/v1/chat/completions")
    assert seen["authorization"] == f"Bearer {SECRET}" and other["x-api-key"] == "sk-other"
    assert not {"x-api-key", "api-key", "cookie"} & seen.keys()
    assert not {"authorization", "api-key", "cookie"} & other.keys()
    assert (seen["host"], other["host"]) == (f"127.0.0.1:{first_port}", f"127.0.0.1:{second_port}")
    assert one.requests[0].body == two.requests[0].body
    assert seen["content-length"] == other["content-length"] == str(len(one.requests[0].body))


def test_a_target_is_reached_by_name_where_only_its_ipv4_address_answers(start: Any, providers: Providers) -> None:
    provider, port = providers.add()  # listens on 127.0.0.1, and Envoy takes `localhost` for ::1 too
    lab = start(target(port, host="localhost"), secrets={"a": SECRET})
    assert lab.chat().status_code == 200
    assert dict(provider.requests[0].headers)["host"] == f"localhost:{port}"


def test_each_attempt_has_a_line_in_the_edge_log_beside_the_requests(start: Any, providers: Providers) -> None:
    lab = start(target(free_port()), target(providers.add()[1], "b"), secrets={"a": SECRET, "b": SECRET})
    assert lab.chat(headers={"authorization": "Bearer mine"}).status_code == 200
    key = first(lab.seen[0], "x-request-id")
    attempts = lab.edge("attempt", key, 2)
    assert [line["cluster"] for line in attempts] == ["target:a", "target:b"]
    assert [line["status"] for line in attempts] == [0, 200]
    (edge,) = lab.edge("edge", key)
    assert (edge["status"], edge["attempts"], edge["path"]) == (200, 2, "/v1/chat/completions")


@pytest.mark.parametrize("count", [1, 2], ids=["one target", "two targets"])
def test_a_target_that_never_answers_is_a_504_after_the_first_byte_timeout(
    start: Any, providers: Providers, count: int
) -> None:
    hanging = [target(providers.add("hang")[1], name) for name in ("a", "b")[:count]]
    lab = start(*hanging, limits=Limits(first_byte_timeout_seconds=1), secrets={"a": SECRET, "b": SECRET})
    is_shaped(lab.chat(), 504, "timeout")
    (edge,) = lab.edge("edge", first(lab.seen[0], "x-request-id"))
    assert float(str(edge["duration_ms"])) < 1000 * count + 1500


# --- changes while it runs -------------------------------------------------------------------------------------------


def test_a_published_change_is_in_force_by_its_version(start: Any, providers: Providers) -> None:
    (_, old_port), (new, new_port) = providers.add(), providers.add()
    lab = start(target(old_port), secrets={"a": SECRET})
    lab.publish(replace(lab.settings, targets=(target(new_port),)), "v2", {"a": "sk-rotated"})
    names = ("cluster_manager.cds", "http.gateway.rds.kt", "listener_manager.lds", "sds.secret_a", ECDS)
    for name in names:
        eventually(lambda n=name: version_of(lab, n) == "v2", f"{name} in force")  # type: ignore[misc]
    assert lab.chat().status_code == 200
    assert dict(new.requests[0].headers)["authorization"] == "Bearer sk-rotated"


def version_of(lab: Any, name: str) -> str:
    found = admin.versions(lab.settings.admin)
    return next((value for stat, value in found.items() if stat.startswith(name)), "")


def test_a_file_with_an_unknown_field_is_refused_and_the_old_one_stays(start: Any, providers: Providers) -> None:
    lab = start(target(providers.add()[1]), secrets={"a": SECRET})
    bad = files.render(lab.settings, "v2", {"a": SECRET})
    broken = json.loads(bad["cds.json"])
    broken["resources"][0]["no_such_field"] = 1
    files.publish({"cds.json": json.dumps(broken)}, lab.settings.directory)
    rejected = "/stats?filter=cds.update_rejected"
    eventually(lambda: admin.request(lab.settings.admin, "GET", rejected)[1].strip().endswith(" 1"), "refusal")
    assert version_of(lab, "cluster_manager.cds") == "v1"
    assert lab.chat().status_code == 200
