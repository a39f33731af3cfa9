"""`python -m extproc.gateway.leash PARENT -- COMMAND …`: becomes COMMAND, which dies when PARENT does, even by kill -9.

A process of its own instead of `preexec_fn`, which is unsafe in a parent with threads. PR_SET_PDEATHSIG survives
exec; a parent that died before it was set is found by comparing its process id.
"""

from __future__ import annotations

import ctypes
import os
import signal
import sys

PR_SET_PDEATHSIG = 1


def main() -> None:
    """Tie ourselves to the parent, then become the command."""
    parent, _, *command = sys.argv[1:]
    if ctypes.CDLL(None, use_errno=True).prctl(PR_SET_PDEATHSIG, signal.SIGKILL) != 0:
        sys.exit(f"prctl: {os.strerror(ctypes.get_errno())}")
    if os.getppid() != int(parent):
        sys.exit("the supervisor is gone")
    os.execvp(command[0], command)  # noqa: S606  # becoming another program is what this one is for


if __name__ == "__main__":
    main()
