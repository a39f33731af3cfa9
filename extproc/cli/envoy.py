"""`kt envoy`: what a policy-config.yaml becomes at Envoy."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import click

from extproc.cli import exit_codes
from extproc.cli.options import state_dir


@click.group()
def command() -> None:
    """Show the Envoy configuration that a policy-config.yaml becomes.

    \b
    Example:
      kt envoy render --policy-config policy-config.yaml --out rendered/
    """


@command.command()
@click.option("--policy-config", type=click.Path(path_type=Path, dir_okay=False), multiple=True, required=True)
@click.option("--listen", default="0.0.0.0:41002", show_default=True, metavar="HOST:PORT")  # as gateway run
@click.option("--workers", type=click.IntRange(1, 64), default=1, show_default=True)
@click.option("--out", type=click.Path(path_type=Path, file_okay=False), help="Write the files here.")
@state_dir
def render(policy_config: tuple[Path, ...], listen: str, workers: int, out: Path | None, state_dir: Path) -> None:
    """Render and let Envoy validate; credentials are left out. Prints the files, or writes them with --out.

    \b
    Example:
      kt envoy render --policy-config policy-config.yaml
    """
    from extproc.config.load import load
    from extproc.gateway import plan
    from extproc.gateway.envoy import files
    from extproc.model import ConfigError

    host, _, port = listen.rpartition(":")
    try:
        config = load(policy_config, environ=os.environ).config
        options = plan.Options(
            policy_config=policy_config,
            host=host,
            port=int(port),
            state_dir=state_dir.absolute(),
            workers=workers,
            fail_mode="block",
            log_level="info",
        )
        settings = plan.envoy_settings(options, config)
        files.validate(settings, {})
    except ConfigError as error:
        click.echo(str(error), err=True)
        sys.exit(exit_codes.USAGE)
    except files.EnvoyError as error:
        click.echo(str(error), err=True)
        sys.exit(exit_codes.MISSING)
    rendered = files.render(settings, config.digest, {})
    if out:
        files.publish(rendered, out)
        return
    for name, content in rendered.items():
        click.echo(f"# {name}\n{content}")
