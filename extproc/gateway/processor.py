"""A worker and the shipper without Envoy, for an Envoy that others run (design D16)."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from extproc.gateway.child import Child
from extproc.gateway.supervisor import START_TIMEOUT, lock_state


@dataclass(slots=True)
class Processor:
    """Two children and their order. SIGHUP reloads the worker's configuration."""

    state_dir: Path
    worker: Child
    shipper: Child
    grace: float

    async def run(self, on_ready: Callable[[], None]) -> None:
        """Serve until SIGTERM or SIGINT. Raises ChildError, OSError or StateBusyError where it cannot."""
        lock = lock_state(self.state_dir)
        stopping = asyncio.Event()
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, stopping.set)
        loop.add_signal_handler(signal.SIGHUP, lambda: self.worker.signal(signal.SIGHUP))
        try:
            await self.worker.start(START_TIMEOUT)
            await self.shipper.start(START_TIMEOUT)
            on_ready()
            await stopping.wait()
        finally:
            await self.worker.stop(self.grace + 5)
            await self.shipper.stop(self.grace + 5)
            os.close(lock)
