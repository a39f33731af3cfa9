"""`kt processor`: the policy engine for an Envoy that others run (design D16)."""

from __future__ import annotations

import asyncio
import os
import sys
from pathlib import Path

import click

from extproc.cli import exit_codes
from extproc.cli.options import state_dir


@click.group()
def command() -> None:
    """Run workers and shipper for an Envoy that others run.

    \b
    Example:
      kt processor run --policy-config policy-config.yaml --listen unix:/run/keeptrusts.sock
    """


@command.command()
@click.option(
    "--policy-config",
    type=click.Path(path_type=Path, dir_okay=False),
    multiple=True,
    required=True,
    envvar="KEEPTRUSTS_POLICY_CONFIG",
    help="May be given several times: later files are merged over earlier ones.",
)
@click.option("--listen", required=True, metavar="unix:PATH|HOST:PORT", help="Where Envoy's ext_proc cluster points.")
@click.option("--mtls-cert", type=click.Path(path_type=Path, exists=True))
@click.option("--mtls-key", type=click.Path(path_type=Path, exists=True))
@click.option("--mtls-ca", type=click.Path(path_type=Path, exists=True), help="Who may sign Envoy's certificate.")
@click.option("--fail-mode", type=click.Choice(["block", "allow"]), default="block", show_default=True)
@state_dir
def run(
    policy_config: tuple[Path, ...],
    listen: str,
    mtls_cert: Path | None,
    mtls_key: Path | None,
    mtls_ca: Path | None,
    fail_mode: str,
    state_dir: Path,
) -> None:
    """Serve one worker and the shipper until SIGTERM. envoy/minimal.yaml is an Envoy that uses it.

    \b
    Example:
      kt processor run --policy-config policy-config.yaml --listen unix:/run/keeptrusts.sock
    """
    from extproc.config.load import load
    from extproc.gateway import plan
    from extproc.gateway.child import Child, ChildError
    from extproc.gateway.processor import Processor
    from extproc.gateway.supervisor import StateBusyError
    from extproc.model import ConfigError

    given = (("--mtls-cert", mtls_cert), ("--mtls-key", mtls_key), ("--mtls-ca", mtls_ca))
    mtls = [part for name, path in given if path for part in (name, str(path.absolute()))]
    if len(mtls) not in (0, 6):
        raise click.UsageError("--mtls-cert, --mtls-key and --mtls-ca go together")
    if not listen.startswith("unix:") and not mtls and listen.rpartition(":")[0] not in ("127.0.0.1", "localhost"):
        _say(f"warning: plain gRPC on {listen}: prompts travel readable and anyone may connect; give --mtls-…")
    options = plan.Options(
        policy_config=tuple(path.absolute() for path in policy_config),
        host="",
        port=0,
        state_dir=state_dir.absolute(),
        workers=1,
        fail_mode=fail_mode,
        log_level="info",
    )
    try:
        config = load(options.policy_config, environ=os.environ).config
        environ = plan.environ_without_secrets(os.environ, config)
        grace = config.limits.shutdown_grace_seconds
        argv = [*plan.worker_argv(options, 0, listen, grace), *mtls]
        worker = Child("worker-0", argv, environ, _say, heartbeat=True)
        shipper = Child("shipper", plan.shipper_argv(options), environ, _say)
        processor = Processor(options.state_dir, worker, shipper, grace)
        asyncio.run(processor.run(lambda: click.echo(f"processor ready: {listen}")))
    except ConfigError as error:
        _say(str(error))
        sys.exit(exit_codes.USAGE)
    except ChildError as error:
        _say(str(error))
        sys.exit(error.exit_code)
    except (StateBusyError, OSError) as error:
        _say(str(error))
        sys.exit(exit_codes.MISSING)


def _say(line: str) -> None:
    click.echo(line, err=True)
