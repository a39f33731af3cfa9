"""`kt envoy`: what a policy-config.yaml becomes at Envoy."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

import click

from extproc.cli import options
from extproc.cli.failures import plain, say

if TYPE_CHECKING:
    from extproc.gateway.address import Tcp


@click.group()
def command() -> None:
    """Show the Envoy configuration that a policy-config.yaml becomes.

    \b
    Example:
      kt envoy render --policy-config policy-config.yaml --out rendered/
    """


@command.command()
@options.policy_config(required=True)
@options.listen
@click.option("--workers", type=click.IntRange(1, 64), default=1, show_default=True)
@click.option("--out", type=click.Path(path_type=Path, file_okay=False), help="Write the files here.")
@click.option("--explain", "explained", is_flag=True, help="Print what each route sends to the workers, and what for.")
@options.state_dir
def render(
    policy_config: tuple[Path, ...], address: Tcp, workers: int, out: Path | None, explained: bool, state_dir: Path
) -> None:
    """Render and let Envoy validate; credentials are left out. Prints the files, or writes them with --out.

    \b
    Example:
      kt envoy render --policy-config policy-config.yaml
    """
    from extproc.config.load import load
    from extproc.gateway import plan
    from extproc.gateway.envoy import explain, files
    from extproc.policies import POLICIES

    with plain():
        loaded = load(policy_config, environ=os.environ)
        for warning in loaded.warnings:
            say(f"warning: {warning}")
        config = loaded.config
        chosen = plan.Options(
            policy_config=policy_config,
            host=address.host,
            port=address.port,
            state_dir=state_dir.absolute(),
            workers=workers,
            fail_mode="block",
            log_level="info",
            ca_bundle=plan.ca_bundle(os.environ),
        )
        settings = plan.envoy_settings(chosen, config)
        files.validate(settings, {})
        rendered = files.render(settings, config.digest, {})
        if out:
            files.publish(rendered, out)
        if explained:
            guards = [kind for kind, policy in POLICIES.items() if policy.guards_output]
            click.echo("\n".join(explain.lines(settings, config, guards)))
        if out or explained:
            return
    for name, content in rendered.items():
        click.echo(f"# {name}\n{content}")
