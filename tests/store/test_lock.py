import subprocess
import sys
from pathlib import Path

import pytest

from kvprep.errors import StoreLocked
from kvprep.store.lock import exclusive

HOLDER = """
import sys
from pathlib import Path
from kvprep.store.lock import exclusive
with exclusive(Path(sys.argv[1])):
    print("held", flush=True)
    sys.stdin.read()
"""


def hold(path: Path) -> subprocess.Popen[str]:
    child = subprocess.Popen(
        [sys.executable, "-c", HOLDER, str(path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert child.stdout is not None
    assert child.stdout.readline() == "held\n"
    return child


def test_a_lock_is_one_holders_and_names_him(tmp_path: Path) -> None:
    path = tmp_path / "lock"
    with hold(path) as child:
        with pytest.raises(StoreLocked, match=f"process {child.pid} "), exclusive(path, wait_seconds=0):
            pass
        child.communicate("")
    with exclusive(path, wait_seconds=0):
        pass


def test_a_killed_holder_frees_the_lock(tmp_path: Path) -> None:
    path = tmp_path / "lock"
    with hold(path) as child:
        child.kill()
        child.wait()
        with exclusive(path, wait_seconds=0):
            pass


def test_whoever_waits_gets_the_lock_when_its_holder_dies(tmp_path: Path) -> None:
    path = tmp_path / "lock"
    with hold(path) as child:
        child.kill()
        with exclusive(path):
            pass
        child.wait()


def test_waiting_ends_when_the_time_is_over(tmp_path: Path) -> None:
    path = tmp_path / "lock"
    with exclusive(path), pytest.raises(StoreLocked), exclusive(path, wait_seconds=0.01):
        pass


def test_an_error_inside_frees_the_lock(tmp_path: Path) -> None:
    path = tmp_path / "lock"
    with pytest.raises(RuntimeError), exclusive(path):
        raise RuntimeError
    with exclusive(path, wait_seconds=0):
        pass
