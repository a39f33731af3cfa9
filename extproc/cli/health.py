"""`kt health`: whether the gateway that runs here serves; quick enough for a container's health check."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import click

from extproc.cli import exit_codes, options


@click.command()
@options.state_dir
@options.as_json
def command(state_dir: Path, as_json: bool) -> None:
    """Ask a running gateway whether it is ready.

    It is found by its state directory. Exit 1 where it is not ready, 3 where none runs.

    \b
    Example:
      kt health --state-dir /var/lib/keeptrusts
    """
    from extproc.gateway.health import health

    found = health(state_dir.absolute())
    shown = {"ready": found.ready, "running": found.running, "listen": found.listen or None, "message": found.message}
    click.echo(json.dumps(shown) if as_json else found.message)
    if not found.ready:
        sys.exit(exit_codes.FAILED if found.running else exit_codes.MISSING)
