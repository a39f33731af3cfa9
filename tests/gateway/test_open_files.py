"""Children must be able to hold many streams, whatever the shell that started the gateway allows by default."""

from __future__ import annotations

import resource
import subprocess
import sys

import pytest

from extproc.gateway.open_files import ENOUGH, attainable

ENDLESS = resource.RLIM_INFINITY


@pytest.mark.parametrize(
    ("soft", "hard", "taken"),
    [
        (1024, 4096, 4096),
        (4096, 4096, 4096),
        (1024, ENDLESS, ENOUGH),
        (1024, 1 << 30, ENOUGH),
        (1 << 30, 1 << 30, 1 << 30),
        (ENDLESS, ENDLESS, ENDLESS),
    ],
)
def test_the_soft_limit_goes_as_far_as_it_may_and_never_down(soft: int, hard: int, taken: int) -> None:
    assert attainable(soft, hard) == taken


def raised(limits: str) -> list[str]:
    """What is said in a process with these limits, and the soft limit of its child afterwards."""
    code = "from extproc.gateway.open_files import raise_limit; import os; raise_limit(lambda line: print(line, flush=True)); os.system('ulimit -Sn')"
    line = f'{limits}; exec "$0" -c "$1"'
    done = subprocess.run(["sh", "-c", line, sys.executable, code], capture_output=True, text=True, check=True)
    return done.stdout.splitlines()


def test_a_child_inherits_the_raised_limit_and_the_operator_hears_of_it() -> None:
    assert raised("ulimit -Sn 600; ulimit -Hn 3000") == ["open files: limit raised from 600 to 3000", "3000"]


def test_a_limit_that_is_high_enough_is_not_talked_about() -> None:
    assert raised("ulimit -n 3000") == ["3000"]
