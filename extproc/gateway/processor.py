"""Keeper, workers and shipper without Envoy, for an Envoy that others run (design D16)."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from extproc.gateway import open_files
from extproc.gateway.child import Child
from extproc.gateway.supervisor import START_TIMEOUT, lock_state


@dataclass(slots=True)
class Processor:
    """One worker per address, for Envoy balances over endpoints and not over processes behind one (design, point 9).

    SIGHUP reloads the configuration of all. `say` prints a line for the operator.
    """

    state_dir: Path
    keeper: Child
    workers: Sequence[Child]
    shipper: Child
    grace: float
    say: Callable[[str], None]
    _hang_up: asyncio.Event = field(default_factory=asyncio.Event)

    async def run(self, on_ready: Callable[[], None]) -> None:
        """Serve until SIGTERM or SIGINT. Raises ChildError, OSError or StateBusyError where it cannot."""
        lock = lock_state(self.state_dir)
        stopping = asyncio.Event()
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, stopping.set)
        loop.add_signal_handler(signal.SIGHUP, self._hang_up.set)
        open_files.raise_limit(self.say)
        try:
            await self.keeper.start(START_TIMEOUT)
            await asyncio.gather(*(worker.start(START_TIMEOUT) for worker in self.workers))
            await self.shipper.start(START_TIMEOUT)
            on_ready()
            reloading = asyncio.create_task(self._reload())
            await stopping.wait()
            reloading.cancel()
        finally:
            await asyncio.gather(*(worker.stop(self.grace + 5) for worker in self.workers))
            await self.keeper.stop(self.grace + 5)
            await self.shipper.stop(self.grace + 5)
            os.close(lock)

    async def _reload(self) -> None:
        """Whenever asked, and never two at a time: a worker answers one reload by one byte."""
        while True:
            await self._hang_up.wait()
            self._hang_up.clear()
            keeper, *answers = await asyncio.gather(
                *(child.reload(START_TIMEOUT) for child in (self.keeper, *self.workers))
            )
            taken = sum(answers)
            self.say(f"reload: {taken} of {len(answers)} workers have the configuration as it stands now")
            if not keeper:
                self.say("reload: the keeper goes on with its old bounds")
