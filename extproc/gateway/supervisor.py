"""Starts keeper, workers, shipper and Envoy in order, reloads them in order, stops them in order (design D2, D10)."""

from __future__ import annotations

import asyncio
import fcntl
import os
import signal
import subprocess
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path

from extproc.config.load import load
from extproc.config.values import Config
from extproc.gateway import admin, kept, open_files, plan
from extproc.gateway.address import TOO_LONG, AddressError, fits
from extproc.gateway.child import Child, ChildError
from extproc.gateway.edge_log import EdgeLogRotation
from extproc.gateway.envoy import files
from extproc.gateway.plan import Options
from extproc.model import ExtprocError, Target

START_TIMEOUT = 30.0
WATCH_EVERY = 1.0
PROPAGATION = 2.0
"""How long to wait for Envoy to say that a new file is in force."""


class ReloadError(ExtprocError):
    """A configuration that is good, and yet did not take effect."""

    code = "reload"


class StateBusyError(ExtprocError):
    """Another gateway runs on this state directory."""

    code = "state_busy"


@dataclass(frozen=True, slots=True)
class Snapshot:
    """A configuration with what belongs to it: its files' contents, and the credentials it names, by target id."""

    config: Config
    contents: dict[Path, bytes]
    secrets: dict[str, str]


@dataclass(frozen=True, slots=True)
class Retired:
    """A target that the configuration no longer names. Requests that began before may still be sent to it."""

    target: Target
    secret: str
    until: float


