"""`kt init`: a configuration to begin with."""

from __future__ import annotations

import json
from importlib import resources
from pathlib import Path

import click

from extproc.cli import exit_codes
from extproc.cli.failures import fail, plain

TEMPLATES = ("starter", "agent-firewall", "finance", "prompt-injection-detection", "zero-data-retention")
FILE, SCHEMA = "policy-config.yaml", "policy-config.schema.json"
MODELINE = f"# yaml-language-server: $schema={SCHEMA}\n"


@click.command()
@click.option("--template", type=click.Choice(TEMPLATES), default=TEMPLATES[0], show_default=True)
@click.option(
    "--dir",
    "directory",
    type=click.Path(path_type=Path, file_okay=False),
    default=Path(),
    show_default="this directory",
    help="Where to write; it is made if need be.",
)
def command(template: str, directory: Path) -> None:
    """Write a policy-config.yaml to begin with, its schema for editors, and cases to test it.

    \b
    Example:
      kt init --template agent-firewall --dir gateway
    """
    from extproc.config.schema import schema

    path = directory / FILE
    if path.exists():
        fail(f"{path}: exists already; choose another --dir, or move it away", exit_codes.USAGE)
    with plain():
        directory.mkdir(parents=True, exist_ok=True)
        text = resources.files("extproc").joinpath("templates", f"{template}.yaml").read_text("utf-8")
        (directory / SCHEMA).write_text(json.dumps(schema(), indent=2) + "\n")
        path.write_text(MODELINE + text)
    where = "" if directory == Path() else f" --pack-dir {directory}"
    click.echo(f"{path} and {SCHEMA} written; try it with: kt policy test{where}")
