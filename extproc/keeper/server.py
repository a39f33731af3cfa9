"""The keeper process: `python -m extproc.keeper.server --listen PATH --state-dir DIR --policy-config FILE …`.

It says `R` on its heartbeat pipe once it listens, and `L` or `X` after a SIGHUP, as a worker does.
Exit codes: 0 stopped, 2 bad configuration, 3 cannot listen.
"""

from __future__ import annotations

import argparse
import asyncio
import logging
import signal
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import cast

from extproc.config.load import load_shared
from extproc.dialects import anthropic_messages, openai_chat, openai_completions, openai_embeddings, openai_responses
from extproc.heartbeat import ALIVE, BEAT_SECONDS, READY, REFUSED, RELOADED, Heartbeat
from extproc.keeper.protocol import Frames, ProtocolError, read_command
from extproc.keeper.service import Service
from extproc.keeper.shelf import Bounds, Shelf
from extproc.model import ConfigError

log = logging.getLogger("extproc.keeper")

BACKLOG = 256 << 20
"""Bytes that may wait for a worker: hundreds who wait for the same answer hear it at once."""

DIALECTS = {
    each.name: each
    for each in (anthropic_messages, openai_chat, openai_completions, openai_embeddings, openai_responses)
}


class Connection(asyncio.Protocol):
    """One worker's connection."""

    def __init__(self, service: Service) -> None:
        self._service = service
        self._frames = Frames()
        self._transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """A worker has come."""
        self._transport = cast("asyncio.Transport", transport)

    def data_received(self, data: bytes) -> None:
        """Bytes of commands. One that cannot be read ends the connection: what follows it cannot be trusted."""
        try:
            for operation, number, payload in self._frames.feed(data):
                self._service.take(self, number, read_command(operation, payload))
        except ProtocolError as error:
            log.error("a worker's connection ends: %s", error)
            if self._transport:
                self._transport.abort()

    def connection_lost(self, exc: Exception | None) -> None:
        """The worker is gone."""
        self._transport = None
        self._service.gone(self)

    def write(self, data: bytes) -> None:
        """Send a frame; a worker that is gone hears nothing, and one that does not read is let go."""
        if self._transport is None:
            return
        if self._transport.get_write_buffer_size() > BACKLOG:
            log.error("a worker does not read what it has asked for; its connection ends")
            self._transport.abort()
            return
        self._transport.write(data)


@dataclass(frozen=True, slots=True)
class Arguments:
    """What the keeper is told on its command line."""

    listen: Path
    state_dir: Path
    policy_config: tuple[Path, ...]
    heartbeat_fd: int | None
    log_level: str


async def run(arguments: Arguments) -> int:
    """Serve until SIGTERM."""
    try:
        cached, owned = _bounds(arguments)
    except ConfigError as error:
        print(error, file=sys.stderr)
        return 2
    heart = Heartbeat(arguments.heartbeat_fd)
    shelf, owners = Shelf(arguments.state_dir / "cache.db", cached), Shelf(arguments.state_dir / "owners.db", owned)
    service = Service(shelf, DIALECTS, time.time, owners)
    loop = asyncio.get_running_loop()
    stopping = asyncio.Event()
    try:
        arguments.listen.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        arguments.listen.unlink(missing_ok=True)  # of one that was killed; the state directory's lock keeps others away
        server = await loop.create_unix_server(lambda: Connection(service), str(arguments.listen))
    except OSError as error:
        print(f"keeper: cannot listen on {arguments.listen}: {error}", file=sys.stderr)
        return 3
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stopping.set)
    loop.add_signal_handler(signal.SIGHUP, lambda: _reload(arguments, shelf, owners, heart))
    heart.say(READY)
    beating = asyncio.create_task(_beat(heart))
    await stopping.wait()
    beating.cancel()
    server.close()
    shelf.close()
    owners.close()
    return 0


def _bounds(arguments: Arguments) -> tuple[Bounds, Bounds]:
    """Of the cache, and of whose responses are whose: names of a few bytes, so what bounds those is their number."""
    cache, limits = load_shared(arguments.policy_config)
    cached = Bounds(entries=cache.max_entries, memory_bytes=cache.memory_bytes, disk_bytes=cache.disk_bytes)
    return cached, Bounds(entries=limits.kept_ids, memory_bytes=64 << 10, disk_bytes=1 << 40)


def _reload(arguments: Arguments, shelf: Shelf, owners: Shelf, heart: Heartbeat) -> None:
    try:
        cached, owned = _bounds(arguments)
        shelf.rebound(cached)
        owners.rebound(owned)
    except ConfigError as error:
        log.error("reload refused, the old configuration stays:\n%s", error)
        heart.say(REFUSED)
        return
    heart.say(RELOADED)


async def _beat(heart: Heartbeat) -> None:
    while True:
        await asyncio.sleep(BEAT_SECONDS)
        heart.say(ALIVE)


def _arguments(argv: list[str]) -> Arguments:
    parser = argparse.ArgumentParser(prog="python -m extproc.keeper.server", description=__doc__)
    parser.add_argument("--listen", type=Path, required=True)
    parser.add_argument("--state-dir", type=Path, required=True)
    parser.add_argument("--policy-config", type=Path, action="append", required=True)
    parser.add_argument("--heartbeat-fd", type=int)
    parser.add_argument("--log-level", default="info")
    a = parser.parse_args(argv)
    return Arguments(a.listen, a.state_dir, tuple(a.policy_config), a.heartbeat_fd, a.log_level)


def main() -> None:
    """The process's entry."""
    arguments = _arguments(sys.argv[1:])
    logging.basicConfig(level=arguments.log_level.upper(), format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    try:
        import uvloop
    except ImportError:  # optional, as in a worker
        sys.exit(asyncio.run(run(arguments)))
    sys.exit(uvloop.run(run(arguments)))


if __name__ == "__main__":
    main()
