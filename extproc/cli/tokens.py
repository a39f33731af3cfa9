"""`kt tokens`: access keys of developers and applications, gateway keys of gateways."""

from __future__ import annotations

import json
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import click

from extproc.cli import exit_codes
from extproc.cli.failures import fail, plain
from extproc.cli.options import Duration, Label, as_json, state_dir
from extproc.model import DEFAULT_ORG

if TYPE_CHECKING:
    from extproc.identity.store import Token


@click.group()
def command() -> None:
    """Create, list and revoke access keys.

    \b
    Example:
      kt tokens create --type access --name laptop --team payments --expires-in 90d
    """


@command.command()
@click.option("--type", "kind", type=click.Choice(["access", "gateway"]), default="access", show_default=True)
@click.option("--name", type=Label(), required=True, help="Whom or what the key stands for; shown in events.")
@click.option("--team", type=Label(empty=True), default="", help="The team that its requests count for.")
@click.option(
    "--org",
    type=Label(),
    default=DEFAULT_ORG,
    show_default=True,
    help="The organisation; nothing is shared between two.",
)
@click.option("--expires-in", type=Duration(), help="A lifetime like 90d; without it the key lives until revoked.")
@state_dir
@as_json
def create(kind: str, name: str, team: str, org: str, expires_in: float | None, state_dir: Path, as_json: bool) -> None:
    """Make a key and show it, this once.

    \b
    Example:
      kt tokens create --name laptop --team payments --expires-in 90d
    """
    from extproc.identity.store import TokenStore

    now = time.time()
    with plain():
        expires_at = now + expires_in if expires_in else None
        token, key = TokenStore(state_dir).create(kind, name, team, now, expires_at, org)
    if as_json:
        click.echo(json.dumps({"id": token.id, "key": key, **_public(token)}))
        return
    click.echo(f"{key}\n")
    click.echo(f"id {token.id}; this key is not shown again. Revoke it with: kt tokens revoke {token.id}", err=True)


@command.command("list")
@state_dir
@as_json
def list_(state_dir: Path, as_json: bool) -> None:
    """List keys, without the keys themselves.

    \b
    Example:
      kt tokens list --json
    """
    from extproc.identity.store import TokenStore

    with plain():
        tokens = TokenStore(state_dir).all()
    if as_json:
        click.echo(json.dumps([{"id": token.id, **_public(token)} for token in tokens]))
        return
    for token in tokens:
        row = _public(token)
        click.echo(f"{token.id}  {row['status']:8} {token.type:8} {token.hint}  {token.name}  {token.team}")


@command.command()
@click.argument("token_id")
@state_dir
def revoke(token_id: str, state_dir: Path) -> None:
    """Make a key invalid, within two seconds, in every worker.

    \b
    Example:
      kt tokens revoke tok_0123456789abcdef
    """
    from extproc.identity.store import TokenStore

    with plain():
        revoked = TokenStore(state_dir).revoke(token_id, time.time())
    if not revoked:
        fail(f"there is no token {token_id} that could be revoked; see: kt tokens list", exit_codes.FAILED)
    click.echo(f"revoked {token_id}")


def _public(token: Token) -> dict[str, object]:
    """What may be shown of a token again and again."""
    return {
        "type": token.type,
        "name": token.name,
        "team": token.team,
        "org": token.org,
        "hint": token.hint,
        "status": _status(token, time.time()),
        "created_at": _date(token.created_at),
        "expires_at": _date(token.expires_at),
        "revoked_at": _date(token.revoked_at),
    }


def _status(token: Token, now: float) -> str:
    if token.revoked_at is not None:
        return "revoked"
    return "expired" if token.expires_at is not None and token.expires_at <= now else "valid"


def _date(seconds: float | None) -> str | None:
    return None if seconds is None else datetime.fromtimestamp(seconds, UTC).isoformat(timespec="seconds")
