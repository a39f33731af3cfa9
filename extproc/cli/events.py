"""`kt events`: what the gateway decided, as it happens."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

import click

from extproc.cli.failures import plain
from extproc.cli.options import Duration, as_json, state_dir

if TYPE_CHECKING:
    from extproc.audit.events import EventTail

POLL = 0.2


@click.group()
def command() -> None:
    """Watch requests as they happen.

    \b
    Example:
      kt events tail --filter decision=blocked --since 10m
    """


@command.command()
@click.option("--filter", "filters", multiple=True, metavar="KEY=VALUE", help="May be given once a key; all hold.")
@click.option("--since", type=Duration(), help="Start this far back, like 10m; without it, at the last ten events.")
@click.option("--limit", type=click.IntRange(1), help="Stop after this many events.")
@click.option("--no-follow", is_flag=True, help="Print what is there and stop.")
@state_dir
@as_json
def tail(
    filters: tuple[str, ...], since: float | None, limit: int | None, no_follow: bool, state_dir: Path, as_json: bool
) -> None:
    """Print events, old ones first, then new ones as they come. With --json, one object a line.

    \b
    Example:
      kt events tail --filter team=payments --filter decision=blocked --json
    """
    from extproc.audit.events import EventTail, line, matches

    wanted = _filters(filters)
    source = EventTail(state_dir / "events")
    printed = 0
    first = True
    with plain():
        while True:
            for event in _first(source, since, wanted) if first else source.read():
                if not matches(event, wanted):
                    continue
                click.echo(json.dumps(event) if as_json else line(event))
                printed += 1
                if printed == limit:
                    return
            first = False
            if no_follow:
                return
            sys.stdout.flush()
            time.sleep(POLL)


def _first(source: EventTail, since: float | None, wanted: dict[str, str]) -> Iterable[dict[str, object]]:
    """What a tail begins with."""
    from extproc.audit.events import matches

    if since is None:
        return source.last(10, lambda event: matches(event, wanted))
    return source.since(time.time() - since)


def _filters(given: tuple[str, ...]) -> dict[str, str]:
    from extproc.audit.events import FILTERS

    pairs: dict[str, str] = {}
    for each in given:
        name, equals, value = each.partition("=")
        if name not in FILTERS:
            raise click.BadParameter(f"{name!r} is none of {', '.join(FILTERS)}", param_hint="--filter")
        if not equals or name in pairs:
            what = "stands twice" if name in pairs else "has no value; write KEY=VALUE"
            raise click.BadParameter(f"{name!r} {what}", param_hint="--filter")
        pairs[name] = value
    return pairs
