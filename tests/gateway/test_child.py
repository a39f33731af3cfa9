"""A supervised process, with real small children: readiness, restarts, reloads, words, the heart."""

from __future__ import annotations

import asyncio
import os
import re
import signal
import sys
import time
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from extproc.gateway import child as module
from extproc.gateway.child import Child, ChildError

PREPARE = """
import os, signal, sys, time
from pathlib import Path
beat = lambda byte: os.write(int(sys.argv[-1]), byte)
answer = lambda byte: signal.signal(signal.SIGHUP, lambda *_: beat(byte))
"""
FOREVER = "\nwhile True: time.sleep(0.05); beat(b'.')"


@dataclass
class Nursery:
    """Makes children, keeps what they say, and ends them."""

    said: list[str] = field(default_factory=list)
    children: list[Child] = field(default_factory=list)

    def make(self, code: str, heartbeat: bool = True, patience: float = 10.0) -> Child:
        argv = [sys.executable, "-c", PREPARE + code]
        child = Child("kid", argv, dict(os.environ), self.said.append, heartbeat=heartbeat, patience=patience)
        self.children.append(child)
        return child

    async def started(self, code: str, patience: float = 10.0) -> Child:
        child = self.make(code, patience=patience)
        await child.start(20)
        return child

    def pauses(self) -> list[str]:
        """The back-offs that were announced."""
        return [found[1] for line in self.said if (found := re.search(r"restarting in (.+) s", line))]


@pytest.fixture
async def nursery() -> AsyncIterator[Nursery]:
    found = Nursery()
    yield found
    await asyncio.gather(*(child.stop(0) for child in found.children))


async def until(condition: Callable[[], object], what: str, seconds: float = 20) -> None:
    due = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < due, f"no {what}"
        await asyncio.sleep(0.01)


def runs(pid: int) -> bool:
    try:
        return " Z" not in Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return False


async def test_a_child_with_a_heart_is_ready_at_its_first_r(nursery: Nursery, tmp_path: Path) -> None:
    gate = tmp_path / "gate"
    child = nursery.make(f"beat(b'..')\nwhile not Path({str(gate)!r}).exists(): time.sleep(0.01)\nbeat(b'R'){FOREVER}")
    starting = asyncio.create_task(child.start(20))
    await until(lambda: child.pid, "process")
    assert not starting.done()
    gate.touch()
    await starting
    assert child.ready.is_set() and child.restarts == 0


async def test_a_child_without_a_heart_is_ready_once_it_started(nursery: Nursery) -> None:
    child = nursery.make("time.sleep(60)", heartbeat=False)
    await child.start(20)
    assert child.ready.is_set() and runs(child.pid)


@pytest.mark.parametrize(("code", "told"), [(2, 2), (3, 3), (1, 1), (0, 1), (77, 1)])
async def test_a_child_that_cannot_start_is_an_error_with_its_exit_code_and_last_words(
    nursery: Nursery, code: int, told: int
) -> None:
    child = nursery.make(f"print('first')\nprint('no such file: x')\nsys.exit({code})")
    with pytest.raises(ChildError, match=r"^kid could not start: no such file: x$") as failed:
        await child.start(20)
    assert failed.value.exit_code == told
    assert nursery.said == ["kid: first", "kid: no such file: x"]


async def test_a_child_that_ends_without_a_word_is_an_error_that_says_so(nursery: Nursery) -> None:
    child = nursery.make("os.kill(os.getpid(), signal.SIGKILL)")
    with pytest.raises(ChildError, match="it gave no reason") as failed:
        await child.start(20)
    assert failed.value.exit_code == 1


async def test_a_child_that_is_not_ready_in_time_is_ended(nursery: Nursery) -> None:
    child = nursery.make(FOREVER)
    with pytest.raises(ChildError, match=r"not ready after 0\.3 s") as failed:
        await child.start(0.3)
    assert failed.value.exit_code == 1
    await until(lambda: child.pid == 0, "end")
    assert nursery.pauses() == []


