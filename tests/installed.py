"""Real clients from npm and PyPI, for the full tests: installed once, kept between runs, never part of the checkout.

Versions are pinned: what a client sends changes from release to release, and a test that fails should say that the
gateway changed, not that a vendor did. Raise one by running its test.
"""

from __future__ import annotations

import fcntl
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path

_SECONDS = 600


def codex() -> Sequence[str]:
    """The command that runs Codex."""
    root = _npm("@openai/codex", "0.169.0")
    return ("node", str(root / "node_modules" / "@openai" / "codex" / "bin" / "codex.js"))


def claude_code() -> Sequence[str]:
    """The command that runs Claude Code: its launcher for who lets packages run no scripts at installation."""
    root = _npm("@anthropic-ai/claude-code", "2.1.331")
    return ("node", str(root / "node_modules" / "@anthropic-ai" / "claude-code" / "cli-wrapper.cjs"))


def continue_cli() -> Sequence[str]:
    """The command that runs Continue's CLI, which shares its core with the extensions; the last that there will be."""
    root = _npm("@continuedev/cli", "1.5.47")
    return ("node", str(root / "node_modules" / "@continuedev" / "cli" / "dist" / "cn.js"))


def aider() -> Sequence[str]:
    """The command that runs Aider, which pins all that it needs itself."""
    return (str(_pypi("aider-chat", "0.86.2") / "bin" / "aider"),)


def litellm() -> Sequence[str]:
    """The command that runs LiteLLM's proxy, for the benchmarks."""
    return (str(_pypi("litellm[proxy]", "1.108.7") / "bin" / "litellm"),)


def portkey() -> Sequence[str]:
    """The command that runs Portkey's gateway, for the benchmarks."""
    root = _npm("@portkey-ai/gateway", "1.15.2")
    return ("node", str(root / "node_modules" / "@portkey-ai" / "gateway" / "build" / "start-server.js"))


def _npm(package: str, version: str) -> Path:
    npm = shutil.which("npm")
    assert npm, f"npm is needed to install {package}: apt-get install npm"
    flags = ("--no-audit", "--no-fund", "--ignore-scripts")
    return _kept(package, version, lambda root: [[npm, "install", *flags, "--prefix", root, f"{package}@{version}"]])


def _pypi(package: str, version: str) -> Path:
    return _kept(
        package,
        version,
        lambda root: [
            [sys.executable, "-m", "venv", root],
            [f"{root}/bin/python", "-m", "pip", "install", "--quiet", f"{package}=={version}"],
        ],
    )


def _kept(package: str, version: str, commands: Callable[[str], Sequence[Sequence[str]]]) -> Path:
    """Where a package is installed; a `done` file says that it is there as a whole."""
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "keeptrusts-extproc" / "clients"
    root = cache / f"{package.removeprefix('@').replace('/', '-')}-{version}"
    cache.mkdir(parents=True, exist_ok=True)
    with (cache / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # another run of the tests may be at it
        if not (root / "done").exists():
            shutil.rmtree(root, ignore_errors=True)
            for command in commands(str(root)):
                _run(f"{package} {version}", command)
            (root / "done").touch()
    return root


def _run(what: str, command: Sequence[str]) -> None:
    with tempfile.TemporaryDirectory() as elsewhere:  # no package.json or .npmrc of a checkout has a say
        done = subprocess.run(
            command,
            cwd=elsewhere,
            capture_output=True,
            text=True,
            timeout=_SECONDS,
            check=False,
            stdin=subprocess.DEVNULL,
        )
    assert done.returncode == 0, f"{what} cannot be installed: {' '.join(command)}: {done.stderr[-500:]}"
