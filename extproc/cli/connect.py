"""`kt connect`: what a developer writes into an editor to reach the gateway."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path

import click

from extproc.cli import exit_codes
from extproc.cli.clients import CLIENTS, KEY_VARIABLE, MODEL, Client, Place, PlaceError, named, place
from extproc.cli.failures import fail, plain, say
from extproc.cli.options import as_json


@click.command()
@click.argument("client", type=click.Choice([each.name for each in CLIENTS]))
@click.option("--url", required=True, help="The gateway's address, as developers reach it.")
@click.option(
    "--key-file",
    type=click.Path(path_type=Path, dir_okay=False, allow_dash=True),
    help=f"Holds the access key; - reads it from standard input. Without it, {KEY_VARIABLE} is used.",
)
@click.option("--model", "models", multiple=True, help=f"{MODEL}, or what suits the client. May be given many times.")
@as_json
def command(client: str, url: str, key_file: Path | None, models: tuple[str, ...], as_json: bool) -> None:
    """Print what to write into an editor or tool to use a gateway.

    The key is never an argument: other users of this machine can read those. Without a key, a placeholder is printed.

    \b
    Example:
      kt connect continue --url https://gateway.yourcompany.com/v1 --key-file access-key
    """
    with plain():
        key = _key(key_file)
    try:
        at = place(url, models or (named(client).model,), key)
    except PlaceError as error:
        fail(str(error), exit_codes.USAGE)
    if at.scheme == "http" and at.authority.rpartition(":")[0] not in ("localhost", "127.0.0.1", "[::1]"):
        say("warning: plain HTTP: the key and every prompt travel readable")
    click.echo(json.dumps(_document(named(client), at)) if as_json else _page(named(client), at))


def _key(path: Path | None) -> str:
    """The key, empty where none was given. Raises OSError."""
    if path is None:
        return os.environ.get(KEY_VARIABLE, "").strip()
    read = sys.stdin.buffer.read() if str(path) == "-" else path.read_bytes()
    return read.decode("utf-8", "replace").strip() or fail("the key file is empty", exit_codes.USAGE)


def _document(client: Client, at: Place) -> dict[str, object]:
    """Stable: fields may be added, never taken away."""
    settings = [{"where": each.where, "language": each.language, "text": each.text(at)} for each in client.settings]
    return {"client": client.name, "title": client.title, "url": at.url, "settings": settings, "notes": client.notes}


def _page(client: Client, at: Place) -> str:
    settings = [f"# {each.where}\n{each.text(at)}" for each in client.settings]
    notes = [f"- {note}" for note in client.notes]
    return "\n\n".join([*settings, *(["\n".join(notes)] if notes else [])])