@dataclass(slots=True)
class Supervisor:
    """A gateway that runs. `say` prints a line for the operator."""

    options: Options
    config: Config
    say: Callable[[str], None]
    stopping: asyncio.Event = field(default_factory=asyncio.Event)
    _reload: asyncio.Event = field(default_factory=asyncio.Event)
    _good: Snapshot | None = None
    _retired: list[Retired] = field(default_factory=list)
    _published: int = 0
    _keeper: Child | None = None
    _workers: list[Child] = field(default_factory=list)
    _shipper: Child | None = None
    _rotation: EdgeLogRotation | None = None
    _envoy: Child | None = None

    async def run(self, on_ready: Callable[[], None]) -> None:
        """Serve until SIGTERM or SIGINT. Raises ChildError, EnvoyError, OSError or StateBusyError where it cannot."""
        lock = lock_state(self.options.state_dir)
        try:
            self._handle_signals()
            open_files.raise_limit(self.say)
            await self._start()
            on_ready()
            watching = asyncio.create_task(self._watch())
            await self.stopping.wait()
            watching.cancel()
        finally:
            await self._stop()
            os.close(lock)

    def _handle_signals(self) -> None:
        loop = asyncio.get_running_loop()
        loop.add_signal_handler(signal.SIGTERM, self.stopping.set)
        loop.add_signal_handler(signal.SIGINT, self.stopping.set)
        loop.add_signal_handler(signal.SIGHUP, self._reload.set)

    async def _start(self) -> None:
        """Keeper and workers first: Envoy must not take a request that nobody can judge."""
        settings = plan.envoy_settings(self.options, self.config)
        sockets = (*settings.all_workers, settings.admin, plan.keeper_socket(self.options.state_dir))
        if long := [path for path in sockets if not fits(path)]:
            raise AddressError(f"{long[0]}: {TOO_LONG}; choose a shorter --state-dir")
        for directory in (settings.run, settings.edge_log.parent, settings.directory):
            directory.mkdir(parents=True, exist_ok=True, mode=0o700)
        self._rotation = EdgeLogRotation(
            settings.edge_log, lambda: admin.request(settings.admin, "POST", "/reopen_logs")[0]
        )
        self._rotation.leave()  # so that no log is older than a day, and before Envoy could write to it
        secrets = plan.secrets(os.environ, self.config)
        await asyncio.to_thread(files.validate, settings, secrets)
        self._good = Snapshot(self.config, kept.read(self.options.policy_config), secrets)
        self._keep(self._good)
        copies = kept.paths(plan.kept_directory(self.options), self.options.policy_config)
        options = replace(self.options, policy_config=copies)
        environ = plan.environ_without_secrets(os.environ, self.config)
        self._keeper = Child("keeper", plan.keeper_argv(options), environ, self.say, heartbeat=True)
        await self._keeper.start(START_TIMEOUT)
        grace = self.config.limits.shutdown_grace_seconds
        for path in settings.all_workers:
            nice = plan.HEAVY_NICE if path == settings.heavy else 0
            argv = plan.worker_argv(options, path.stem, f"unix:{path}", grace, nice)
            self._workers.append(Child(path.stem, argv, environ, self.say, heartbeat=True))
        await asyncio.gather(*(worker.start(START_TIMEOUT) for worker in self._workers))
        self._shipper = Child("shipper", plan.shipper_argv(self.options), environ, self.say, heartbeat=True)
        await self._shipper.start(START_TIMEOUT)
        files.publish(files.render(settings, self.config.digest, secrets), settings.directory)
        settings.admin.unlink(missing_ok=True)
        argv = files.argv(settings, self.options.log_level, self.options.envoy_threads)
        self._envoy = Child("envoy", argv, environ, self.say)
        await self._envoy.start(START_TIMEOUT)
        await self._until_live(settings.admin)

    async def _until_live(self, socket: Path) -> None:
        """Until Envoy listens and sees every worker healthy."""
        until = time.monotonic() + START_TIMEOUT
        while time.monotonic() < until:
            if admin.is_live(socket) and admin.healthy_workers(socket) == len(self._workers):
                return
            if self._envoy and self._envoy.restarts:
                break
            await asyncio.sleep(0.05)
        raise ChildError("envoy does not serve; its own lines above say why", 3)

    async def _watch(self) -> None:
        """Reload on SIGHUP and whenever a configuration file says something else."""
        seen: list[bytes | None] = []  # so that a change made while we started is not missed
        while True:
            with suppress(TimeoutError):
                await asyncio.wait_for(self._reload.wait(), WATCH_EVERY)
            asked, now = self._reload.is_set(), _contents(self.options.policy_config)
            try:
                if asked or now != seen:
                    self._reload.clear()
                    seen = now
                    await self._apply(even_if_same=asked)
                await self._remove_retired()
                await self._rotate()
            except (ExtprocError, OSError) as error:
                self.say(f"reload failed, trying again: {error}")
                seen = []

    async def _apply(self, *, even_if_same: bool) -> None:
        """Take over what the files say; a fault changes nothing. Raises ReloadError or OSError where good files failed.

        `even_if_same` is for SIGHUP: a credential behind an unchanged reference may have been rotated.
        """
        try:
            contents = kept.read(self.options.policy_config)
            loaded = await asyncio.to_thread(
                load, self.options.policy_config, environ=os.environ, read=contents.__getitem__
            )  # new patterns take seconds to compile, and the children's hearts must be heard
            config = loaded.config
            if config.digest == self.config.digest and not even_if_same:
                return
            new = Snapshot(config, contents, plan.secrets(os.environ, config))
            await asyncio.to_thread(files.validate, plan.envoy_settings(self.options, config), new.secrets)
        except (ExtprocError, OSError, subprocess.TimeoutExpired) as error:
            self.say(f"reload refused, the old configuration stays:\n{error}")
            return
        old = self._good
        try:
            await self._switch(new)
        except (ExtprocError, OSError):
            if old:
                await self._switch(old)
            raise
        for warning in loaded.warnings:
            self.say(f"warning: {warning}")
        self.say(f"reloaded: {config.pack.name} {config.pack.version} ({config.digest[:12]})")

    async def _switch(self, new: Snapshot) -> None:
        """The order of D10: new targets at Envoy first, then the workers' snapshot; removals when they are due."""
        self._retire(new)
        await self._publish(new)
        self._keep(new)
        children = [*self._workers, *([self._keeper] if self._keeper else [])]
        answers = await asyncio.gather(*(child.reload(START_TIMEOUT) for child in children))
        if not all(answers):
            raise ReloadError("a worker did not take the new configuration")
        self._good, self.config = new, new.config

    def _keep(self, snapshot: Snapshot) -> None:
        kept.write(plan.kept_directory(self.options), self.options.policy_config, snapshot.contents)

    def _retire(self, new: Snapshot) -> None:
        """Keep the old targets for as long as open requests get at the end: theirs were judged by the old snapshot."""
        old, names = self._good, {target.id for target in new.config.targets}
        if old is None:
            return
        until = time.monotonic() + old.config.limits.shutdown_grace_seconds
        left = [t for t in old.config.targets if t.id not in names]
        known = {target.id for target in left} | names
        self._retired = [each for each in self._retired if each.target.id not in known]
        self._retired += [Retired(target, old.secrets.get(target.id, ""), until) for target in left]

    async def _remove_retired(self) -> None:
        left = [each for each in self._retired if each.until > time.monotonic()]
        if self._good and len(left) < len(self._retired):
            self._retired = left
            await self._publish(self._good)

    async def _rotate(self) -> None:
        try:
            if self._rotation:
                most = self.config.limits.edge_log_bytes
                await asyncio.to_thread(self._rotation.turn, most, time.monotonic())
        except OSError as error:
            self.say(f"the edge log cannot be rotated, trying again: {error}")

    async def _publish(self, snapshot: Snapshot) -> None:
        retired = {each.target.id: each.secret for each in self._retired}
        targets = (*snapshot.config.targets, *(each.target for each in self._retired))
        settings = plan.envoy_settings(self.options, replace(snapshot.config, targets=targets))
        self._published += 1
        version = f"{snapshot.config.digest}+{self._published}"
        files.publish(files.render(settings, version, {**snapshot.secrets, **retired}), settings.directory)
        until = time.monotonic() + PROPAGATION
        while time.monotonic() < until:
            found: dict[str, str] = {}
            with suppress(OSError):  # Envoy may be starting again
                found = admin.versions(settings.admin)
            if found.get("cluster_manager.cds.version_text") == version:
                return
            await asyncio.sleep(0.02)
        self.say("Envoy has not confirmed the new clusters; its log says why")

    async def _stop(self) -> None:
        """Drain, then Envoy, workers, keeper, and the shipper, which ships what the others left (trials, B7)."""
        grace = self.config.limits.shutdown_grace_seconds
        if self._envoy and self._envoy.pid:
            await self._drain(plan.envoy_settings(self.options, self.config).admin, grace)
            await self._envoy.stop(5)
        await asyncio.gather(*(worker.stop(grace + 5) for worker in self._workers))
        for child in (self._keeper, self._shipper):
            if child:
                await child.stop(grace + 5)

    async def _drain(self, socket: Path, grace: float) -> None:
        with suppress(OSError):
            admin.request(socket, "POST", "/healthcheck/fail")
            admin.request(socket, "POST", "/drain_listeners?graceful&skip_exit")
            until = time.monotonic() + grace
            while admin.active_requests(socket) and time.monotonic() < until:  # noqa: ASYNC110  # Envoy tells nobody
                await asyncio.sleep(0.1)


def lock_state(state_dir: Path) -> int:
    """Hold the state directory for this process; the file descriptor is the lock. Raises StateBusyError, OSError."""
    state_dir.mkdir(parents=True, exist_ok=True, mode=0o700)
    fd = os.open(state_dir / "gateway.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        os.close(fd)
        raise StateBusyError(f"another gateway runs on {state_dir}; give this one its own --state-dir") from error
    return fd


def _contents(paths: Sequence[Path]) -> list[bytes | None]:
    """What the files say now: notices editors' renames and Kubernetes' symlinks alike."""
    found: list[bytes | None] = []
    for path in paths:
        try:
            found.append(path.read_bytes())
        except OSError:
            found.append(None)
    return found
