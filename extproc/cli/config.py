"""`kt config`: what editors need to know of a policy-config.yaml."""

from __future__ import annotations

import json

import click


@click.group()
def command() -> None:
    """Describe policy-config.yaml to editors.

    \b
    Example:
      kt config schema > policy-config.schema.json
    """


@command.command()
def schema() -> None:
    """Print the JSON Schema of policy-config.yaml, for editors that complete and check it.

    \b
    Example:
      kt config schema > policy-config.schema.json
    """
    from extproc.config.schema import schema as made

    click.echo(json.dumps(made(), indent=2))
