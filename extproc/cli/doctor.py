"""`kt doctor`: what may keep a gateway from serving, and what to do about it."""

from __future__ import annotations

import json
import os
import resource
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import click

from extproc.cli import exit_codes, options

if TYPE_CHECKING:
    from extproc.gateway.address import Tcp
    from extproc.gateway.doctor.check import Check


@click.command()
@options.policy_config(required=False)
@options.listen
@options.tls
@options.state_dir
@options.as_json
def command(
    policy_config: tuple[Path, ...],
    address: Tcp,
    tls_cert: Path | None,
    tls_key: Path | None,
    state_dir: Path,
    as_json: bool,
) -> None:
    """Check this machine, the configuration and the state directory.

    Give it the options of kt gateway run. A line for each check; exit 1 where one failed.

    \b
    Example:
      kt doctor --policy-config policy-config.yaml --listen 127.0.0.1:41002
    """
    if bool(tls_cert) != bool(tls_key):
        raise click.UsageError("--tls-cert and --tls-key go together")
    tls = (tls_cert, tls_key) if tls_cert and tls_key else None
    found = []
    for check in _checks(policy_config, address, tls, state_dir.absolute()):
        found.append(check)
        if not as_json:
            click.echo(str(check))
    ok = all(check.status != "fail" for check in found)
    if as_json:
        names = ("name", "status", "message", "next")
        checks = [{name: getattr(check, name) for name in names} for check in found]
        click.echo(json.dumps({"ok": ok, "checks": checks}))
    sys.exit(exit_codes.OK if ok else exit_codes.FAILED)


def _checks(
    policy_config: tuple[Path, ...], address: Tcp, tls: tuple[Path, Path] | None, state_dir: Path
) -> Iterator[Check]:
    """Everything that was asked about, cheap things first."""
    from extproc.gateway.doctor import machine, serving, state
    from extproc.gateway.envoy.files import binary
    from extproc.gateway.open_files import attainable

    yield machine.python(tuple(sys.version_info[:3]))
    yield (envoy := machine.envoy(binary))
    yield machine.hyperscan()
    yield machine.open_files(attainable(*resource.getrlimit(resource.RLIMIT_NOFILE)))
    yield state.directory(state_dir)
    yield state.disk(state_dir, Path("/proc/self/mountinfo").read_text())
    yield state.space(state_dir)
    yield state.in_use(state_dir)
    yield serving.port(address, state_dir / "run" / "envoy-admin.sock")
    if tls:
        certificate = serving.certificate(*tls, datetime.now(UTC))
        yield certificate
        tls = tls if certificate.status != "fail" else None
    if policy_config:
        yield from _configuration(policy_config, address, tls, state_dir, envoy.status == "ok")
    if check := serving.several(os.environ):
        yield check
    yield from _collector()
    yield _self_test()


def _configuration(
    policy_config: tuple[Path, ...], address: Tcp, tls: tuple[Path, Path] | None, state_dir: Path, envoy: bool
) -> Iterator[Check]:
    from extproc.gateway import plan
    from extproc.gateway.doctor import serving

    check, config = serving.policy_config(policy_config, os.environ)
    yield check
    if config is None:
        return
    for target in config.targets:
        others = any(other.available for other in config.targets if other is not target)
        yield serving.credential(target, os.environ, others=others)
    if config.allowance:
        yield serving.unscanned(config.allowance)
    if not envoy:
        return  # nobody is there to ask
    chosen = plan.Options(
        policy_config=policy_config,
        host=address.host,
        port=address.port,
        state_dir=state_dir,
        workers=1,
        fail_mode="block",
        log_level="info",
        ca_bundle=plan.ca_bundle(os.environ),
        tls=(tls[0].absolute(), tls[1].absolute()) if tls else None,
    )
    yield serving.accepted(plan.envoy_settings(chosen, config))


def _collector() -> Iterator[Check]:
    """Nothing where no collector is to be used."""
    from extproc.audit.otlp_settings import OtlpSettings, OtlpVariableError
    from extproc.gateway.doctor.check import Check
    from extproc.gateway.doctor.telemetry import collector

    try:
        settings = OtlpSettings.of(os.environ)
    except OtlpVariableError as error:
        yield Check("collector", "fail", str(error), "correct or unset the variable")
        return
    if settings:
        yield collector(*settings.place)


def _self_test() -> Check:
    from extproc.gateway.doctor.machine import self_test
    from extproc.worker import self_test as block_the_sample

    return self_test(block_the_sample)
