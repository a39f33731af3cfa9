"""`kt`: one file per command group, imported when it is used, so that `kt --version` stays quick."""

from __future__ import annotations

from importlib import import_module

import click

from extproc import __version__

GROUPS = {
    "doctor": "Check this machine, the configuration and the state directory.",
    "health": "Ask a running gateway whether it is ready.",
    "gateway": "Run the gateway: Envoy, workers and shipper.",
    "processor": "Run workers and shipper for an Envoy that others run.",
    "tokens": "Create, list and revoke access keys.",
    "events": "Watch requests as they happen, look back at them, export them.",
    "connect": "Print what to write into an editor or tool to use a gateway.",
    "conformance": "Replay what editors and SDKs send against any gateway.",
    "init": "Write a policy-config.yaml to begin with, its schema for editors, and cases to test it.",
    "config": "Describe policy-config.yaml to editors.",
    "policy": "Check a policy-config.yaml, and try requests on it.",
    "envoy": "Show the Envoy configuration that a policy-config.yaml becomes.",
}


class _Lazy(click.Group):
    """Knows every group's name and one line about it; imports a group only to run it or to show its help."""

    def list_commands(self, _ctx: click.Context) -> list[str]:
        return list(GROUPS)

    def get_command(self, _ctx: click.Context, name: str) -> click.Command | None:
        if name not in GROUPS:
            return None
        command: click.Command = import_module(f"extproc.cli.{name}").command
        return command

    def format_commands(self, _ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl(list(GROUPS.items()))


@click.command(cls=_Lazy, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="kt")
def main() -> None:
    """Govern AI traffic through Envoy.

    \b
    Example:
      kt gateway run --policy-config policy-config.yaml --listen 127.0.0.1:41002
    """
