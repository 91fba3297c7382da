import os
import stat
from pathlib import Path

import pytest

from kvprep.filewrite import write_beside


def test_what_is_written_has_its_mode_whatever_the_umask(tmp_path: Path) -> None:
    before = os.umask(0o077)
    try:
        write_beside(tmp_path / "file", "text", mode=0o644)
    finally:
        os.umask(before)
    assert stat.S_IMODE((tmp_path / "file").stat().st_mode) == 0o644


def test_a_reader_that_has_the_file_open_keeps_the_former_content(tmp_path: Path) -> None:
    path = tmp_path / "file"
    write_beside(path, "former")
    with open(path, encoding="utf-8") as reader:
        write_beside(path, "new")
        assert reader.read() == "former"
    assert path.read_text() == "new"
    assert os.listdir(tmp_path) == ["file"]


def test_a_write_that_fails_leaves_nothing_behind(tmp_path: Path) -> None:
    (tmp_path / "file").mkdir()
    with pytest.raises(OSError):
        write_beside(tmp_path / "file", "text")
    assert os.listdir(tmp_path) == ["file"]


def test_a_link_is_replaced_and_what_it_names_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "other").write_text("other")
    (tmp_path / "file").symlink_to(tmp_path / "other")
    write_beside(tmp_path / "file", "text")
    assert (tmp_path / "other").read_text() == "other"
    assert not (tmp_path / "file").is_symlink()
