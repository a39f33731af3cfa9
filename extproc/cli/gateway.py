"""`kt gateway`: the gateway as the seed page runs it."""

from __future__ import annotations

import asyncio
import os
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import click

from extproc.cli import exit_codes, options
from extproc.cli.failures import fail, plain, say

if TYPE_CHECKING:
    from extproc.gateway.address import Tcp
    from extproc.gateway.plan import Options


def _workers() -> int:
    from extproc.gateway.cores import share

    return share().workers


def _envoy_threads() -> int:
    from extproc.gateway.cores import share

    return share().envoy_threads


@click.group()
def command() -> None:
    """Run the gateway: Envoy, workers and shipper.

    \b
    Example:
      kt gateway run --policy-config policy-config.yaml --listen 127.0.0.1:41002
    """


@command.command()
@options.policy_config(required=True)
@options.listen
@options.tls
@click.option("--dev-tls", is_flag=True, help="Make a development certificate in the state directory and use it.")
@click.option("--fail-mode", type=click.Choice(["block", "allow"]), default="block", show_default=True)
@click.option(
    "--workers",
    type=click.IntRange(1, 64),
    envvar="KEEPTRUSTS_WORKERS",
    show_envvar=True,
    default=_workers,
    show_default="half the cores, rounded up",
)
@click.option(
    "--envoy-threads",
    type=click.IntRange(1, 256),
    envvar="KEEPTRUSTS_ENVOY_THREADS",
    show_envvar=True,
    default=_envoy_threads,
    show_default="half the cores",
)
@options.transport
@options.log_level
@options.state_dir
def run(
    policy_config: tuple[Path, ...],
    address: Tcp,
    tls_cert: Path | None,
    tls_key: Path | None,
    dev_tls: bool,
    fail_mode: str,
    workers: int,
    envoy_threads: int,
    transport: str,
    log_level: str,
    state_dir: Path,
) -> None:
    """Serve a team until SIGTERM; SIGHUP or a changed file reloads the configuration.

    \b
    Example:
      kt gateway run --policy-config policy-config.yaml --listen 127.0.0.1:41002 --dev-tls
    """
    from extproc.gateway.plan import Options, ca_bundle

    with plain():
        _probe(address)
        tls = _tls(tls_cert, tls_key, dev_tls, state_dir)
        _warn(address, tls is not None)
        chosen = Options(
            policy_config=tuple(path.absolute() for path in policy_config),
            host=address.host,
            port=address.port,
            state_dir=state_dir.absolute(),
            workers=workers,
            fail_mode=fail_mode,
            log_level=log_level,
            transport=transport,
            envoy_threads=envoy_threads,
            tls=tls,
            ca_bundle=ca_bundle(os.environ),
        )
        _supervise(chosen, f"{'https' if tls else 'http'}://{address}/v1")


def _supervise(chosen: Options, url: str) -> None:
    from extproc.audit.otlp_settings import OtlpSettings
    from extproc.config.load import load
    from extproc.detect.databases import keep_on
    from extproc.gateway.supervisor import Supervisor
    from extproc.pattern_shelf import PatternShelf

    OtlpSettings.of(os.environ)  # the shipper reads it, but after the gateway is ready
    keep_on(PatternShelf(chosen.state_dir))  # what is compiled here is there for the workers to read
    loaded = load(chosen.policy_config, environ=os.environ)
    for warning in loaded.warnings:
        say(f"warning: {warning}")
    supervisor = Supervisor(chosen, loaded.config, say)
    asyncio.run(supervisor.run(lambda: click.echo(f"gateway ready: {url}")))


def _probe(address: Tcp) -> None:
    """Exits where nobody can listen: Envoy would say it too, but later and at length."""
    from extproc.gateway.address import obstacle

    if why := obstacle(address):
        fail(f"cannot listen on {address}: {why}; choose another --listen", exit_codes.MISSING)


def _tls(cert: Path | None, key: Path | None, dev: bool, state: Path) -> tuple[Path, Path] | None:
    """The certificate to serve, and its key. Raises CertificateError, OSError."""
    from extproc.gateway.certs import check_pair, ensure_dev_certificate

    if bool(cert) != bool(key):
        raise click.UsageError("--tls-cert and --tls-key go together")
    now = datetime.now(UTC)
    if cert and key:
        check_pair(cert, key, now)
        return cert.absolute(), key.absolute()
    if not dev:
        return None
    made = ensure_dev_certificate(state.absolute() / "tls", now)
    return made.cert, made.key


def _warn(address: Tcp, tls: bool) -> None:
    """What an operator should hear before anything else. Raises ReplicasError."""
    from extproc.gateway.replicas import ADVICE, warning

    if given := [name for name in ("KEEPTRUSTS_API_URL", "KEEPTRUSTS_GATEWAY_TOKEN") if os.environ.get(name)]:
        missing = "this gateway cannot speak to a control plane yet: access keys, events and configuration stay here"
        say(f"warning: {' and '.join(given)} not used: {missing}")
    if many := warning(os.environ):
        say(f"warning: {many}; {ADVICE}")
    if not tls and not address.local:
        say(f"warning: plain HTTP on {address.host}: keys and prompts travel readable; give --tls-cert and --tls-key")
