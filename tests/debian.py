"""Programs of Debian's packages for tests: fetched by apt-get and unpacked beside the virtual environment.

Nothing is installed and no root is needed, and a test whose program can be had so never skips.
"""

from __future__ import annotations

import fcntl
import os
import shutil
import subprocess
import sys
from pathlib import Path

CACHE = Path(sys.prefix) / "debian"


def unpacked(*packages: str) -> Path:
    """A directory that holds these packages' files, made at the first use. The first package names it."""
    CACHE.mkdir(exist_ok=True)
    with (CACHE / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        target = CACHE / packages[0]
        if not target.exists():
            draft = CACHE / f".{packages[0]}"
            shutil.rmtree(draft, ignore_errors=True)
            draft.mkdir()
            _download(draft, packages)
            for each in draft.glob("*.deb"):
                subprocess.run(["dpkg", "-x", each, draft], check=True)
                each.unlink()
            draft.rename(target)
    return target


def environ(root: Path) -> dict[str, str]:
    """In which an unpacked program finds its libraries."""
    folders = {str(path.parent) for path in root.rglob("*.so*")}
    return {**os.environ, "LD_LIBRARY_PATH": ":".join(sorted(folders))}


def _download(where: Path, packages: tuple[str, ...]) -> None:
    """With the machine's own lists, and with new ones where it has none or they are too old."""
    try:
        _apt("download", *packages, where=where)
    except subprocess.CalledProcessError:
        lists = CACHE / "lists"
        (lists / "partial").mkdir(parents=True, exist_ok=True)
        ours = ("-o", f"Dir::State::Lists={lists}", "-o", "Debug::NoLocking=1")
        _apt(*ours, "update", where=where)
        _apt(*ours, "download", *packages, where=where)


def _apt(*words: str, where: Path) -> None:
    command = ["apt-get", "-qq", "-o", "APT::Sandbox::User=", "-o", "Dir::Cache::pkgcache=", *words]
    subprocess.run(command, cwd=where, check=True, timeout=300)
