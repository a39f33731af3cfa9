"""What the doctor says of the state directory and the disk under it."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from extproc.gateway.doctor import state
from extproc.gateway.supervisor import lock_state

MOUNTS = r"""
22 1 8:1 / / rw,relatime shared:1 - ext4 /dev/sda1 rw
23 22 0:21 / /srv rw,relatime shared:2 master:1 - nfs4 files:/srv rw,vers=4.2
24 23 8:2 / /srv/local rw - xfs /dev/sdb1 rw
25 22 0:30 / /mnt/with\040space rw - cifs //files/share rw
26 22 0:31 / /over rw - ext4 /dev/sdc1 rw
27 26 0:32 / /over rw - tmpfs none rw
nonsense
"""


@pytest.mark.parametrize(("mode", "status"), [(0o700, "ok"), (0o755, "warn"), (0o770, "fail"), (0o777, "fail")])
def test_the_directory_is_for_the_owner_alone(tmp_path: Path, mode: int, status: str) -> None:
    path = tmp_path / "state"
    path.mkdir()
    path.chmod(mode)
    found = state.directory(path)
    assert found.status == status
    assert found.next == ("" if status == "ok" else f"chmod 700 {path}")
    assert list(path.iterdir()) == []


def test_a_directory_that_is_not_there_is_not_made(tmp_path: Path) -> None:
    path = tmp_path / "deep" / "state"
    assert state.directory(path).message == f"{path} will be made"
    assert not path.parent.exists()


def test_a_directory_that_cannot_be_written_fails(tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.touch()
    for path in (Path("/proc/keeptrusts"), file, file / "state"):
        found = state.directory(path)
        assert found.status == "fail" and "cannot be written" in found.message


def test_a_directory_too_deep_for_a_socket_fails(tmp_path: Path) -> None:
    found = state.directory(tmp_path / ("deep" * 30))
    assert found.status == "fail" and "107 bytes" in found.message


@pytest.mark.parametrize(
    ("path", "status", "kind"),
    [
        ("/var/lib/keeptrusts", "ok", "ext4"),
        ("/srv/keeptrusts", "fail", "nfs4"),
        ("/srv", "fail", "nfs4"),
        ("/srvx", "ok", "ext4"),
        ("/srv/local/keeptrusts", "ok", "xfs"),
        ("/mnt/with space/keeptrusts", "fail", "cifs"),
        ("/over/keeptrusts", "warn", "tmpfs"),
    ],
)
def test_the_disk_is_local_and_outlives_a_restart(path: str, status: str, kind: str) -> None:
    found = state.mounted(path, MOUNTS)
    assert found.status == status and f"({kind})" in found.message


def test_memory_is_no_place_for_keys() -> None:
    mounts = Path("/proc/self/mountinfo").read_text()
    if "/dev/shm" not in mounts:
        pytest.skip("no filesystem in memory is mounted here")
    assert state.disk(Path("/dev/shm/keeptrusts"), mounts).status == "warn"


def test_a_filesystem_without_room_fails(tmp_path: Path) -> None:
    assert state.space(tmp_path).message.endswith("free") or state.space(tmp_path).next
    found = state.space(Path("/proc"))
    assert (found.status, found.message) == ("fail", "0 MiB are free for /proc")


def test_a_gateway_that_runs_there_is_no_fault(tmp_path: Path) -> None:
    assert state.in_use(tmp_path / "absent").message == "no gateway runs here"
    lock = lock_state(tmp_path)
    found = state.in_use(tmp_path)
    assert (found.status, found.message) == ("ok", f"a gateway or processor runs on {tmp_path}")
    os.close(lock)
    assert state.in_use(tmp_path).message == "no gateway runs here"
    os.close(lock_state(tmp_path))  # the doctor holds nothing


def test_a_lock_that_cannot_be_read_is_a_warning(tmp_path: Path) -> None:
    (tmp_path / "gateway.lock").symlink_to("gateway.lock")
    assert state.in_use(tmp_path).status == "warn"
