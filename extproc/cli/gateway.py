"""`kt gateway`: the gateway as the seed page runs it."""

from __future__ import annotations

import asyncio
import os
import socket
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import click

from extproc.cli import exit_codes
from extproc.cli.options import state_dir

if TYPE_CHECKING:
    from extproc.gateway.plan import Options

CORES = os.cpu_count() or 2
LOG_LEVELS = ["debug", "info", "warning", "error"]


@click.group()
def command() -> None:
    """Run the gateway: Envoy, workers and shipper.

    \b
    Example:
      kt gateway run --policy-config policy-config.yaml --listen 127.0.0.1:41002
    """


@command.command()
@click.option(
    "--policy-config",
    type=click.Path(path_type=Path, dir_okay=False),
    multiple=True,
    required=True,
    envvar="KEEPTRUSTS_POLICY_CONFIG",
    help="May be given several times: later files are merged over earlier ones, the last policies.chain wins.",
)
@click.option("--listen", default="0.0.0.0:41002", show_default=True, metavar="HOST:PORT")  # the seed's default
@click.option("--tls-cert", type=click.Path(path_type=Path), envvar="KEEPTRUSTS_TLS_CERT_PATH", show_envvar=True)
@click.option("--tls-key", type=click.Path(path_type=Path), envvar="KEEPTRUSTS_TLS_KEY_PATH", show_envvar=True)
@click.option("--dev-tls", is_flag=True, help="Make a development certificate in the state directory and use it.")
@click.option("--fail-mode", type=click.Choice(["block", "allow"]), default="block", show_default=True)
@click.option(
    "--workers", type=click.IntRange(1, 64), default=max(1, (os.cpu_count() or 2) - 1), show_default="cores - 1"
)
@click.option(
    "--log-level", type=click.Choice(["debug", "info", "warning", "error"]), default="info", show_default=True
)
@state_dir
def run(
    policy_config: tuple[Path, ...],
    listen: str,
    tls_cert: Path | None,
    tls_key: Path | None,
    dev_tls: bool,
    fail_mode: str,
    workers: int,
    log_level: str,
    state_dir: Path,
) -> None:
    """Serve until SIGTERM; SIGHUP or a changed file reloads the configuration.

    \b
    Example:
      kt gateway run --policy-config policy-config.yaml --listen 127.0.0.1:41002 --dev-tls
    """
    from extproc.gateway.plan import Options

    host, port = _address(listen)
    tls = _tls(tls_cert, tls_key, dev_tls, state_dir)
    _warn(host, tls is not None)
    state = state_dir.absolute()
    options = Options(
        policy_config=tuple(path.absolute() for path in policy_config),
        host=host,
        port=port,
        state_dir=state,
        workers=workers,
        fail_mode=fail_mode,
        log_level=log_level,
        tls=tls,
    )
    sys.exit(_supervise(options))


def _supervise(options: Options) -> int:
    from extproc.config.load import load
    from extproc.gateway.child import ChildError
    from extproc.gateway.supervisor import Supervisor
    from extproc.model import ConfigError, ExtprocError

    url = f"{'https' if options.tls else 'http'}://{options.host}:{options.port}/v1"
    try:
        loaded = load(options.policy_config, environ=os.environ)
        for warning in loaded.warnings:
            _say(f"warning: {warning}")
        supervisor = Supervisor(options, loaded.config, _say)
        asyncio.run(supervisor.run(lambda: click.echo(f"gateway ready: {url}")))
    except ConfigError as error:
        _say(str(error))
        return exit_codes.USAGE
    except ChildError as error:
        _say(str(error))
        return error.exit_code
    except (ExtprocError, OSError) as error:
        _say(str(error))
        return exit_codes.MISSING
    return exit_codes.OK


def _say(line: str) -> None:
    click.echo(line, err=True)


def _address(listen: str) -> tuple[str, int]:
    """Host and port, both free to be used. Exits where they are not."""
    host, _, port = listen.rpartition(":")
    if not host or not port.isdigit() or int(port) > 65535:
        raise click.BadParameter(f"{listen!r} is not HOST:PORT", param_hint="--listen")
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host.strip("[]"), int(port)))
        except OSError as error:
            _say(f"cannot listen on {listen}: {error.strerror}; choose another --listen")
            sys.exit(exit_codes.MISSING)
    return host.strip("[]"), int(port)


def _tls(cert: Path | None, key: Path | None, dev: bool, state: Path) -> tuple[Path, Path] | None:
    from extproc.gateway.certs import CertificateError, check_pair, ensure_dev_certificate

    if bool(cert) != bool(key):
        raise click.UsageError("--tls-cert and --tls-key go together")
    now = datetime.now(UTC)
    if cert and key:
        try:
            check_pair(cert, key, now)
        except CertificateError as error:
            _say(str(error))
            sys.exit(exit_codes.MISSING)
        return cert.absolute(), key.absolute()
    if not dev:
        return None
    made = ensure_dev_certificate(state.absolute() / "tls", now)
    return made.cert, made.key


def _warn(host: str, tls: bool) -> None:
    """What an operator should hear before anything else."""
    for name in ("KEEPTRUSTS_API_URL", "KEEPTRUSTS_GATEWAY_TOKEN"):
        if os.environ.get(name):
            _say(f"warning: {name} is set, but there is no control plane yet; the gateway runs on its own state")
    if not tls and host not in ("127.0.0.1", "::1", "localhost"):
        _say(f"warning: plain HTTP on {host}: keys and prompts travel readable; give --tls-cert and --tls-key")
