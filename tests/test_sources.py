"""A source is recognised by its times where they can be trusted, and by its bytes where not."""

import os
from dataclasses import replace
from pathlib import Path

import pytest

from kvprep import sources
from kvprep.errors import UnreadableDocument
from kvprep.hashing import source_digest
from kvprep.sources import exists, is_racy, is_unchanged, locate, read_source


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "lease.txt"
    path.write_bytes(b"The yearly rent is 58,140 pounds.")
    return path


def _aged(path: Path) -> sources.SourceState:
    """The state of a source that was read long after it was written."""
    state = read_source(path).state
    return replace(state, read_at_ns=max(state.mtime_ns, state.ctime_ns) + sources.RACY_NS)


def test_a_source_is_read_whole_with_its_state(path: Path) -> None:
    source, facts = read_source(path), path.stat()
    assert source.data == path.read_bytes()
    assert source.state.digest == source_digest(source.data)
    assert (source.state.size_bytes, source.state.mtime_ns) == (facts.st_size, facts.st_mtime_ns)
    assert (source.state.ctime_ns, source.state.inode) == (facts.st_ctime_ns, facts.st_ino)


def test_what_was_written_just_before_it_was_read_proves_nothing_by_its_times(path: Path) -> None:
    assert is_racy(read_source(path).state)
    assert not is_racy(_aged(path))


def test_a_racy_source_whose_bytes_changed_behind_its_times_is_changed(path: Path) -> None:
    state = read_source(path).state
    path.write_bytes(b"The yearly rent is 58,141 pounds.")
    facts = path.stat()
    same_times = replace(state, mtime_ns=facts.st_mtime_ns, ctime_ns=facts.st_ctime_ns, read_at_ns=facts.st_ctime_ns)
    assert not is_unchanged(path, same_times)


def test_times_that_can_be_trusted_spare_the_reading(path: Path) -> None:
    state = replace(_aged(path), digest=b"of something else")
    assert is_unchanged(path, state), "it was read although its times tell"
    os.utime(path)
    assert not is_unchanged(path, state), "it was not read although its times do not tell"


def test_touched_moved_or_copied_and_equal_is_unchanged(path: Path) -> None:
    state = _aged(path)
    os.utime(path, (1, 1))
    assert is_unchanged(path, state)
    copy = path.with_name("copy.txt")
    copy.write_bytes(path.read_bytes())
    assert is_unchanged(copy, state)


def test_edited_gone_or_no_file_is_changed(path: Path) -> None:
    state = _aged(path)
    path.write_bytes(b"The yearly rent is 58,141 pounds.")
    assert not is_unchanged(path, state)
    path.unlink()
    assert not is_unchanged(path, state)
    path.mkdir()
    assert not is_unchanged(path, state)


def test_a_pipe_and_a_folder_are_refused_and_do_not_block(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(UnreadableDocument, match="no regular file"):
        read_source(tmp_path / "pipe")
    with pytest.raises((UnreadableDocument, IsADirectoryError)):
        read_source(tmp_path)


def test_a_file_over_the_limit_is_refused_before_it_is_read(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sources, "MAX_SOURCE_BYTES", 10)
    with pytest.raises(UnreadableDocument, match="more than 10"):
        read_source(path)


def test_a_file_that_is_written_to_while_it_is_read_is_refused(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real = sources.time.time_ns

    def meanwhile() -> int:
        with path.open("ab") as file:
            file.write(b"!")
        return real()

    monkeypatch.setattr(sources.time, "time_ns", meanwhile)
    with pytest.raises(UnreadableDocument, match="written to"):
        read_source(path)


def test_a_file_inside_a_file_is_found_and_is_as_old_as_the_file(path: Path) -> None:
    state = _aged(path)
    inside = path / "forwarded.eml" / "invoice.pdf"
    assert locate(path) == (path, "")
    assert locate(inside) == (path, "forwarded.eml/invoice.pdf")
    assert exists(path) and exists(inside)
    assert is_unchanged(inside, state)
    assert locate(path / ("n" * 5000)) == (path, "n" * 5000), "longer than any path may be"
    path.write_bytes(b"The yearly rent is 58,141 pounds.")
    assert not is_unchanged(inside, state)
    path.unlink()
    assert not is_unchanged(inside, state)
    assert not exists(path) and not exists(inside)


def test_a_folder_in_place_of_the_file_is_no_such_source(path: Path) -> None:
    state = _aged(path)
    path.unlink()
    path.mkdir()
    (path / "invoice.pdf").write_bytes(b"a file of its own")
    assert locate(path / "invoice.pdf") == (path / "invoice.pdf", "")
    assert not is_unchanged(path / "invoice.pdf", state)
    assert not exists(path / "other.pdf")


def test_a_name_that_can_be_no_path_does_not_exist() -> None:
    assert not exists(Path("a\0b"))