async def test_restarts_in_a_row_come_more_and_more_slowly(nursery: Nursery) -> None:
    child = await nursery.started("beat(b'R')")
    began = time.monotonic()
    await until(lambda: child.restarts == 3, "third restart")
    assert time.monotonic() - began >= 0.7
    assert nursery.pauses()[:3] == ["0", "0.2", "0.5"]


async def test_the_longest_pause_repeats(nursery: Nursery, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "BACK_OFF", (0.0, 0.01))
    child = await nursery.started("beat(b'R')")
    await until(lambda: child.restarts == 4, "fourth restart")
    assert nursery.pauses()[:4] == ["0", "0.01", "0.01", "0.01"]


async def test_a_child_that_lived_long_enough_is_restarted_at_once(
    nursery: Nursery, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "HEALTHY_AFTER", 0.3)
    child = await nursery.started("beat(b'R')\ntime.sleep(0.4)")
    await until(lambda: child.restarts == 3, "third restart")
    assert nursery.pauses()[:3] == ["0", "0", "0"]


async def test_a_restart_that_the_system_refuses_is_tried_again(
    nursery: Nursery, monkeypatch: pytest.MonkeyPatch
) -> None:
    child = await nursery.started(f"beat(b'R'){FOREVER}")
    files = len(os.listdir("/proc/self/fd"))
    with monkeypatch.context() as broken:
        broken.setattr(sys, "executable", "/nonexistent/python")
        child.kill()
        await until(
            lambda: len([line for line in nursery.said if "could not be started again" in line]) > 1, "refusals"
        )
    await asyncio.wait_for(child.ready.wait(), 20)
    assert runs(child.pid)
    await until(lambda: len(os.listdir("/proc/self/fd")) <= files, "closed pipes")


@pytest.mark.parametrize(("byte", "taken"), [(b"L", True), (b"X", False)])
async def test_a_reload_returns_the_childs_word(nursery: Nursery, byte: bytes, taken: bool) -> None:
    child = await nursery.started(f"answer({byte!r}); beat(b'R'){FOREVER}")
    assert [await child.reload(20) for _ in range(3)] == [taken] * 3
    assert child.restarts == 0


async def test_a_reload_waits_for_a_child_that_starts(nursery: Nursery, tmp_path: Path) -> None:
    """SIGHUP ends whoever has no handler for it yet."""
    gate = tmp_path / "gate"
    gate.touch()
    child = await nursery.started(
        f"print('here', flush=True)\nwhile not Path({str(gate)!r}).exists(): time.sleep(0.01)\n"
        f"answer(b'L'); beat(b'R'){FOREVER}"
    )
    gate.unlink()
    child.kill()
    await until(lambda: nursery.said.count("kid: here") == 2, "second life")
    reloading = asyncio.create_task(child.reload(20))
    await asyncio.sleep(0)
    assert not reloading.done()
    gate.touch()
    assert await reloading
    assert child.restarts == 1


async def test_a_reload_of_a_dead_child_is_asked_of_the_next_one(nursery: Nursery) -> None:
    child = await nursery.started(f"answer(b'L'); beat(b'R'){FOREVER}")
    old = child.pid
    os.kill(old, signal.SIGKILL)
    assert child.ready.is_set()  # nobody has noticed yet
    assert await child.reload(20)
    assert child.restarts == 1 and child.pid not in (0, old)


async def test_a_reload_that_ends_the_child_is_asked_of_the_next_one(nursery: Nursery, tmp_path: Path) -> None:
    once = tmp_path / "once"
    child = await nursery.started(
        f"once = Path({str(once)!r})\nonce.exists() and answer(b'L')\nonce.touch()\nbeat(b'R'){FOREVER}"
    )
    assert await child.reload(20)
    assert child.restarts == 1


