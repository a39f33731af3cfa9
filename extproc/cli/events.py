"""`kt events`: what the gateway decided, as it happens and afterwards."""

from __future__ import annotations

import errno
import json
import os
import select
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, TextIO

import click

from extproc.audit.filters import WORDS, FilterError, filters, matches
from extproc.cli import exit_codes
from extproc.cli.failures import fail, plain, say
from extproc.cli.options import Moment, as_json, state_dir

if TYPE_CHECKING:
    from extproc.audit.events import EventTail

POLL = 0.2
"""Seconds between two looks for new events."""

Event = Mapping[str, object]


@click.group()
def command() -> None:
    """Watch requests as they happen, look back at them, export them.

    \b
    Example:
      kt events tail --filter decision=block --since 10m
    """


def _which(function: Any) -> Any:
    """`--filter` and `--verdict`."""
    verdict = click.option("--verdict", type=click.Choice(WORDS), help="Only these; short for --filter verdict=...")
    each = click.option(
        "--filter", "given", multiple=True, metavar="KEY=VALUE", help="May be given once a key; all hold."
    )
    return each(verdict(function))


def _since(function: Any) -> Any:
    """`--since`, which is also `--from`."""
    text = "Those that began then or later: 10m, 24h, 7d, or RFC 3339."
    return click.option("--since", "--from", "since", type=Moment(), metavar="MOMENT", help=text)(function)


def _until(function: Any) -> Any:
    """`--until`, which is also `--to`."""
    text = "Those that began before: as --since."
    return click.option("--until", "--to", "until", type=Moment(), metavar="MOMENT", help=text)(function)


@command.command()
@_which
@_since
@click.option("--limit", type=click.IntRange(0), default=50, show_default=True, help="Begin with this many old events.")
@click.option("--no-follow", is_flag=True, help="Print what is there and stop.")
@click.option("--format", "form", type=click.Choice(["line", "detailed", "json"]), default="line", show_default=True)
@state_dir
@as_json
def tail(
    given: tuple[str, ...],
    verdict: str | None,
    since: float | None,
    limit: int,
    no_follow: bool,
    form: str,
    state_dir: Path,
    as_json: bool,
) -> None:
    """Print events, old ones first, then new ones as they come. With --json, one object a line.

    \b
    Example:
      kt events tail --filter team=payments --filter cache_hit=true --json
    """
    from extproc.audit.events import EventTail

    wanted = _matcher(given, verdict=verdict)
    show = _form("json" if as_json else form)
    with plain():
        source = EventTail(_events(state_dir))
        for event in _newest(source, limit, wanted, since):
            click.echo(show(event))
        while not no_follow:
            _rest(POLL)
            for event in source.read():
                if wanted(event):
                    click.echo(show(event))


@command.command("list")
@_which
@_since
@_until
@click.option("--team", help="Short for --filter team=...")
@click.option("--user", help="Short for --filter user=...")
@click.option("--limit", type=click.IntRange(1), default=50, show_default=True, help="The newest so many.")
@state_dir
@as_json
def list_(
    given: tuple[str, ...],
    verdict: str | None,
    since: float | None,
    until: float | None,
    team: str | None,
    user: str | None,
    limit: int,
    state_dir: Path,
    as_json: bool,
) -> None:
    """List the newest events with their ids, old ones first. With --json, one object a line.

    \b
    Example:
      kt events list --since 24h --team payments --limit 20
    """
    from extproc.audit.events import EventTail
    from extproc.audit.lines import row

    wanted = _before(until, _matcher(given, verdict=verdict, team=team, user=user))
    _in_order(since, until)
    show = _form("json") if as_json else row
    with plain():
        for event in _newest(EventTail(_events(state_dir)), limit, wanted, since):
            click.echo(show(event))


@command.command()
@click.argument("event_id")
@state_dir
@as_json
def show(event_id: str, state_dir: Path, as_json: bool) -> None:
    """Show all about one event, by its id or the request's id.

    \b
    Example:
      kt events show evt_0123456789abcdef01234567
    """
    from extproc.audit.events import EventTail

    with plain():
        event = EventTail(_events(state_dir)).find(event_id)
    if event is None:
        fail(f"there is no event {event_id!r} in {state_dir}; see: kt events list", exit_codes.FAILED)
    click.echo(_form("json" if as_json else "detailed")(event))


