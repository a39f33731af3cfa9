"""The state directory: keys, audit trail and sockets live there."""

from __future__ import annotations

import fcntl
import os
import tempfile
from pathlib import Path

from extproc.gateway.address import TOO_LONG, fits
from extproc.gateway.doctor.check import Check

NETWORK = frozenset(
    {"nfs", "nfs4", "cifs", "smb3", "smbfs", "9p", "afs", "ceph", "glusterfs", "lustre", "beegfs", "gpfs", "orangefs"}
    | {"ncpfs", "ocfs2", "fuse.sshfs", "fuse.glusterfs", "fuse.s3fs", "fuse.gcsfuse", "fuse.rclone"}
)
"""Where locks and SQLite's write-ahead log cannot be trusted (sqlite.org/wal.html: all users on one machine)."""

VOLATILE = frozenset({"tmpfs", "ramfs"})
LITTLE = 1 << 30
TOO_LITTLE = 64 << 20
"""Bytes: a few segments of the audit's spool, without which no request is let through."""


def directory(path: Path) -> Check:
    """Whether it can be written and is private. One that is not there yet is judged by where it would be made."""
    name = "state directory"
    if not fits(path / "run" / "envoy-admin.sock"):
        return Check(name, "fail", f"{path}: {TOO_LONG}", "choose a shorter --state-dir")
    place = _existing(path)
    try:
        with tempfile.TemporaryFile(dir=place):
            mode = place.stat().st_mode & 0o777
    except OSError as error:
        return Check(name, "fail", f"{place} cannot be written: {error.strerror}", "choose another --state-dir")
    if place != path:
        return Check(name, "ok", f"{path} will be made")
    if mode & 0o022:
        return Check(name, "fail", f"others may write to {path} ({mode:04o})", f"chmod 700 {path}")
    if mode & 0o077:
        return Check(name, "warn", f"others may look into {path} ({mode:04o})", f"chmod 700 {path}")
    return Check(name, "ok", f"{path} is ours alone")


def disk(path: Path, mounts: str) -> Check:
    """Whether locks work there and it outlives a restart. `mounts` is the text of /proc/self/mountinfo."""
    return mounted(str(_existing(path).resolve()), mounts)


def mounted(path: str, mounts: str) -> Check:
    """The same of a path without links, whether it is there or not."""
    kind = _filesystem(path, mounts)
    if kind in NETWORK:
        return Check("disk", "fail", f"{path} is on a network filesystem ({kind})", "choose a local --state-dir")
    if kind in VOLATILE:
        return Check("disk", "warn", f"{path} is in memory ({kind}): keys go with a restart", "choose one on a disk")
    return Check("disk", "ok", f"local ({kind})")


def space(path: Path) -> Check:
    """Whether the audit trail has room; a gateway that cannot record lets nothing pass."""
    try:
        found = os.statvfs(_existing(path))
    except OSError as error:
        return Check("space", "fail", f"{path}: {error.strerror}", "choose another --state-dir")
    free = found.f_bavail * found.f_frsize
    message, step = f"{free >> 20} MiB are free for {path}", "make room, or choose another --state-dir"
    if free < TOO_LITTLE:
        return Check("space", "fail", message, step)
    if free < LITTLE:
        return Check("space", "warn", message, step)
    return Check("space", "ok", f"{free >> 30} GiB free")


def in_use(path: Path) -> Check:
    """Whether a gateway runs there: good to know, and no fault."""
    try:
        fd = os.open(path / "gateway.lock", os.O_RDONLY | os.O_CLOEXEC)
    except (FileNotFoundError, NotADirectoryError):
        return Check("in use", "ok", "no gateway runs here")
    except OSError as error:
        return Check("in use", "warn", f"cannot be told: {error.strerror}", f"look at {path / 'gateway.lock'}")
    try:
        fcntl.flock(fd, fcntl.LOCK_SH | fcntl.LOCK_NB)  # given back at once: a start at this very moment would fail
    except BlockingIOError:
        return Check("in use", "ok", f"a gateway or processor runs on {path}")
    finally:
        os.close(fd)
    return Check("in use", "ok", "no gateway runs here")


def _existing(path: Path) -> Path:
    """The directory itself, or the nearest one above it that is there."""
    return next((each for each in (path, *path.parents) if os.path.lexists(each)), Path("/"))


def _filesystem(path: str, mounts: str) -> str:
    """The type of the filesystem that holds a path; of mounts over one another the last one counts (proc(5))."""
    best, kind = "", "unknown"
    for line in mounts.splitlines():
        before, _, after = line.partition(" - ")
        fields = before.split()
        if len(fields) < 5 or not after:
            continue
        point = fields[4].replace("\\040", " ")
        if len(point) >= len(best) and (point in ("/", path) or path.startswith(f"{point}/")):
            best, kind = point, after.split()[0]
    return kind
