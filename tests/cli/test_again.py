"""A command line that was understood before is answered without being parsed, and only where it means the same."""

import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from kvprep import receipt, sources
from kvprep.cli import again

_SETTLED = 3_000_000_000


@pytest.fixture
def line(run, stocked: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """A command line that a receipt answers, and that was parsed before."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setattr(receipt, "_SETTLED_NS", -_SETTLED)
    monkeypatch.setattr(sources, "RACY_NS", -_SETTLED)
    monkeypatch.chdir(stocked.parent)
    arguments = ["ingest", stocked.name, "--config", str(tmp_path / "settings.toml")]
    (tmp_path / "settings.toml").write_text("")
    monkeypatch.setattr("sys.argv", ["kvprep", *arguments])
    for _ in range(5):  # files made anew are read, then found unchanged, then a receipt counts
        if again.answer(arguments):
            return arguments
        assert run(*arguments).exit_code == 0
    raise AssertionError("never answered")


def test_the_answer_is_that_of_the_ordinary_way(run, line: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert again.answer(line)
    assert capsys.readouterr().out.splitlines()[0] == run(*line).stdout.splitlines()[0]


def test_the_answer_is_logged(
    run, line: list[str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    with_log = [*line, "--log-json"]
    monkeypatch.setattr("sys.argv", ["kvprep", *with_log])
    run(*with_log)
    assert again.answer(with_log)
    said = json.loads(capsys.readouterr().err)
    assert (said["command"], said["outcome"], said["documents"]) == ("ingest", "unchanged", 2)


def test_another_line_is_parsed(line: list[str]) -> None:
    for other in ([], ["ls"], line[:2], [*line, "--json"], [*line, "--prune-missing"], [*line, "--ttl", "9d"]):
        assert not again.answer(other)


def test_a_name_is_that_of_the_folder_it_was_typed_in(line: list[str], tmp_path: Path, stocked: Path) -> None:
    shutil.copytree(stocked, tmp_path / "elsewhere" / stocked.name)
    os.chdir(tmp_path / "elsewhere")
    assert not again.answer(line)


def _edit_settings(line: list[str]) -> None:
    Path(line[-1]).write_text("[ingest]\nrefuse_hidden = true\n")


def _edit_source(line: list[str]) -> None:
    (Path(line[1]) / "lease.txt").write_text("The lease of Mill Court runs for six years.\n")


def _add_source(line: list[str]) -> None:
    (Path(line[1]) / "new.txt").write_text("A new one.\n")


def _move_away(line: list[str]) -> None:
    Path(line[1]).rename("away")


@pytest.mark.parametrize("change", [_edit_settings, _edit_source, _add_source, _move_away])
def test_what_changed_is_seen(line: list[str], change: Callable[[list[str]], None]) -> None:
    change(line)
    assert not again.answer(line)


@pytest.mark.parametrize("name", ["KVPREP_STORE", "KVPREP_MODEL", "KVPREP_NAMESPACE", "KVPREP_KEY_FILE", "HF_HOME"])
def test_another_environment_means_something_else(line: list[str], monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    monkeypatch.setenv(name, "other")
    assert not again.answer(line)


def test_a_store_that_is_gone_is_for_the_ordinary_way_to_tell(line: list[str], store: Path) -> None:
    store.rename(store.with_name("away"))
    assert not again.answer(line)


def test_what_others_could_have_written_does_not_count(line: list[str], tmp_path: Path) -> None:
    (tmp_path / "cache" / "kvprep" / "receipts").chmod(0o777)
    assert not again.answer(line)


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"paths": 7}', '{"paths": [1], "include": 3}', "[" * 9000])
def test_rubbish_in_its_place_does_not_count(line: list[str], tmp_path: Path, text: str) -> None:
    for kept in (tmp_path / "cache" / "kvprep" / "receipts").iterdir():
        kept.write_text(text)
    assert not again.answer(line)
