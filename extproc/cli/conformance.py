"""`kt conformance`: what each client would find at a gateway, ours or another."""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import click

from extproc.cli import exit_codes
from extproc.cli.failures import fail, plain, say
from extproc.cli.options import as_json
from extproc.conformance.clients import CLIENTS, named

if TYPE_CHECKING:
    from extproc.conformance.check import Client, Outcome, Speaks
    from extproc.conformance.exchange import Gateway

KEY_VARIABLE = "KEEPTRUSTS_ACCESS_KEY"
_STDIN = "-"


@click.command()
@click.option("--url", required=True, help="The gateway's base URL, as clients are given it: https://HOST/v1.")
@click.option(
    "--key",
    metavar="KEY",
    help=f"An access key; - reads it from standard input. Better is {KEY_VARIABLE}: others see arguments.",
)
@click.option(
    "--key-file", type=click.Path(path_type=Path, dir_okay=False, exists=True), help="Holds the access key, instead."
)
@click.option(
    "--client",
    "names",
    type=click.Choice([each.name for each in CLIENTS]),
    multiple=True,
    help="Only this one; may be given many times. Without it, all.",
)
@click.option(
    "--model",
    "models",
    multiple=True,
    metavar="NAME",
    help="May be given many times: one with claude in its name is for Anthropic's API, one with embed for embeddings, "
    "any other for the rest. Without it, those that the gateway lists.",
)
@click.option(
    "--cursor-url",
    metavar="URL",
    help="The base URL that Cursor is given. Without it, --url with /cursor before /v1.",
)
@click.option(
    "--ca-file",
    type=click.Path(path_type=Path, dir_okay=False, exists=True),
    envvar="SSL_CERT_FILE",
    show_envvar=True,
    help="Whose certificates are trusted.",
)
@click.option(
    "--timeout",
    type=click.FloatRange(1, 600),
    default=60.0,
    show_default=True,
    metavar="SECONDS",
    help="For each whole answer.",
)
@as_json
def command(
    url: str,
    key: str | None,
    key_file: Path | None,
    names: tuple[str, ...],
    models: tuple[str, ...],
    cursor_url: str | None,
    ca_file: Path | None,
    timeout: float,
    as_json: bool,
) -> None:
    """Replay what editors and SDKs send against any gateway.

    A line for each check, and for each that fails what breaks in the client and what the gateway has to do; exit 1
    where one failed. Questions are short, but a model answers most of them, and somebody pays for it.

    \b
    Example:
      kt conformance --url https://gateway.yourcompany.com/v1 --client claude-code
    """
    base = _base(url, "--url")
    cursors = _base(cursor_url, "--cursor-url") if cursor_url else ""
    with plain():
        secret = _key(key, key_file)
        gateway = _gateway(base, ca_file, timeout)
        clients = [(each, _place(gateway, each, cursors)) for each in ([*map(named, names)] or CLIENTS)]
        reports = list(_reports(secret, clients, models, quiet=as_json))
    ok = all(report["ok"] for report in reports)
    if as_json:
        click.echo(json.dumps({"ok": ok, "url": base, "clients": reports}))
    else:
        click.echo(_summary(reports))
    sys.exit(exit_codes.OK if ok else exit_codes.FAILED)


def _place(gateway: Gateway, client: Client, cursors: str) -> Gateway:
    """Where a client asks: for one with a base URL of its own, that; for one that appends `/v1` itself, there."""
    if client.speaks == "anthropic":
        return replace(gateway, version="/v1")
    if client.below and cursors:
        root, version = _split(cursors)
        return replace(gateway, root=root, version=version)
    return gateway if gateway.root.endswith(client.below) else replace(gateway, root=gateway.root + client.below)


def _split(base: str) -> tuple[str, str]:
    """A base URL without the `/v1` at its end, and that."""
    return base.removesuffix("/v1"), "/v1" if base.endswith("/v1") else ""


def _base(url: str, option: str) -> str:
    """The URL, checked; without a path it gets `/v1`."""
    try:
        parts = urlsplit(url)
        number = parts.port
    except ValueError as error:
        fail(f"{option}: not a URL: {error}", exit_codes.USAGE)
    if parts.scheme not in ("http", "https") or not parts.hostname or number == 0 or "@" in parts.netloc:
        fail(f"{option}: expected https://HOST/v1, like https://gateway.yourcompany.com/v1", exit_codes.USAGE)
    if parts.query or parts.fragment or not url.isascii() or not url.isprintable() or " " in url:
        fail(f"{option}: expected a path in ASCII, like /v1, and nothing after it", exit_codes.USAGE)
    if parts.scheme == "http" and parts.hostname not in ("localhost", "127.0.0.1", "::1"):
        say("warning: plain HTTP: the key travels readable")
    return f"{parts.scheme}://{parts.netloc}{parts.path.rstrip('/') or '/v1'}"