@command.command()
@_which
@_since
@_until
@click.option("--format", "form", type=click.Choice(["csv", "json"]), default="json", show_default=True)
@click.option("--output", type=click.Path(path_type=Path, dir_okay=False), help="A file; without it, standard output.")
@state_dir
def export(
    given: tuple[str, ...],
    verdict: str | None,
    since: float | None,
    until: float | None,
    form: str,
    output: Path | None,
    state_dir: Path,
) -> None:
    """Export events as a JSON array, or as CSV with the fields that fit into a cell.

    \b
    Example:
      kt events export --since 7d --format csv --output events.csv
    """
    from extproc.audit.events import EventTail

    _in_order(since, until)
    wanted = _before(until or time.time(), _matcher(given, verdict=verdict))
    with plain(), _written(output) as file:
        found = filter(wanted, EventTail(_events(state_dir)).since(since or 0.0))
        file.writelines(_csv(found) if form == "csv" else _array(found))
        file.flush()


def _events(state_dir: Path) -> Path:
    """Where they are; says so where there are none, which is easily a wrong directory."""
    directory = state_dir / "events"
    if not directory.is_dir():
        say(f"warning: {state_dir} holds no events yet")
    return directory


def _matcher(given: Iterable[str], **short: str | None) -> Callable[[Event], bool]:
    try:
        wanted = filters([*given, *(f"{name}={value}" for name, value in short.items() if value is not None)])
    except FilterError as error:
        raise click.BadParameter(str(error), param_hint="--filter") from error
    return lambda event: matches(event, wanted)


def _before(until: float | None, wanted: Callable[[Event], bool]) -> Callable[[Event], bool]:
    if until is None:
        return wanted
    return lambda event: float(str(event.get("at") or 0)) < until and wanted(event)


def _in_order(since: float | None, until: float | None) -> None:
    if since is not None and until is not None and since >= until:
        raise click.UsageError("--since is not before --until")


def _newest(
    source: EventTail, limit: int, wanted: Callable[[Event], bool], since: float | None
) -> list[dict[str, object]]:
    """The newest so many, and a word where somebody asked for all since a moment and gets less."""
    if since is None:
        return source.last(limit, wanted)
    found = source.last(limit + 1, wanted, since)
    if len(found) > limit:
        say(f"warning: only the newest {limit}; there are older ones, see --limit")
        del found[0]
    return found


def _form(form: str) -> Callable[[Event], str]:
    from extproc.audit.lines import details, line

    if form == "json":
        return _json
    return details if form == "detailed" else line


def _json(event: Event) -> str:
    """In ASCII without a control character, so that a terminal obeys nothing in it."""
    return json.dumps(event).replace("\x7f", r"\u007f")


def _csv(events: Iterable[Event]) -> Iterator[str]:
    from extproc.audit.table import cells, header

    yield header()
    yield from map(cells, events)


def _array(events: Iterable[Event]) -> Iterator[str]:
    before = "[\n"
    for event in events:
        yield before + _json(event)
        before = ",\n"
    yield "[]\n" if before == "[\n" else "\n]\n"


@contextmanager
def _written(output: Path | None) -> Iterator[TextIO]:
    """Standard output, or a file that has its name only once it is complete, and only its owner may read."""
    if output is None:
        yield sys.stdout
        return
    draft = output.with_name(f".{output.name}.part")
    fd = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
    try:
        with open(fd, "w", encoding="utf-8", newline="") as file:
            yield file
        draft.rename(output)
    finally:
        draft.unlink(missing_ok=True)


def _rest(seconds: float) -> None:
    """Wait; raises BrokenPipeError when nobody reads our output any more, which a quiet gateway would not show."""
    poll = select.poll()
    try:
        poll.register(sys.stdout.fileno(), 0)
    except (OSError, ValueError):  # no file, as in tests
        time.sleep(seconds)
        return
    if poll.poll(seconds * 1000):
        raise BrokenPipeError(errno.EPIPE, "nobody reads")
