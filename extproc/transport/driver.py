"""Performs a session's steps: the one place where the core's values meet the world.

A transport hands in bytes and takes bytes to write; what a `Need` asks is answered by `find`, at once or by a future.
Nothing here is a task: most messages are answered within the call that brings them (a task and two locks for each
cost as much as judging a short chat). The driver never lets an error end a stream cleanly, because Envoy would then go
on without us (design D5).
"""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum
from typing import Protocol

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
    """What the world offers to a session. `now` is Unix time in seconds; `tell` neither waits nor fails.

    `find` gives an answer, or an asyncio future of one; cancelling the future says that nobody waits any more.
    """

    journal: Journal
    now: Callable[[], float]
    find: Callable[[object], object]
    worker: str = ""
    tell: Callable[[object], None] = lambda _: None


class Peer(Protocol):
    """One gRPC stream as its driver sees it. Nothing here waits: what cannot be written yet is held by the transport,
    which takes no more of the stream from Envoy meanwhile.
    """

    def send(self, data: bytes) -> None:
        """Write one message, after those before it."""

    def settled(self) -> None:
        """What had to be waited for is done, and the next message can be taken."""

    def finish(self) -> None:
        """End the stream with status OK."""

    def fail(self, error: str) -> None:
        """End the stream with an error status; the text goes to Envoy's access log, never to a client."""


class _Cue(Enum):
    """What a session is told beside messages."""

    WOKE = 1
    HALF_CLOSED = 2


class _StreamFailed(Exception):
    """A session says that the stream must end with an error."""


_LATER = object()


class Driver:
    """One stream: bytes of a ProcessingRequest in, bytes of ProcessingResponses out through its peer.

    A message is performed to its end before the next, and before a wake-up: what comes while something is waited for
    waits too. A transport that stops reading while `busy` bounds how much that can be.
    """

    __slots__ = ("_alarm", "_asked", "_late", "_over", "_peer", "_ports", "_session", "_steps", "_waiting")

    def __init__(self, session: Session, ports: Ports, peer: Peer) -> None:
        self._session = session
        self._ports = ports
        self._peer = peer
        self._alarm = Alarm(self._ring)
        self._steps: Steps | None = None
        self._waiting: deque[bytes | _Cue] = deque()
        self._asked: asyncio.Future[object] | None = None
        self._late: asyncio.TimerHandle | None = None
        self._over = False

    @property
    def busy(self) -> bool:
        """Whether something is waited for."""
        return self._steps is not None

    def receive(self, data: bytes) -> None:
        """A message of Envoy's."""
        self._alarm.silence()
        self._take(data)

    def half_closed(self) -> None:
        """Envoy says nothing more: the end, which fails where a reply is owed, for a clean end would stand for it."""
        self._take(_Cue.HALF_CLOSED)

    def closed(self) -> None:
        """The peer is gone: record an exchange that did not end. What is waited for is let go. Raises nothing.

        Nothing of the driver is left in a cycle: the collector comes by rarely, and until then it would hold bodies.
        """
        self._over = True
        self._steps = None
        self._waiting.clear()
        self._alarm.stop()
        if self._asked:
            self._let_go(self._asked)
        try:
            self._conclude()
        except Exception:  # the stream is gone: there is nobody left to fail, only a log to say it in
            log.exception("the end of exchange %s is not recorded", self._session.exchange.id)

    def _conclude(self) -> None:
        for step in self._session.closed():
            match step:
                case Record():
                    self._append(step)
                case Tell():
                    self._ports.tell(step.fact)

    # --- one turn after the other ---

    def _ring(self) -> None:
        self._take(_Cue.WOKE)

    def _take(self, cue: bytes | _Cue) -> None:
        if self._over:
            return
        if self._steps is not None:
            self._waiting.append(cue)
            return
        self._steps = self._turn(cue)
        self._go_on(None)

    def _turn(self, cue: bytes | _Cue) -> Steps:
        """The steps that a message or a cue asks for."""
        match cue:
            case bytes():
                opened, event = wire.decode(cue)
                if opened:
                    yield from self._session.receive(opened)
                yield from self._session.receive(event)
            case _Cue.WOKE:
                yield from self._session.woke()
            case _Cue.HALF_CLOSED if self._session.owes:
                yield Fail("closed before a reply")
            case _Cue.HALF_CLOSED:
                self._over = True
                self._peer.finish()

    def _go_on(self, found: object) -> None:
        """Perform until nothing is left, or something has to be waited for. Whatever goes wrong fails the stream; a
        policy may even raise a cancellation, which nobody asked for here.
        """
        try:
            while self._steps is not None and self._performed(self._steps, found):
                self._steps = self._turn(self._waiting.popleft()) if self._waiting and not self._over else None
                found = None
        except _StreamFailed as failure:
            self._end(str(failure))
        except PeerError as fault:
            log.error("Envoy's ext_proc filter is not configured for this processor: %s", fault)
            self._broke(f"peer: {fault}")
        except (Exception, asyncio.CancelledError) as error:
            log.exception("exchange %s failed", self._session.exchange.id)
            self._broke(type(error).__name__)

    def _performed(self, steps: Steps, found: object) -> bool:
        """Perform these steps; False where one has to be waited for."""
        while True:
            try:
                step = steps.send(found)
            except StopIteration:
                return True
            found = None
            match step:
                case Send():
                    self._peer.send(wire.encode(step.reply))
                case Record():
                    self._append(step)
                case Need():
                    found = self._ask(step)
                    if found is _LATER:
                        return False
                case Tell():
                    self._ports.tell(step.fact)
                case Wake():
                    self._alarm.set(step.after)
                case Fail():
                    raise _StreamFailed(step.message)

    def _append(self, record: Record) -> None:
        self._ports.journal.append({**record.entry, "at": self._ports.now(), "worker": self._ports.worker})

    def _broke(self, error: str) -> None:
        """Record the failure where that can be done; the stream fails in any case."""
        try:
            self._performed(self._session.broke(error), None)
        except _StreamFailed:
            pass  # its last step
        except Exception:  # the record itself may be what failed; the stream fails below in any case
            log.exception("the failure of exchange %s is not recorded", self._session.exchange.id)
        self._end(error)

    def _end(self, error: str) -> None:
        self._over = True
        self._steps = None
        self._waiting.clear()
        self._alarm.stop()
        self._peer.fail(error)

    # --- what has to be waited for ---

    def _ask(self, need: Need) -> object:
        """What the world knows at once, or `_LATER`."""
        try:
            found = self._ports.find(need.question)
        except Exception as error:  # noqa: BLE001 - whatever went wrong is the policy's to answer for
            return Broke(type(error).__name__)
        if not isinstance(found, asyncio.Future):
            return found
        self._asked = found
        self._late = asyncio.get_running_loop().call_later(need.deadline, self._timed_out, found)
        found.add_done_callback(self._answered)
        return _LATER

    def _answered(self, found: asyncio.Future[object]) -> None:
        if found is not self._asked:
            return  # it was let go
        self._let_go(found)
        if found.cancelled():
            self._resume(Broke("CancelledError"))
        elif error := found.exception():
            self._resume(Broke(type(error).__name__))
        else:
            self._resume(found.result())

    def _timed_out(self, found: asyncio.Future[object]) -> None:
        self._let_go(found)
        self._resume(TimedOut())

    def _let_go(self, found: asyncio.Future[object]) -> None:
        self._asked = None
        found.cancel()
        if self._late:
            self._late.cancel()

    def _resume(self, found: object) -> None:
        self._go_on(found)
        if self._steps is None and not self._over:
            self._peer.settled()
