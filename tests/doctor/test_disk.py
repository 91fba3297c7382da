"""Which file system holds a path: the deepest mount above it, the last of several at one place."""

from pathlib import Path

import pytest

from kvprep.doctor.check import Result
from kvprep.doctor.disk import check_file_system, check_space, file_system

MOUNTS = """\
22 1 259:1 / / rw,relatime shared:1 - ext4 /dev/root rw
30 22 0:40 / /mnt/share rw - nfs4 server:/export rw
31 22 0:41 / /mnt/share\\040two rw - fuse.sshfs me@there: rw
32 22 0:42 / /mnt/again rw - ext4 /dev/sdb1 rw
33 32 0:43 / /mnt/again rw - tmpfs tmpfs rw
"""


@pytest.fixture
def mounts(tmp_path: Path) -> Path:
    path = tmp_path / "mountinfo"
    path.write_text(MOUNTS)
    return path


@pytest.mark.parametrize(
    ("path", "kind"),
    [
        ("/home/ann/store", "ext4"),
        ("/mnt/share/store", "nfs4"),
        ("/mnt/shared", "ext4"),
        ("/mnt/share two/store", "fuse.sshfs"),
        ("/mnt/again", "tmpfs"),
    ],
)
def test_the_deepest_mount_above_a_path_holds_it(mounts: Path, path: str, kind: str) -> None:
    assert file_system(Path(path), mounts) == kind


def test_where_the_kernel_tells_nothing_nothing_is_claimed(tmp_path: Path) -> None:
    assert file_system(tmp_path, tmp_path / "nothing") is None


@pytest.mark.parametrize("kind", ["nfs", "nfs4", "cifs", "smb3", "fuse.sshfs", "ceph", "tmpfs"])
def test_networks_and_memory_are_noted(tmp_path: Path, kind: str) -> None:
    (tmp_path / "mountinfo").write_text(f"22 1 259:1 / / rw,relatime - {kind} somewhere rw\n")
    (check,) = check_file_system(Path("/store"), tmp_path / "mountinfo")
    assert check.result is Result.NOTE
    assert check.mend


def test_the_space_is_that_of_the_nearest_folder_that_is_there(tmp_path: Path) -> None:
    (check,) = check_space(tmp_path / "not" / "yet", 1)
    assert check.result is Result.OK
    (check,) = check_space(tmp_path / "not" / "yet", 1 << 60)
    assert check.result is Result.PROBLEM
