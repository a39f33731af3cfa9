"""The shipper process: reads entries, merges them, appends events, sends spans.

`python -m extproc.audit.shipper --state-dir DIR`

It can be killed at any moment: sources are deleted only when all their requests have an event on disk, and at a start
everything that is left is read again, minus the requests that have one.
"""

from __future__ import annotations

import argparse
import logging
import os
import signal
import sys
import threading
import time
from collections.abc import Callable
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field
from pathlib import Path

from extproc.audit.events import EventLog
from extproc.audit.export import Export, run
from extproc.audit.merge import END_WAIT, Merger
from extproc.audit.otlp import Exporter
from extproc.audit.otlp_settings import OtlpSettings, OtlpVariableError
from extproc.audit.prices import priced
from extproc.audit.sources import EdgeLogs, Segment, Source
from extproc.audit.spool import successor
from extproc.heartbeat import READY, Heartbeat

log = logging.getLogger("extproc.shipper")

POLL = 0.1
RECALLED = 2 * 86_400.0
"""Seconds before the first entry on disk from which event files are read: a source is at most a day old when it is
left, and an entry at most a day late (see merge)."""

DRAIN = END_WAIT + 1.0
"""Seconds that a stopping shipper waits for entries that are still missing."""


@dataclass(slots=True)
class Shipper:
    """The loop over the sources of one state directory. `alive` is called between the pieces of long work."""

    state: Path
    alive: Callable[[], object] = lambda: None
    merger: Merger = field(default_factory=Merger)
    segments: dict[Path, Segment] = field(default_factory=dict)
    unwritten: list[dict[str, object]] = field(default_factory=list)
    edges: EdgeLogs = field(init=False)
    events: EventLog = field(init=False)

    def __post_init__(self) -> None:
        self.edges = EdgeLogs(self.state / "logs")
        self.events = EventLog(self.state / "events")
        self.events.mend()
        self._recall(time.time())

    def turn(self, now: float) -> int:
        """Read everything new, write what is complete; how many events that were.

        Raises OSError where they cannot be written; they are kept, and so are their sources.
        """
        for entry in self.edges.read(now):  # before the spools: see merge
            self.alive()
            self.merger.feed(entry, now)
        self.merger.edge_log = bool(self.edges.logs)
        for path in sorted((self.state / "spool").glob("*.seg")):
            self.alive()
            segment = self.segments.setdefault(path, Segment(path))
            if not segment.final:
                for entry in segment.read():
                    self.merger.feed(entry, now)
                if segment.final:
                    self._writer_gone(segment)
        # stamped once: where a write fails half-way, the next one writes the same bytes at the same place
        self.unwritten += [{**priced(event), "recorded_at": now} for event in self.merger.finished(now)]
        written = len(self.unwritten)
        if written:
            self.events.append(self.unwritten, now)
            self.unwritten = []
        self._clean()
        self.merger.done.expire(now, self._named())
        return written

    def _recall(self, now: float) -> None:
        """Learn from the event files that can tell, which of the requests that the sources name have an event."""
        once = EdgeLogs(self.edges.directory)
        for _ in once.read(now):
            self.alive()
        segments = [Segment(path) for path in (self.state / "spool").glob("*.seg")]
        for segment in segments:
            self.alive()
            for _ in segment.read():
                pass
        sources: list[Source] = [*once.logs.values(), *segments]
        named = set[str]().union(*(source.ids for source in sources))
        self.merger.edge_log = bool(once.logs)
        once.close()
        for event in self.events.since(min((source.since for source in sources), default=now) - RECALLED):
            self.alive()
            worker = event.get("decision") not in ("interrupted", "refused_by_envoy")
            until = self.merger.remembered(now, event.get("duration_ms") is not None, worker)
            if until or event["request_id"] in named:
                self.merger.done.add(str(event["request_id"]), until)

    def _writer_gone(self, segment: Segment) -> None:
        if segment.damaged:
            log.error("%s: %d damaged bytes skipped", segment.path.name, segment.damaged)
        begun = segment.ids & self.merger.pending.keys()
        following = successor(segment.path)
        if following.exists():  # a writer that lives: it has only turned the page
            self.segments.setdefault(following, Segment(following)).ids.update(begun)
            return
        for key in begun:
            self.merger.pending[key].writer_gone = True

    def _clean(self) -> None:
        """Delete sources that nobody writes and whose requests all have an event, or need none."""
        for path, segment in list(self.segments.items()):
            if self._over(segment):
                path.unlink(missing_ok=True)
                del self.segments[path]
                self.merger.done.forget(segment.ids, self._named())
        for inode, log in list(self.edges.logs.items()):
            if self._over(log):
                self.edges.delete(inode)
                self.merger.done.forget(log.ids, self._named())

    def _over(self, source: Source) -> bool:
        return source.final and source.ids.isdisjoint(self.merger.pending)

    def _named(self) -> list[AbstractSet[str]]:
        return [source.ids for source in (*self.segments.values(), *self.edges.logs.values())]


def main() -> None:
    """The process's entry: until SIGTERM, then until what was begun is written."""
    parser = argparse.ArgumentParser(prog="python -m extproc.audit.shipper", description=__doc__)
    parser.add_argument("--state-dir", type=Path, required=True)
    parser.add_argument("--log-level", default="info")
    parser.add_argument("--heartbeat-fd", type=int)
    arguments = parser.parse_args()
    logging.basicConfig(level=arguments.log_level.upper(), format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    stopping = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: stopping.set())
    signal.signal(signal.SIGINT, lambda *_: stopping.set())
    try:
        settings = OtlpSettings.of(os.environ)
        heart = Heartbeat(arguments.heartbeat_fd)
        shipper = Shipper(arguments.state_dir, lambda: heart.beat(time.monotonic()))
    except (OtlpVariableError, OSError) as error:
        sys.exit(f"shipper: {error}")
    exporting = _start_export(arguments.state_dir, settings, done := threading.Event())
    heart.say(READY)
    until = float("inf")
    while time.monotonic() < until and not (stopping.is_set() and not shipper.merger.pending):
        if stopping.is_set() and until == float("inf"):
            until = time.monotonic() + DRAIN
        heart.beat(time.monotonic())
        try:
            shipper.turn(time.time())
        except OSError as error:
            log.error("events cannot be written, will try again: %s", error)
        stopping.wait(POLL) if not stopping.is_set() else time.sleep(POLL)
    done.set()
    if exporting:
        exporting.join(DRAIN)


def _start_export(state: Path, settings: OtlpSettings | None, done: threading.Event) -> threading.Thread | None:
    """Spans leave on a thread of their own: a slow collector must not keep entries from becoming events."""
    if settings is None:
        return None
    export = Export(state / "events", settings, Exporter(settings))
    thread = threading.Thread(target=run, args=(export, done), name="export", daemon=True)
    thread.start()
    return thread


if __name__ == "__main__":
    main()
