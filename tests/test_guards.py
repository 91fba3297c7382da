import os
import pwd
import socket
import subprocess
import sys
from pathlib import Path

import pytest

REAL_HOME = Path(pwd.getpwuid(os.getuid()).pw_dir)


def test_another_machine_cannot_be_reached() -> None:
    with socket.socket() as sock, pytest.raises(RuntimeError, match="network: 192.0.2.1"):
        sock.connect(("192.0.2.1", 80))


def test_a_name_is_not_even_looked_up() -> None:
    with pytest.raises(RuntimeError, match="network: example.com"):
        socket.create_connection(("example.com", 80))


def test_this_machine_can_be_reached() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        socket.create_connection(server.getsockname()).close()


def test_the_real_home_folder_cannot_be_written_to() -> None:
    with pytest.raises(RuntimeError, match="home folder"):
        (REAL_HOME / "kvprep-guard").write_text("")
    with pytest.raises(RuntimeError, match="home folder"):
        (REAL_HOME / "kvprep-guard").mkdir()


def test_home_is_a_temporary_folder_also_for_child_processes(tmp_path: Path) -> None:
    script = "from pathlib import Path; print(Path.home())"
    home = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True).stdout.strip()
    assert Path(home) != REAL_HOME
    assert Path(home).is_relative_to(tmp_path.parent)


def test_no_setting_of_the_caller_is_seen() -> None:
    assert not [name for name in os.environ if name.startswith("KVPREP_") and name != "KVPREP_TEST_CACHE"]
