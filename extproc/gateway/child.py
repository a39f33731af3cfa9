"""One supervised process: started on a leash, its output passed on, its heart watched, restarted with back-off."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field

from extproc.model import ExtprocError

BACK_OFF = (0.0, 0.2, 0.5, 1.0, 2.0, 5.0)
"""Seconds before the first, second … restart in a row; the last one repeats."""

START_PATIENCE = 30.0
"""Seconds that a child with a heart may take until its first beat; a busy machine imports slowly."""

HEALTHY_AFTER = 5.0
"""A child that lived this long starts over at the first back-off."""


class ChildError(ExtprocError):
    """A child that could not start; `exit_code` is what it ended with."""

    code = "child"

    def __init__(self, message: str, exit_code: int) -> None:
        super().__init__(message)
        self.exit_code = exit_code


@dataclass(slots=True)
class Child:
    """A process to keep running; `argv` is its whole command line, the heartbeat flag excluded.

    With `heartbeat` the child gets `--heartbeat-fd N`, counts as ready at its first `R`, and is killed when nothing
    comes for `patience` seconds. Without it, it is ready once it has started.
    """

    name: str
    argv: Sequence[str]
    environ: Mapping[str, str]
    say: Callable[[str], None]
    heartbeat: bool = False
    patience: float = 10.0
    ready: asyncio.Event = field(default_factory=asyncio.Event)
    restarts: int = 0
    _process: asyncio.subprocess.Process | None = None
    _last_beat: float = 0.0
    _stopping: bool = False
    _reloaded: asyncio.Queue[bool] = field(default_factory=asyncio.Queue)
    _last_line: str = ""
    _passing: asyncio.Task[None] | None = None
    _task: asyncio.Task[None] | None = None

    async def start(self, patience: float) -> None:
        """Start and wait until ready. Raises ChildError with the child's own last words where it cannot."""
        await self._spawn()
        waiting = [asyncio.create_task(self.ready.wait()), asyncio.create_task(self._exited())]
        done, rest = await asyncio.wait(waiting, timeout=patience, return_when=asyncio.FIRST_COMPLETED)
        for task in rest:
            task.cancel()
        if not self.ready.is_set():
            code = self._process.returncode if self._process and done else None
            await self._end()
            why = self._last_line or ("it gave no reason" if done else f"not ready after {patience:g} s")
            raise ChildError(f"{self.name} could not start: {why}", code if code in (2, 3) else 1)
        self._task = asyncio.create_task(self._keep())

    async def reload(self, patience: float) -> bool:
        """Send SIGHUP and wait for the child's word: whether the new configuration is in force.

        A child that starts is waited for, since SIGHUP would end it; one that ends before its word is asked again.
        """
        with suppress(TimeoutError):
            async with asyncio.timeout(patience):
                while not self._stopping:
                    await self.ready.wait()
                    if (word := await self._asked()) is not None:
                        return word
        return False

    async def _asked(self) -> bool | None:
        """The child's word, or None where it ended before that."""
        while not self._reloaded.empty():
            self._reloaded.get_nowait()
        self.signal(signal.SIGHUP)
        word, ended = asyncio.create_task(self._reloaded.get()), asyncio.create_task(self._exited())
        try:
            await asyncio.wait((word, ended), return_when=asyncio.FIRST_COMPLETED)
            if word.done():
                return word.result()
            self.ready.clear()  # nobody is there until the next one says so
            return None
        finally:
            word.cancel()
            ended.cancel()

    async def stop(self, grace: float) -> None:
        """SIGTERM, and SIGKILL where that is not enough in `grace` seconds."""
        self._stopping = True
        self.signal(signal.SIGTERM)
        with suppress(TimeoutError):
            await asyncio.wait_for(self._exited(), grace)
        if self._task:
            self._task.cancel()
            await asyncio.wait((self._task,))  # it may be starting the next one, which ends with it
        await self._end()

    async def _end(self) -> None:
        """SIGKILL, and what it still had to say. A process that hangs in the kernel is not waited for."""
        self.kill()
        rest = [asyncio.create_task(self._exited()), *([self._passing] if self._passing else [])]
        _, left = await asyncio.wait(rest, timeout=1)
        for task in left:
            task.cancel()

    def signal(self, number: int) -> None:
        """Send a signal to the process if it runs."""
        if self._process and self._process.returncode is None:
            with suppress(ProcessLookupError):
                self._process.send_signal(number)

    def kill(self) -> None:
        """SIGKILL."""
        self.signal(signal.SIGKILL)

    @property
    def pid(self) -> int:
        """The process id, 0 where it does not run."""
        return self._process.pid if self._process and self._process.returncode is None else 0

    async def _spawn(self) -> None:
        self.ready.clear()
        if self.heartbeat:
            await self._spawn_with_heart()
        else:
            self._process = await self._execute()
            self.ready.set()
        self._passing = asyncio.create_task(self._pass_on(self._process))

    async def _spawn_with_heart(self) -> None:
        read, write = os.pipe()
        try:
            self._process = await self._execute("--heartbeat-fd", str(write), pass_fds=(write,))
        except BaseException:
            os.close(read)
            raise
        finally:
            os.close(write)
        self._listen(read)

    async def _execute(self, *extra: str, pass_fds: Sequence[int] = ()) -> asyncio.subprocess.Process:
        leash = [sys.executable, "-m", "extproc.gateway.leash", str(os.getpid()), "--"]
        return await asyncio.create_subprocess_exec(
            *leash,
            *self.argv,
            *extra,
            env=dict(self.environ),
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
            pass_fds=pass_fds,
            start_new_session=True,  # a terminal's Ctrl-C reaches the supervisor alone
        )

    def _listen(self, read: int) -> None:
        loop = asyncio.get_running_loop()
        os.set_blocking(read, False)
        self._last_beat = time.monotonic()

        def on_bytes() -> None:
            data = os.read(read, 4096)
            if not data:
                loop.remove_reader(read)
                os.close(read)
                return
            self._last_beat = time.monotonic()
            if b"R" in data:
                self.ready.set()
            for byte in data:
                if byte in b"LX":
                    self._reloaded.put_nowait(byte == ord("L"))

        loop.add_reader(read, on_bytes)

    async def _pass_on(self, process: asyncio.subprocess.Process | None) -> None:
        if process is None or process.stdout is None:
            return
        while line := await _line(process.stdout):
            self._last_line = line.decode("utf-8", "replace").rstrip()
            self.say(f"{self.name}: {self._last_line}")

    async def _exited(self) -> None:
        if self._process:
            await self._process.wait()

    async def _keep(self) -> None:
        """Restart whatever ends or stops beating, until told to stop."""
        row = 0
        while not self._stopping:
            started = time.monotonic()
            await self._watch()
            if self._stopping:
                return
            row = 0 if time.monotonic() - started > HEALTHY_AFTER else row
            code = self._process.returncode if self._process else None
            self.say(f"{self.name} ended with {code}; restarting in {BACK_OFF[row]:g} s")
            await asyncio.sleep(BACK_OFF[row])
            row = min(row + 1, len(BACK_OFF) - 1)
            self.restarts += 1
            try:
                await self._spawn()
            except OSError as error:  # no memory, no descriptor left: they may come back
                self.say(f"{self.name} could not be started again: {error}")

    async def _watch(self) -> None:
        """Return when the process has ended; end it ourselves when its heart stands still."""
        while self._process and self._process.returncode is None:
            with suppress(TimeoutError):
                await asyncio.wait_for(self._process.wait(), 1.0)
            patience = self.patience if self.ready.is_set() else max(self.patience, START_PATIENCE)
            if self.heartbeat and time.monotonic() - self._last_beat > patience:
                self.say(f"{self.name} has not answered for {patience:g} s; ending it")
                self.kill()
                await self._exited()


async def _line(stream: asyncio.StreamReader) -> bytes:
    """The next line, b"" at the end. One that is longer than the buffer is left out, and what follows still read."""
    while True:
        try:
            return await stream.readline()
        except ValueError:
            continue
