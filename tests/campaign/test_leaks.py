"""Row 15: no word of a document, no token and no plain keys and values lie anywhere but in memory."""

import os
import re
import tempfile
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

import pytest
from kills import killed_after
from store_makers import SHAPE, Memory, Put, load, put, put_branch
from typer.testing import CliRunner

from kvprep.cli.app import app
from kvprep.store.entry import tokens_to_bytes
from kvprep.store.gc import collect
from kvprep.store.namespace import Namespace
from kvprep.store.repair import drop_damaged
from kvprep.store.store import Store
from kvprep.store.verify import verify

RUN_BYTES = 16
FIRST = "Mietvertrag Quastenflosser: the Zinnoberrot building is let to Xylophonbau for 87654 pounds a year.\n"
SECOND = "Mietvertrag Quastenflosser: the Zinnoberrot building is let to Dudelsackwerk for 76543 pounds a year.\n"
OTHER = "Gutachten ueber Blaubeerwald, verfasst von Krummhorn; Wert 65432 pounds.\n"
WORD = re.compile(r"[A-Za-z]{7,}|\d{5,}")
COMMON = {"building", "pounds"}


def words(*texts: str) -> list[bytes]:
    """What to look for: each word as UTF-8 in three cases, as UTF-16, and in hex."""
    found = {word for text in texts for word in WORD.findall(text)} - COMMON
    spelt = {case for word in found for case in (word, word.lower(), word.upper())}
    return sorted(
        {form for word in spelt for form in (word.encode(), word.encode("utf-16-le"), word.encode().hex().encode())}
    )


def windows(*runs: bytes) -> set[bytes]:
    """Every stretch of 16 bytes of plain keys, values or token ids; stretches of one byte repeated tell nothing."""
    every = {run[at : at + RUN_BYTES] for run in runs for at in range(len(run) - RUN_BYTES + 1)}
    return {window for window in every if len(set(window)) > 4}


def files_below(*folders: Path) -> Iterator[Path]:
    for folder in folders:
        yield from (path for path in sorted(folder.rglob("*")) if path.is_file() and not path.is_symlink())


def leaks(paths: Iterable[Path], sought: list[bytes], runs: set[bytes]) -> tuple[int, int, list[str]]:
    """Look through files, and their names; return how many files and bytes, and what was found where."""
    num_files, num_bytes, found = 0, 0, []
    for path in paths:
        data = os.fsencode(path) + b"\0" + path.read_bytes()
        num_files, num_bytes = num_files + 1, num_bytes + len(data)
        found += [f"{path}: {word!r}" for word in sought if word in data]
        if any(data[at : at + RUN_BYTES] in runs for at in range(len(data) - RUN_BYTES + 1)):
            found.append(f"{path}: keys, values or tokens")
    return num_files, num_bytes, found


def runs_of(made: Put) -> set[bytes]:
    return windows(*made.memory.first(made.entry.num_tokens), tokens_to_bytes(made.entry.token_ids))


def live_through(store: Store, ns: Namespace, seed: int) -> None:
    """Put, share, supersede, invalidate, clean, damage and repair."""
    trunk = put(ns, FIRST, seed=seed, path="/x/a.txt")
    branch = put_branch(ns, trunk, OTHER)
    newer = put(ns, SECOND, seed=seed + 1, path="/x/a.txt")
    ns.remove([trunk.ident])
    collect(store, dry_run=False, now=0.0)
    assert load(ns, branch.ident) == branch.memory.first(200)
    store.layout.file("entries", newer.ident).write_bytes(b"damaged")
    drop_damaged(store, verify(store).findings)
    collect(store, dry_run=False, now=0.0)


def test_the_search_finds_what_is_there(tmp_path: Path) -> None:
    memory = Memory(SHAPE, 64, seed=1)
    (tmp_path / "a").write_bytes(b"x" * 7 + memory.first(64)[0][5:21])
    (tmp_path / "b").write_text(SECOND.lower())
    (tmp_path / "c").write_bytes("Quastenflosser".encode("utf-16-le"))
    found = leaks(files_below(tmp_path), words(SECOND), windows(*memory.first(64)))[2]
    assert {line.split(":")[0] for line in found} == {str(tmp_path / name) for name in "abc"}


