"""What each child is told on its command line."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from extproc.config.values import Config, Limits, Pack
from extproc.gateway import plan
from extproc.gateway.envoy import files
from extproc.model import Target


def options(log_level: str) -> plan.Options:
    return plan.Options(
        policy_config=(Path("/etc/policy-config.yaml"),),
        host="127.0.0.1",
        port=41002,
        state_dir=Path("/state"),
        workers=2,
        fail_mode="block",
        log_level=log_level,
    )


@pytest.mark.parametrize("level", ["debug", "info", "warning", "error"])
def test_every_child_is_told_the_level_and_envoy_one_that_writes_no_headers(level: str) -> None:
    chosen = options(level)
    config = Config(pack=Pack(name="t", version="1.0.0"), targets=(), chain=(), limits=Limits(), digest="")
    for argv in (
        plan.worker_argv(chosen, "worker-0", "unix:/w", 1.0),
        plan.keeper_argv(chosen),
        plan.shipper_argv(chosen),
    ):
        assert argv[argv.index("--log-level") + 1] == level
    envoy = files.argv(plan.envoy_settings(chosen, config), level)
    assert envoy[envoy.index("--log-level") + 1] in ("warning", "error")
    assert not {"debug", "trace"} & {part.rpartition(":")[2] for word in envoy for part in word.split(",")}


@pytest.mark.parametrize(
    ("environ", "bundle"),
    [({}, "/etc/ssl/certs/ca-certificates.crt"), ({"SSL_CERT_FILE": "/own/ca.pem"}, "/own/ca.pem")],
)
def test_providers_are_believed_by_the_systems_authorities_or_by_those_that_ssl_cert_file_names(
    environ: dict[str, str], bundle: str
) -> None:
    config = Config(
        pack=Pack(name="t", version="1.0.0"),
        targets=(Target("a", "openai", "https", "llm.internal", 443),),
        chain=(),
        limits=Limits(),
        digest="",
    )
    chosen = replace(options("info"), ca_bundle=plan.ca_bundle(environ))
    rendered = files.render(plan.envoy_settings(chosen, config), "v1", {})
    (cluster,) = json.loads(rendered["cds.json"])["resources"]
    trust = cluster["transport_socket"]["typed_config"]["common_tls_context"]["validation_context"]["trusted_ca"]
    assert trust == {"filename": bundle}


def named(*variables: str) -> Config:
    targets = tuple(Target(name.lower(), "openai", "http", "127.0.0.1", 9, secret_env=name) for name in variables)
    return Config(pack=Pack(name="t", version="1.0.0"), targets=targets, chain=(), limits=Limits(), digest="")


def test_no_child_inherits_a_credential_but_knows_which_are_set() -> None:
    environ = {
        "PATH": "/bin", "OURS": "secret", "EMPTY": "", "OTHER_API_KEY": "secret", "KEEPTRUSTS_GATEWAY_TOKEN": "secret",
    }  # fmt: skip
    found = plan.environ_without_secrets(environ, named("OURS", "EMPTY", "UNSET"))
    assert "secret" not in found.values()
    assert (found["PATH"], found["OURS"], found["EMPTY"]) == ("/bin", "(withheld)", "")
    assert "UNSET" not in found


def test_a_processor_counts_every_credential_as_held_by_the_other_envoy() -> None:
    found = plan.environ_of_processor({"OURS": "secret"}, named("OURS", "UNSET"))
    assert found == {"OURS": "(withheld)", "UNSET": "(withheld)"}
