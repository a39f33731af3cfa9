"""The limit on open files: a shell's usual soft limit of 1,024 is made for programs that use select(2), and none does.

Envoy, where a request in flight holds two, raises its own (seen on 1.40); workers and shipper inherit ours.
"""

from __future__ import annotations

import resource
from collections.abc import Callable

ENOUGH = 1 << 20
"""More than Envoy's circuit breakers let in; some systems' hard limit is a thousand times that."""


def attainable(soft: int, hard: int) -> int:
    """The soft limit to take: never a lower one, and no higher than is of use."""
    if soft == resource.RLIM_INFINITY or soft >= ENOUGH:
        return soft
    return ENOUGH if hard == resource.RLIM_INFINITY else min(hard, ENOUGH)


def raise_limit(say: Callable[[str], None]) -> None:
    """Raise this process's soft limit, which children inherit. `say` hears of it, and of a refusal."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = attainable(soft, hard)
    if wanted == soft:
        return
    try:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
    except (OSError, ValueError) as error:  # a hard limit above a kernel's fs.nr_open that was lowered later
        say(f"open files: the limit stays {soft}: {error}")
    else:
        say(f"open files: limit raised from {soft} to {wanted}")