def test_nothing_is_left_in_any_file_after_any_operation_or_kill(
    tmp_path: Path, whole: bool, figures: Callable[..., None]
) -> None:
    path = tmp_path / "store"
    with Store.create(path) as store:
        expected = [runs_of(put(store.namespace("default"), "any", seed=seed)) for seed in range(2)]
        trunk = put(store.namespace("default"), "trunk", seed=0)
        expected.append(runs_of(put_branch(store.namespace("default"), trunk, "branch")))
        sought, runs = words(FIRST, SECOND, OTHER), set().union(*expected)

    def life(begin: Callable[[], None]) -> None:
        with Store.open(path) as store:
            ns = store.namespace("default")
            begin()
            live_through(store, ns, 0)

    kills = num_files = num_bytes = 0
    steps = 0
    while killed_after(steps, life):
        kills, steps = kills + 1, steps + (1 if whole else 9)
        files, size, found = leaks(files_below(tmp_path, Path(os.environ["HOME"])), sought, runs)
        assert found == []
        num_files, num_bytes = num_files + files, num_bytes + size
    files, size, found = leaks(files_below(tmp_path, Path(os.environ["HOME"])), sought, runs)
    assert found == [] and kills > 3
    figures("15", "library", kills=kills, files=num_files + files, bytes=num_bytes + size, found=0)


@pytest.mark.slow
def test_nothing_is_left_in_files_output_and_logs_of_commands(
    tmp_path: Path,
    tmp_path_factory: pytest.TempPathFactory,
    roomy_model: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    figures: Callable[..., None],
) -> None:
    docs, store = tmp_path_factory.mktemp("docs"), tmp_path / "store"
    places = {"KVPREP_STORE": store, "KVPREP_MODEL": roomy_model, "XDG_CACHE_HOME": tmp_path / "cache"}
    for name, value in {**places, "KVPREP_DEVICE": "cpu", "TMPDIR": tmp_path / "temporary"}.items():
        monkeypatch.setenv(name, str(value))
    (tmp_path / "temporary").mkdir()
    monkeypatch.setattr(tempfile, "tempdir", None)
    (docs / "a.txt").write_text(FIRST * 3)
    (docs / "b.txt").write_text(OTHER * 3)
    caplog.set_level("DEBUG")
    said = [command("ingest", "--verbose", docs)]
    runs, texts = stored(store), words(FIRST, OTHER, SECOND)
    (docs / "a.txt").write_text(SECOND * 3)
    said.append(command("ingest", "--verbose", docs))
    said.append(command("ingest", "--verbose", docs))
    runs |= stored(store)
    damaged = next((store / "segments").rglob("*.kvs"))
    damaged.write_bytes(damaged.read_bytes()[:-1])
    said.append(command("verify", "--repair", "--verbose"))
    said.append(command("invalidate", "--source", docs / "b.txt", "--verbose"))
    said.append(command("gc", "--verbose"))
    output = "\n".join([*said, caplog.text]).encode()
    assert [word for word in texts if word in output] == []
    files, size, found = leaks(files_below(tmp_path, Path(os.environ["HOME"])), texts, runs)
    assert found == [] and len(runs) > 1000
    figures("15", "commands, their output and logs", files=files, bytes=size + len(output), found=0)


def command(*arguments: object) -> str:
    result = CliRunner().invoke(app, [str(argument) for argument in arguments])
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    assert result.exit_code == 0, result.output
    return result.output


def stored(path: Path) -> set[bytes]:
    """The plain keys and values, and the tokens, of all that a store holds."""
    runs: list[bytes] = []
    with Store.open(path) as store:
        ns = store.namespace("default")
        for ident, entry in ns.all_entries():
            runs += [*(load(ns, ident) or ()), tokens_to_bytes(entry.token_ids)]
    return windows(*runs)
