"""`kt processor`: the policy engine for an Envoy that others run (design D16)."""

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
    from extproc.gateway.address import Tcp, Unix
    from extproc.gateway.plan import Options

_PEM = click.Path(path_type=Path, dir_okay=False)


@click.group()
def command() -> None:
    """Run workers and shipper for an Envoy that others run.

    \b
    Example:
      kt processor run --policy-config policy-config.yaml --listen unix:/run/keeptrusts.sock
    """


@command.command()
@options.policy_config(required=True)
@click.option(
    "--listen",
    "addresses",
    type=options.Listen(sockets=True),
    multiple=True,
    required=True,
    metavar="unix:PATH|HOST:PORT",
    help="Where Envoy's ext_proc cluster points. Given several times, each address has a worker process of its own.",
)
@click.option("--mtls-cert", type=_PEM, help="Our certificate, for TCP and Unix sockets alike.")
@click.option("--mtls-key", type=_PEM)
@click.option("--mtls-ca", type=_PEM, help="Who may sign Envoy's certificate.")
@click.option("--fail-mode", type=click.Choice(["block", "allow"]), default="block", show_default=True)
@options.transport
@options.log_level
@options.state_dir
def run(
    policy_config: tuple[Path, ...],
    addresses: tuple[Tcp | Unix, ...],
    mtls_cert: Path | None,
    mtls_key: Path | None,
    mtls_ca: Path | None,
    fail_mode: str,
    transport: str,
    log_level: str,
    state_dir: Path,
) -> None:
    """Serve an Envoy of your own, like envoy/minimal.yaml, until SIGTERM; SIGHUP reloads every worker.

    \b
    Example:
      kt processor run --policy-config policy-config.yaml --listen unix:/run/kt-0.sock --listen unix:/run/kt-1.sock
    """
    from extproc.gateway.plan import Options

    with plain():
        _check(addresses)
        mtls = _mtls(mtls_cert, mtls_key, mtls_ca)
        if mtls and transport == "native":
            raise click.UsageError("--transport native has no mTLS; leave it out, or say grpcio")
        for address in addresses:
            if not mtls and not address.local:
                say(f"warning: plain gRPC on {address}: prompts travel readable and anyone may connect; give --mtls-…")
        chosen = Options(
            policy_config=tuple(path.absolute() for path in policy_config),
            host="",
            port=0,
            state_dir=state_dir.absolute(),
            workers=len(addresses),
            fail_mode=fail_mode,
            log_level=log_level,
            transport=transport,
        )
        _serve(chosen, [str(address) for address in addresses], mtls)


def _serve(chosen: Options, addresses: list[str], mtls: list[str]) -> None:
    from extproc.audit.otlp_settings import OtlpSettings
    from extproc.config.load import load
    from extproc.detect.databases import keep_on
    from extproc.gateway import plan
    from extproc.gateway.child import Child
    from extproc.gateway.processor import Processor
    from extproc.pattern_shelf import PatternShelf

    OtlpSettings.of(os.environ)  # the shipper reads it, but after the processor is ready
    keep_on(PatternShelf(chosen.state_dir))  # what is compiled here is there for the workers to read
    loaded = load(chosen.policy_config, environ=os.environ)
    for warning in loaded.warnings:
        if not warning.path.endswith("secret_key_ref.env"):  # the other Envoy holds the credentials
            say(f"warning: {warning}")
    environ = plan.environ_of_processor(os.environ, loaded.config)
    grace = loaded.config.limits.shutdown_grace_seconds
    named = {f"worker-{index}": at for index, at in enumerate(addresses)}
    argvs = {name: [*plan.worker_argv(chosen, name, at, grace), *mtls] for name, at in named.items()}
    workers = [Child(name, argv, environ, say, heartbeat=True) for name, argv in argvs.items()]
    shipper = Child("shipper", plan.shipper_argv(chosen), environ, say, heartbeat=True)
    keeper = Child("keeper", plan.keeper_argv(chosen), environ, say, heartbeat=True)
    processor = Processor(chosen.state_dir, keeper, workers, shipper, grace, say)
    asyncio.run(processor.run(lambda: click.echo(f"processor ready: {', '.join(addresses)}")))


def _check(addresses: tuple[Tcp | Unix, ...]) -> None:
    """Exits where an address stands twice, or where nobody can listen on it."""
    from extproc.gateway.address import obstacle

    for place, address in enumerate(addresses):
        if address in addresses[:place]:
            raise click.BadParameter(f"{address} stands twice; each worker has its own", param_hint="--listen")
        if why := obstacle(address):
            fail(f"cannot listen on {address}: {why}; choose another --listen", exit_codes.MISSING)


def _mtls(cert: Path | None, key: Path | None, ca: Path | None) -> list[str]:
    """A worker's flags. Raises CertificateError."""
    from extproc.gateway.certs import check_ca, check_pair

    if cert is None and key is None and ca is None:
        return []
    if cert is None or key is None or ca is None:
        raise click.UsageError("--mtls-cert, --mtls-key and --mtls-ca go together")
    check_pair(cert, key, datetime.now(UTC))
    check_ca(ca)
    given = (("--mtls-cert", cert), ("--mtls-key", key), ("--mtls-ca", ca))
    return [part for name, path in given for part in (name, str(path.absolute()))]
