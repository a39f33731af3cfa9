"""`kt policy`: what authors of a policy-config.yaml need."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from extproc.cli import exit_codes
from extproc.cli.options import as_json

if TYPE_CHECKING:
    from extproc.model import Fault


@click.group()
def command() -> None:
    """Check a policy-config.yaml.

    \b
    Example:
      kt policy lint --file policy-config.yaml
    """


@command.command()
@click.option("--file", "files", type=click.Path(path_type=Path), multiple=True, default=(Path("policy-config.yaml"),))
@as_json
def lint(files: tuple[Path, ...], as_json: bool) -> None:
    """Name every fault with its line; exit 2 where there is one.

    \b
    Example:
      kt policy lint --file policy-config.yaml --json
    """
    from extproc.config.load import load
    from extproc.model import ConfigError

    shown = ", ".join(map(str, files))
    try:
        loaded = load(files, environ=os.environ)
    except ConfigError as error:
        report = {"valid": False, "file": shown, "errors": [_fault(fault) for fault in error.faults]}
        click.echo(json.dumps(report) if as_json else str(error))
        sys.exit(exit_codes.USAGE)
    config = loaded.config
    chain = [entry.kind for entry in config.chain]
    if as_json:
        pack = {"name": config.pack.name, "version": config.pack.version}
        warnings = [_fault(fault) for fault in loaded.warnings]
        report = {"valid": True, "file": shown, "pack": pack, "chain": chain, "policy_count": len(chain)}
        click.echo(json.dumps({**report, "warnings": warnings}))
        return
    for warning in loaded.warnings:
        click.echo(f"warning: {warning}")
    click.echo(f"{shown}: {config.pack.name} {config.pack.version}, {len(chain)} policies: {', '.join(chain)}")


def _fault(fault: Fault) -> dict[str, object]:
    message, _, suggestion = fault.message.partition(", did you mean ")
    return {
        "code": fault.code,
        "path": fault.path,
        "message": message,
        "suggestion": suggestion.strip("'?") or None,
        "file": fault.file,
        "line": fault.line,
        "column": fault.column,
    }
