"""What the doctor says of port, certificate, configuration and credentials."""

from __future__ import annotations

import datetime as dt
import socket
from dataclasses import replace
from pathlib import Path

import pytest
from command import CONFIG, config

from extproc.gateway import plan
from extproc.gateway.address import Tcp
from extproc.gateway.certs import ensure_dev_certificate
from extproc.gateway.doctor import serving
from extproc.model import Target

NOW = dt.datetime(2026, 6, 1, tzinfo=dt.UTC)


def test_a_taken_port_fails(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        at = Tcp("127.0.0.1", taken.getsockname()[1])
        found = serving.port(at, tmp_path / "envoy-admin.sock")
        assert (found.status, found.next) == ("fail", "choose another --listen") and "in use" in found.message
    assert serving.port(at, tmp_path / "envoy-admin.sock").status == "ok"


@pytest.mark.parametrize(
    ("age", "status", "words"),
    [
        (0, "ok", "expires on 2027-06-01"),
        (336, "warn", "in 29 days"),
        (364, "warn", "in 1 days"),
        (366, "fail", "expired"),
    ],
)
def test_a_certificate_near_its_end_warns_and_one_past_it_fails(
    tmp_path: Path, age: int, status: str, words: str
) -> None:
    made = ensure_dev_certificate(tmp_path, NOW)
    found = serving.certificate(made.cert, made.key, NOW + dt.timedelta(days=age))
    assert found.status == status and words in found.message and bool(found.next) == (status != "ok")


def test_a_certificate_that_is_missing_or_of_another_key_fails(tmp_path: Path) -> None:
    one, two = ensure_dev_certificate(tmp_path / "1", NOW), ensure_dev_certificate(tmp_path / "2", NOW)
    for cert, key in ((one.cert, two.key), (tmp_path / "absent", one.key), (one.cert, tmp_path / "absent")):
        assert serving.certificate(cert, key, NOW).status == "fail"


def test_a_configuration_with_faults_fails_and_names_the_first(tmp_path: Path) -> None:
    path = config(tmp_path, CONFIG.replace("policy: {prompt-injection: {}}", "policy: {nope: {}}\nalso: 1"))
    check, loaded = serving.policy_config([path], {})
    assert (check.status, loaded) == ("fail", None)
    assert check.message.startswith(f"{path}:6:10: policy.nope: ") and check.message.endswith("(and 1 more)")
    assert check.next == f"kt policy lint --file {path}"


def test_a_configuration_with_warnings_warns(tmp_path: Path) -> None:
    path = config(tmp_path, CONFIG.replace("policy: {prompt-injection: {}}", "policy: {}"))
    check, loaded = serving.policy_config([path], {})
    assert check.status == "warn" and f"{path}:5:20: policies.chain[0]" in check.message and loaded


def test_what_passes_unscanned_is_a_warning_of_its_own(tmp_path: Path) -> None:
    section = "passthrough: {target: a, routes: [images, realtime]}\n"
    check, loaded = serving.policy_config([config(tmp_path, CONFIG + section)], {})
    assert check.status == "ok" and loaded and loaded.allowance
    found = serving.unscanned(loaded.allowance)
    assert found.status == "warn" and "images, realtime pass to a and back without any policy" in found.message
    assert found.next


def test_a_configuration_that_envoy_refuses_fails(tmp_path: Path) -> None:
    _, loaded = serving.policy_config([config(tmp_path)], {})
    assert loaded
    options = plan.Options(
        policy_config=(), host="127.0.0.1", port=41002, state_dir=tmp_path / "state", workers=1, fail_mode="block",
        log_level="info",
    )  # fmt: skip
    assert serving.accepted(plan.envoy_settings(options, loaded)).status == "ok"
    assert not options.state_dir.exists()
    refused = serving.accepted(replace(plan.envoy_settings(options, loaded), port=99999))
    assert refused.status == "fail" and "Envoy refuses the configuration" in refused.message


def target(**changes: str) -> Target:
    return Target("a", "openai", "http", "127.0.0.1", 9, "", **changes)


def test_a_target_without_its_variable_is_a_warning_where_others_serve() -> None:
    found = serving.credential(target(secret_env="KEY"), {}, others=True)
    assert (found.status, found.message) == ("warn", "KEY is not set, so a is unavailable")
    assert serving.credential(target(secret_env="KEY"), {}).status == "fail"


def test_a_credential_that_is_not_there_fails_and_none_is_shown(tmp_path: Path) -> None:
    secret, empty, binary = tmp_path / "secret", tmp_path / "empty", tmp_path / "binary"
    secret.write_text("sk-secret\n")
    empty.write_text("\n")
    binary.write_bytes(b"\xff\xfe")
    there = [
        serving.credential(target(), {}),
        serving.credential(target(secret_env="KEY"), {"KEY": "sk-secret"}),
        serving.credential(target(secret_file=str(secret)), {}),
    ]
    missing = [
        serving.credential(target(secret_env="KEY"), {}),
        serving.credential(target(secret_env="KEY"), {"KEY": ""}),
        *(serving.credential(target(secret_file=str(path)), {}) for path in (tmp_path / "absent", empty, binary)),
    ]
    assert [check.status for check in there] == ["ok"] * 3
    assert [(check.status, bool(check.next)) for check in missing] == [("fail", True)] * 5
    assert not [check for check in (*there, *missing) if "sk-secret" in str(check)]