async def test_a_reload_without_a_word_ends_after_its_patience(nursery: Nursery) -> None:
    child = await nursery.started(f"signal.signal(signal.SIGHUP, signal.SIG_IGN); beat(b'R'){FOREVER}")
    assert await child.reload(0.2) is False
    assert child.restarts == 0 and runs(child.pid)


@pytest.mark.parametrize("size", [1 << 16, (1 << 16) + 1, 1 << 20])
async def test_what_follows_a_line_that_is_too_long_is_still_passed_on(nursery: Nursery, size: int) -> None:
    await nursery.started(f"beat(b'R'); print('before'); print('x' * {size}); print('after', flush=True){FOREVER}")
    await until(lambda: "kid: after" in nursery.said, "last line")
    assert nursery.said[0] == "kid: before"
    assert all(len(line) <= len("kid: ") + (1 << 16) for line in nursery.said)


async def test_bytes_that_are_no_text_are_passed_on_as_far_as_they_can_be(nursery: Nursery) -> None:
    await nursery.started(f"beat(b'R'); os.write(1, b'caf\\xe9\\n'){FOREVER}")
    await until(lambda: "kid: caf\ufffd" in nursery.said, "line")


@pytest.mark.parametrize("how", ["stopped", "spinning", "silent"])
async def test_a_child_whose_heart_stands_still_is_replaced(nursery: Nursery, tmp_path: Path, how: str) -> None:
    once = tmp_path / "once"
    first = {"stopped": FOREVER, "spinning": "\nwhile True: pass", "silent": "\ntime.sleep(60)"}[how]
    rest = FOREVER.replace("\n", "\n    ")
    code = f"once = Path({str(once)!r})\nbeat(b'R')\nif once.exists():{rest}\nonce.touch()"
    child = await nursery.started(code + first, patience=0.5)
    old = child.pid
    if how == "stopped":
        os.kill(old, signal.SIGSTOP)
    await until(lambda: child.restarts == 1 and child.ready.is_set(), "replacement")
    assert not runs(old) and runs(child.pid)
    assert "kid has not answered for 0.5 s; ending it" in nursery.said


async def test_a_child_that_starts_again_may_take_longer_until_its_first_beat(
    nursery: Nursery, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "START_PATIENCE", 1.5)
    once = tmp_path / "once"
    code = f"once = Path({str(once)!r})\nonce.exists() and time.sleep(60)\nonce.touch()\nbeat(b'R'){FOREVER}"
    child = await nursery.started(code, patience=0.2)
    child.kill()
    await until(lambda: child.restarts == 2, "second replacement")
    assert "kid has not answered for 1.5 s; ending it" in nursery.said
    assert not any("for 0.2 s" in line for line in nursery.said)


async def test_a_stop_asks_first_and_nothing_is_restarted(nursery: Nursery) -> None:
    child = await nursery.started(
        f"signal.signal(signal.SIGTERM, lambda *_: (print('bye', flush=True), os._exit(0))); beat(b'R'){FOREVER}"
    )
    pid = child.pid
    await child.stop(20)
    assert not runs(pid) and child.pid == 0
    await until(lambda: "kid: bye" in nursery.said, "last words")
    assert nursery.pauses() == [] and child.restarts == 0


async def test_a_child_that_does_not_stop_is_killed_after_the_grace(nursery: Nursery) -> None:
    child = await nursery.started(f"signal.signal(signal.SIGTERM, signal.SIG_IGN); beat(b'R'){FOREVER}")
    pid = child.pid
    await child.stop(0.2)
    await until(lambda: not runs(pid), "end")
    assert nursery.pauses() == []


async def test_a_stop_during_the_pause_ends_the_restarts(nursery: Nursery, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "BACK_OFF", (0.3,))
    child = await nursery.started("beat(b'R')")
    await until(nursery.pauses, "pause")
    await child.stop(20)
    assert await child.reload(0.6) is False  # twice the pause, in which nobody came
    assert child.restarts == 0 and child.pid == 0