def _key(given: str | None, path: Path | None) -> str:
    """The key, from where it was given. Raises OSError."""
    if given is not None and path is not None:
        fail("--key and --key-file: give one of them", exit_codes.USAGE)
    if given == _STDIN:
        key = sys.stdin.buffer.read().decode("utf-8", "replace").strip()
    elif path is not None:
        key = path.read_text("utf-8", "replace").strip()
    else:
        key = (given if given is not None else os.environ.get(KEY_VARIABLE, "")).strip()
        if given is not None:
            say(f"warning: others on this machine can read --key; use {KEY_VARIABLE}, --key-file or --key -")
    if not key:
        fail(f"no key: set {KEY_VARIABLE}, or give --key-file or --key -", exit_codes.USAGE)
    if not key.isascii() or not key.isprintable() or " " in key:
        fail("the key has characters that no header may hold", exit_codes.USAGE)
    return key


def _gateway(base: str, ca_file: Path | None, timeout: float) -> Gateway:
    import ssl

    from extproc.conformance.exchange import Gateway

    try:
        tls = ssl.create_default_context(cafile=str(ca_file) if ca_file else None)
    except ssl.SSLError:
        fail(f"--ca-file: {ca_file} holds no certificates", exit_codes.USAGE)
    root, version = _split(base)
    return Gateway(root, tls, timeout, version)


def _reports(
    key: str, clients: list[tuple[Client, Gateway]], models: tuple[str, ...], *, quiet: bool
) -> Iterator[dict[str, Any]]:
    """What each client found, printed check by check unless it is to be JSON."""
    from extproc.conformance import models as choosing
    from extproc.conformance.runner import run

    listed: dict[Speaks, tuple[str, ...]] = {}
    for client, asked in clients:
        if client.speaks not in listed:
            listed[client.speaks] = models or _listed(asked, client.speaks, key)
        subject = choosing.subject(client.speaks, listed[client.speaks], key)
        if subject is None:
            fail(f"{asked.root}{asked.version}/models lists no model to ask; give --model NAME", exit_codes.USAGE)
        found = []
        for outcome in run(client, subject, asked.ask, time.monotonic):
            found.append(outcome)
            if not quiet:
                click.echo(_line(client, outcome))
            elif sys.stderr.isatty():
                say(f"{client.name}: {len(found)} of {len(client.checks)}")
        yield _report(client, subject.model, found)


def _listed(gateway: Gateway, speaks: Speaks, key: str) -> tuple[str, ...]:
    """The gateway's own models. Ends here where the gateway cannot be reached, or takes no such key."""
    from extproc.conformance.check import Ask
    from extproc.conformance.exchange import NoAnswerError, UnreachableError
    from extproc.conformance.reading.listing import ids

    version = (("anthropic-version", "2023-06-01"),) if speaks == "anthropic" else ()
    try:
        reply = gateway.ask(Ask("GET", "/v1/models", (("authorization", f"Bearer {key}"), *version)))
    except (UnreachableError, NoAnswerError) as error:
        fail(f"{error}; is the gateway running, and --url right? its machine's own view: kt doctor", exit_codes.MISSING)
    if reply.status in (401, 403):
        fail(f"the gateway refuses this key ({reply.status}); make one: kt tokens create --name NAME", exit_codes.USAGE)
    return tuple(ids(reply))


def _line(client: Client, outcome: Outcome) -> str:
    check = outcome.check
    what = f"{outcome.status:4}  {client.name} {check.name}: {outcome.message}"
    return f"{what}\n      breaks: {check.breaks}\n      next: {check.next}" if outcome.status == "fail" else what


def _report(client: Client, model: str, found: list[Outcome]) -> dict[str, Any]:
    """Stable: fields may be added, never taken away."""
    checks = [
        {
            "name": outcome.check.name,
            "status": outcome.status,
            "message": outcome.message,
            "breaks": outcome.check.breaks,
            "next": outcome.check.next,
            "seconds": round(outcome.seconds, 3),
        }
        for outcome in found
    ]
    ok = all(outcome.status != "fail" for outcome in found)
    return {"client": client.name, "title": client.title, "ok": ok, "model": model, "checks": checks}


def _summary(reports: list[dict[str, Any]]) -> str:
    failing = [report["client"] for report in reports if not report["ok"]]
    many = sum(check["status"] == "fail" for report in reports for check in report["checks"])
    if failing:
        return f"{many} failed, in {', '.join(failing)}; docs/conformance.md says what each check means"
    return f"all well: {', '.join(report['client'] for report in reports)}"
