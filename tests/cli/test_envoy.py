"""`kt envoy render`: for people who want to see, or keep, what Envoy is told."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from command import CONFIG, config, kt

from extproc.cli import exit_codes

SECRET = "sk-secret-of-the-provider"
WITH_SECRETS = CONFIG.replace("{id: a,", "{id: a, secret_key_ref: {env: RENDER_TEST_KEY},")


@pytest.fixture(autouse=True)
def provider_key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RENDER_TEST_KEY", SECRET)


def test_files_are_written_for_the_owner_alone_and_without_a_credential(tmp_path: Path) -> None:
    out = tmp_path / "rendered"
    run = ("envoy", "render", "--policy-config", config(tmp_path, WITH_SECRETS), "--state-dir", tmp_path / "state")
    result = kt(*run, "--out", out)
    assert (result.exit_code, result.output) == (exit_codes.OK, "")
    names = {path.name for path in out.iterdir()}
    assert names == {"bootstrap.json", "lds.json", "ecds.json", "rds.json", "cds.json", "secret-a.json"}
    assert {path.stat().st_mode & 0o777 for path in out.iterdir()} == {0o600}
    assert out.stat().st_mode & 0o777 == 0o700
    assert not [path.name for path in out.iterdir() if SECRET in path.read_text()]
    assert not (tmp_path / "state").exists()


def test_what_passes_unscanned_is_said_beside_the_files_and_seen_in_them(tmp_path: Path) -> None:
    path = config(tmp_path, CONFIG + "passthrough: {target: a, routes: [images, realtime]}\n")
    result = kt("envoy", "render", "--policy-config", path, "--state-dir", tmp_path / "state")
    assert result.exit_code == exit_codes.OK
    assert [line for line in result.stderr.splitlines() if "passes unscanned" in line] == [
        f"warning: {path}:7:{column}: passthrough.routes: '{name}' passes unscanned: no policy reads what it says"
        for name, column in (("images", 35), ("realtime", 43))
    ]
    parts = dict(part.split("\n", 1) for part in result.stdout.removeprefix("# ").split("\n# "))
    ((host,),) = [each["virtual_hosts"] for each in json.loads(parts["rds.json"])["resources"]]
    unread = {
        str(next(iter(route["match"].values()))): route["route"]["cluster"]
        for route in host["routes"]
        if "processing_mode" in route.get("typed_per_filter_config", {}).get("policy", {}).get("overrides", {})
    }
    assert unread == {"/v1/images": "target:a", "/v1/realtime": "target:a"}


def test_without_out_every_file_is_printed(tmp_path: Path) -> None:
    run = ("envoy", "render", "--policy-config", config(tmp_path, WITH_SECRETS), "--state-dir", tmp_path / "state")
    result = kt(*run, "--listen", "[::1]:4100", "--workers", "2")
    assert result.exit_code == exit_codes.OK and SECRET not in result.output
    parts = dict(part.split("\n", 1) for part in result.stdout.removeprefix("# ").split("\n# "))
    (listener,) = json.loads(parts["lds.json"])["resources"]
    assert listener["address"]["socket_address"] == {"address": "::1", "port_value": 4100}
    workers, heavy = json.loads(parts["bootstrap.json"])["static_resources"]["clusters"]
    assert (workers["name"], heavy["name"]) == ("workers", "heavy")
    assert len(workers["load_assignment"]["endpoints"][0]["lb_endpoints"]) == 2


def explained(tmp_path: Path, text: str) -> list[str]:
    path = config(tmp_path, text)
    result = kt("envoy", "render", "--policy-config", path, "--explain", "--state-dir", tmp_path / "state")
    assert result.exit_code == exit_codes.OK
    return result.stdout.splitlines()


def test_what_is_sent_to_the_workers_is_said_route_by_route_and_what_for(tmp_path: Path) -> None:
    lines = explained(tmp_path, CONFIG + "passthrough: {target: a, routes: [images]}\n")
    sent = {line.rpartition("  ")[0].strip(): line.rpartition("  ")[2] for line in lines if line.startswith("/")}
    assert sent["/healthz"] == sent["/"] == "Envoy answers; nothing is sent"
    assert sent["/v1/images"] == "workers: headers, and no body in either direction"
    assert sent["/v1 no-content-length POST|PUT|PATCH"].startswith("heavy: headers and bodies")
    assert sent["/v1"].startswith("workers: headers and bodies")
    assert lines[-1].startswith("replies are sent for: tokens and outcome in the record")


def test_without_a_heavy_lane_no_route_leads_to_it(tmp_path: Path) -> None:
    assert not any("heavy" in line for line in explained(tmp_path, CONFIG + "limits: {heavy_body_bytes: 0}\n"))
