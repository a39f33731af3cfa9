"""How many cores this process may use: a container sees all of its host's, whatever its limit is."""

from __future__ import annotations

import math
import os
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

_CPU_MAX = Path("/sys/fs/cgroup/cpu.max")
"""`QUOTA PERIOD` or `max PERIOD`, in microseconds (kernel, admin-guide/cgroup-v2); a container finds its own there."""


MOST_WORKERS = 64


class Share(NamedTuple):
    """How many of each there are."""

    workers: int
    envoy_threads: int


def share() -> Share:
    """Of this machine's cores."""
    return shared(cores())


def shared(present: int) -> Share:
    """Half and half: a chat takes Envoy about as long as it takes a worker (docs/performance.md). The odd core is the
    workers', and each side has one in any case.
    """
    threads = max(1, present // 2)
    return Share(min(MOST_WORKERS, max(1, present - threads)), threads)


def cores() -> int:
    """At least 1."""
    said = ""
    with suppress(OSError):  # version 1 of cgroups, or none
        said = _CPU_MAX.read_text()
    return allowed(len(os.sched_getaffinity(0)), said)


def allowed(present: int, cpu_max: str) -> int:
    """The cores that are there, or the quota where that is less; part of a core counts as one."""
    quota, _, period = cpu_max.strip().partition(" ")
    if quota.isdigit() and period.isdigit() and int(period):
        present = min(present, math.ceil(int(quota) / int(period)))
    return max(1, present)
