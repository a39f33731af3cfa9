"""Builds the package; with KEEPTRUSTS_COMPILE=1 what every request passes through is compiled by mypyc (decision 0013).

The rest stays as it is: the policies, whose settings the loader reads from their annotations, which compiled classes
lose, and whatever no request waits for.
"""

from __future__ import annotations

import os
from pathlib import Path

from setuptools import setup

REQUEST_PATH = (
    "extproc/model.py",
    "extproc/wire.py",
    "extproc/chain.py",
    "extproc/transport/alarm.py",
    "extproc/transport/driver.py",
    "extproc/transport/http2",
    "extproc/session",
    "extproc/guard",
    "extproc/dialects",
    "extproc/detect",
    "extproc/cache",
    "extproc/routing",
    "extproc/identity/directory.py",
    "extproc/identity/keys.py",
    "extproc/audit/spool.py",
    "extproc/keeper/client.py",
    "extproc/keeper/protocol.py",
    "extproc/keeper/recent.py",
    "extproc/keeper/service.py",
)
"""Modules and packages, in the order of the data."""

NOT = frozenset({"extproc/dialects/coding.py", "extproc/dialects/inflate.py"})
"""Their work is done in C as it is."""


def sources() -> list[str]:
    """Every file of the request path."""
    files = [
        file for entry in map(Path, REQUEST_PATH) for file in (entry.rglob("*.py") if entry.is_dir() else (entry,))
    ]
    return sorted({str(file) for file in files} - NOT)


def extensions() -> list[object]:
    """What has to be compiled: nothing, unless that is asked for."""
    if os.environ.get("KEEPTRUSTS_COMPILE") != "1":
        return []
    from mypyc.build import mypycify

    return list(mypycify(["--config-file=", "--ignore-missing-imports", *sources()], opt_level="2"))


setup(ext_modules=extensions())
