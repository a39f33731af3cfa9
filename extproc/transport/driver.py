"""Performs a session's steps: the one place where the core's values meet the world.

A transport hands in bytes and a way to write bytes; what a `Need` asks is performed by `find`. The driver never lets
an error end a stream cleanly, because Envoy would then go on without us (design D5).
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Coroutine
from dataclasses import dataclass
from typing import NoReturn, Protocol

from extproc import wire
from extproc.model import Broke, Fail, Need, PeerError, Record, Send, Tell, TimedOut, Wake
from extproc.session import Session, Steps
from extproc.transport.alarm import Alarm

log = logging.getLogger(__name__)


class Journal(Protocol):
    """Where audit entries go; `append` returns once the entry survives this process."""

    def append(self, entry: dict[str, object]) -> None: ...


@dataclass(frozen=True, slots=True)
class Ports:
    """What the world offers to a session. `now` is Unix time in seconds; `tell` neither waits nor fails."""

    journal: Journal
    now: Callable[[], float]
    find: Callable[[object], Awaitable[object]]
    worker: str = ""
    tell: Callable[[object], None] = lambda _: None


class StreamFailed(Exception):
    """The stream must end with an error status; the text goes to Envoy's access log, never to a client."""


class Driver:
    """One stream: bytes of a ProcessingRequest in, bytes of ProcessingResponses out through `write`.

    A wake-up that fails has no caller to tell: `failure` is set, and the task that receives is cancelled, so that the
    transport fails the stream.
    """

    def __init__(self, session: Session, ports: Ports, write: Callable[[bytes], Awaitable[None]]) -> None:
        self._session = session
        self._ports = ports
        self._write = write
        self._turn = asyncio.Lock()  # a message and a wake-up never run into each other
        self._alarm = Alarm(self._ring)
        self._waking: asyncio.Task[None] | None = None
        self._receiver: asyncio.Task[object] | None = None
        self.failure: StreamFailed | None = None

    async def receive(self, data: bytes) -> None:
        """Perform all that a message asks for. Raises StreamFailed where nothing more may pass."""
        self._receiver = asyncio.current_task()
        self._alarm.silence()
        async with self._turn:
            await self._safely(self._received(data))

    async def _received(self, data: bytes) -> None:
        opened, event = wire.decode(data)
        if opened:
            await self._perform(self._session.receive(opened))
        await self._perform(self._session.receive(event))

    def _ring(self) -> None:
        self._waking = asyncio.create_task(self._woke())

    async def _woke(self) -> None:
        async with self._turn:
            try:
                await self._safely(self._perform(self._session.woke()))
            except StreamFailed as error:
                self.failure = error
                if self._receiver:
                    self._receiver.cancel()

    async def _safely(self, work: Coroutine[None, None, None]) -> None:
        """Whatever goes wrong is recorded, and fails the stream."""
        try:
            await work
        except PeerError as error:
            log.error("Envoy's ext_proc filter is not configured for this processor: %s", error)
            await self._fail(f"peer: {error}")
        except StreamFailed:
            raise
        except (Exception, asyncio.CancelledError) as error:
            if _is_leaving():
                raise
            log.exception("exchange %s failed", self._session.exchange.id)
            await self._fail(type(error).__name__)

    def half_closed(self) -> None:
        """Envoy says nothing more. Raises StreamFailed where a reply is owed: a clean end would stand for it."""
        if self._session.owes:
            raise StreamFailed("closed before a reply")

    def closed(self) -> None:
        """The peer is gone: record an exchange that did not end. Never waits, so cancellation cannot cut it off."""
        self._alarm.stop()
        if self._waking:
            self._waking.cancel()
        for step in self._session.closed():
            match step:
                case Record():
                    self._append(step)
                case Tell():
                    self._ports.tell(step.fact)

    async def _fail(self, error: str) -> NoReturn:
        """Record the failure where that can be done; the stream fails in any case."""
        try:
            await self._perform(self._session.broke(error))
        except StreamFailed:
            raise
        except Exception:
            log.exception("the failure of exchange %s is not recorded", self._session.exchange.id)
        raise StreamFailed(error)

    async def _perform(self, steps: Steps) -> None:
        found: object = None
        while True:
            try:
                step = steps.send(found)
            except StopIteration:
                return
            found = None
            match step:
                case Record():
                    self._append(step)
                case Send():
                    await self._write(wire.encode(step.reply))
                case Need():
                    found = await self._find(step)
                case Tell():
                    self._ports.tell(step.fact)
                case Wake():
                    self._alarm.set(step.after)
                case Fail():
                    raise StreamFailed(step.message)

    def _append(self, record: Record) -> None:
        self._ports.journal.append({**record.entry, "at": self._ports.now(), "worker": self._ports.worker})

    async def _find(self, need: Need) -> object:
        try:
            async with asyncio.timeout(need.deadline):  # wait_for would make a task of it, for 15 µs
                return await self._ports.find(need.question)
        except TimeoutError:
            return TimedOut()
        except (Exception, asyncio.CancelledError) as error:  # whatever went wrong is the policy's to answer for
            if _is_leaving():
                raise
            return Broke(type(error).__name__)


def _is_leaving() -> bool:
    """Whether this task is being cancelled, for the peer is gone. Any other cancellation is a failure like others:
    gRPC would end the stream without a status, and no client would hear of it.
    """
    task = asyncio.current_task()
    return task is not None and task.cancelling() > 0
