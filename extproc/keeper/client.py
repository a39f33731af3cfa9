"""A worker's end of the keeper's socket.

What is said within one turn of the loop is written at once. A keeper that is away, stuck or restarting is a cache that
misses: questions are answered `Free`, facts are dropped, and the connection is tried again every half second. A keeper
counts as there once it has answered a ping, for the kernel takes connections to a process that is stuck. While anybody
waits it is asked again and again, and a second of silence ends the connection: somebody else's answer may take longer,
a keeper's word may not.
"""

from __future__ import annotations

import asyncio
import logging
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple, TypeVar, cast

from extproc.cache.commands import Answer, Fact, Found, Free, Look
from extproc.keeper import protocol
from extproc.keeper.protocol import Command, Frames, Leave, Ping, Pong, ProtocolError, read_answer
from extproc.keeper.recent import Recent
from extproc.routing.kept import Keep, Owners, Whose

log = logging.getLogger(__name__)

T = TypeVar("T", bound=Free | None)

RETRY_SECONDS = 0.5
PING_SECONDS = 0.25
SILENT_PINGS = 4
"""In a row. A worker's loop that stood still reads between two of them what had come."""

BACKLOG = 16 << 20
"""Bytes that may wait for a keeper that does not read; beyond that facts are dropped."""


class _Asked(NamedTuple):
    question: Look | Whose
    future: asyncio.Future[Any]
    unknown: Free | None  # what is said where the keeper goes away


class KeeperClient(asyncio.Protocol):
    """Call `start` once on the loop that it shall live on."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._transport: asyncio.Transport | None = None
        self._frames = Frames()
        self._asked: dict[int, _Asked] = {}
        self._number = 0
        self._unsaid: list[bytes] = []
        self._keeping: asyncio.Task[None] | None = None
        self._lost = asyncio.Event()
        self._here = asyncio.Event()
        self._silent = 0  # pings since the last word
        self._timer: asyncio.TimerHandle | None = None
        self._recent = Recent()

    async def start(self) -> None:
        """Connect where a keeper listens already; go on trying where not."""
        await self._connect()
        self._keeping = asyncio.create_task(self._keep())
        if self._transport:
            with suppress(TimeoutError):
                await asyncio.wait_for(self._here.wait(), PING_SECONDS * SILENT_PINGS)

    def stop(self) -> None:
        """Let go."""
        if self._keeping:
            self._keeping.cancel()
        if self._timer:
            self._timer.cancel()
        if self._transport:
            self._transport.close()

    @property
    def connected(self) -> bool:
        """Whether a keeper is there."""
        return self._here.is_set()

    def look(self, question: Look) -> Answer | asyncio.Future[Answer]:
        """What the keeper knows, now or soon. Cancelling the future tells it that nobody waits any more."""
        if held := self._recent.get(question.key, asyncio.get_running_loop().time()):
            return held
        return self._ask(question, Free())

    def whose(self, question: Whose) -> Owners | asyncio.Future[Owners | None] | None:
        """Whose kept responses are; None where nobody is there to say."""
        return self._ask(question, None)

    def _ask(self, question: Look | Whose, unknown: T) -> T | asyncio.Future[Any]:
        """What the keeper will say; `unknown` where it is away, or goes away."""
        if not self.connected:
            return unknown
        loop = asyncio.get_running_loop()
        self._number = number = self._number + 1
        future: asyncio.Future[Any] = loop.create_future()
        future.add_done_callback(partial(self._left, number))
        self._asked[number] = _Asked(question, future, unknown)
        self._say(number, question)
        if self._timer is None:
            self._timer = loop.call_later(PING_SECONDS, self._watch)
        return future

    def _left(self, number: int, future: asyncio.Future[Any]) -> None:
        if future.cancelled() and number in self._asked:
            del self._asked[number]
            self._say(number, Leave())

    def tell(self, fact: Fact | Keep) -> None:
        """Let the keeper know."""
        if not isinstance(fact, Keep):
            self._recent.drop(fact.key)
        if self._transport and self.connected and self._transport.get_write_buffer_size() < BACKLOG:
            self._say(0, fact)
            if isinstance(fact, Keep):
                self._write()  # before the reply's last byte: its reader may come back at once, to another worker

    def _say(self, number: int, said: Command) -> None:
        if not self._unsaid:
            asyncio.get_running_loop().call_soon(self._write)
        self._unsaid.append(protocol.command(number, said))

    def _write(self) -> None:
        data, self._unsaid = self._unsaid, []
        if self._transport:
            self._transport.write(data[0] if len(data) == 1 else b"".join(data))

    def _watch(self) -> None:
        """Whether whoever is waited for is still there."""
        self._timer = None
        if not self._asked or self._transport is None:
            return
        if self._silent >= SILENT_PINGS:
            log.warning("the keeper is silent; nothing is cached until it answers")
            self._transport.abort()
            return
        self._silent += 1
        self._say(0, Ping())
        self._timer = asyncio.get_running_loop().call_later(PING_SECONDS, self._watch)

    # --- the connection ---

    async def _keep(self) -> None:
        while True:
            await self._lost.wait()
            await asyncio.sleep(RETRY_SECONDS)
            await self._connect()

    async def _connect(self) -> None:
        try:
            await asyncio.get_running_loop().create_unix_connection(lambda: self, str(self._path))
        except OSError:
            self._lost.set()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """A keeper listens."""
        self._frames = Frames()
        self._transport = cast("asyncio.Transport", transport)
        self._lost.clear()
        self._say(0, Ping())

    def data_received(self, data: bytes) -> None:
        """Bytes of answers."""
        self._silent = 0
        try:
            for operation, number, payload in self._frames.feed(data):
                self._heard(number, read_answer(operation, payload))
        except ProtocolError as error:
            log.error("the keeper's connection ends: %s", error)
            if self._transport:
                self._transport.abort()

    def _heard(self, number: int, answer: Answer | Owners | Pong) -> None:
        if isinstance(answer, Pong):
            self._here.set()
            return
        asked = self._asked.pop(number, None)
        if asked is None or asked.future.done():
            return  # whoever asked has left
        if isinstance(asked.question, Look) and isinstance(answer, Found):
            self._recent.put(asked.question.key, answer, asyncio.get_running_loop().time())
        asked.future.set_result(answer)

    def connection_lost(self, exc: Exception | None) -> None:
        """The keeper is gone, and with it whatever it would have answered."""
        self._transport = None
        self._silent = 0
        self._here.clear()
        self._lost.set()
        asked, self._asked = self._asked, {}
        for each in asked.values():
            if not each.future.done():
                each.future.set_result(each.unknown)
