"""A receipt ends an ingest early only where the ordinary way would find nothing new either."""

import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from kvprep import receipt, sources

_SETTLED = 3_000_000_000


@pytest.fixture
def settled(run, stocked: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder whose documents are stored, at a time when nothing was written in the last seconds."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setattr(receipt, "_SETTLED_NS", -_SETTLED)
    monkeypatch.setattr(sources, "RACY_NS", -_SETTLED)
    assert run("ingest", stocked).exit_code == 0  # its files have been made anew since they were stored
    return stocked


@pytest.fixture
def is_fast(run, monkeypatch: pytest.MonkeyPatch) -> Callable[..., bool]:
    """Run an ingest; tell whether a receipt ended it."""
    answers: list[int | None] = []

    def noted(*arguments: object) -> int | None:
        answers.append(receipt.num_unchanged(*arguments))  # type: ignore[arg-type]
        return answers[-1]

    monkeypatch.setattr("kvprep.cli.ingest.num_unchanged", noted)

    def ingest(*arguments: object) -> bool:
        answers.clear()
        assert run("ingest", *arguments).exit_code == 0
        return bool(answers and answers[-1])

    return ingest


@pytest.fixture
def folder(settled: Path, is_fast) -> Path:
    """A folder of which there is a receipt."""
    assert not is_fast(settled)
    assert is_fast(settled)
    return settled


def test_the_summary_of_a_receipt_is_that_of_the_ordinary_way(run, settled: Path) -> None:
    ordinary, fast = run("ingest", settled), run("ingest", settled)
    assert ordinary.exit_code == fast.exit_code == 0
    assert ordinary.stdout.splitlines()[0] == fast.stdout.splitlines()[0]
    assert "2 found, 2 unchanged" in fast.stdout


def test_what_was_written_just_now_gets_no_receipt(stocked: Path, is_fast, tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    assert not is_fast(stocked)
    assert not is_fast(stocked)
    assert not list((tmp_path / "cache").rglob("receipts/*"))


def _edit(folder: Path) -> None:
    (folder / "lease.txt").write_text("The lease of Mill Court runs for six years.\n")


def _swap_behind_the_times(folder: Path) -> None:
    file = folder / "lease.txt"
    before = file.stat()
    file.write_bytes(file.read_bytes()[::-1])
    os.utime(file, ns=(before.st_atime_ns, before.st_mtime_ns))


SOURCES: dict[str, Callable[[Path], object]] = {
    "edited": _edit,
    "edited, with its old time": _swap_behind_the_times,
    "touched": lambda folder: os.utime(folder / "lease.txt", (1, 1)),
    "new": lambda folder: (folder / "new.txt").write_text("A new one.\n"),
    "deleted": lambda folder: (folder / "lease.txt").unlink(),
    "renamed": lambda folder: (folder / "lease.txt").rename(folder / "other.txt"),
    "replaced by a dangling link": lambda folder: [
        (folder / "lease.txt").unlink(),
        (folder / "lease.txt").symlink_to("nowhere"),
    ],
}


@pytest.mark.parametrize("change", SOURCES.values(), ids=SOURCES)
def test_a_source_that_changed_ends_a_receipt(folder: Path, is_fast, change: Callable[[Path], object]) -> None:
    change(folder)
    assert not is_fast(folder)


def _unlink(kind: str) -> Callable[[Path], None]:
    return lambda store: next((store / kind).rglob("*.kv*")).unlink()


def _rewrite(kind: str) -> Callable[[Path], None]:
    def rewrite(store: Path) -> None:
        file = next((store / kind).rglob("*.kv*"))
        shutil.copy(file, store / "tmp" / "copy")
        os.replace(store / "tmp" / "copy", file)

    return rewrite


STORES: dict[str, Callable[[Path], None]] = {
    "entry gone": _unlink("entries"),
    "document gone": _unlink("documents"),
    "segment gone": _unlink("segments"),
    "entry rewritten": _rewrite("entries"),
    "state of the namespace rewritten": _rewrite("namespaces"),
    "slot rewritten": _rewrite("keys"),
}


@pytest.mark.parametrize("change", STORES.values(), ids=STORES)
def test_a_store_that_changed_ends_a_receipt(
    folder: Path, store: Path, is_fast, change: Callable[[Path], None]
) -> None:
    change(store)
    assert not is_fast(folder)


def test_invalidated_documents_are_stored_again(folder: Path, run, is_fast) -> None:
    assert run("invalidate", "--all").exit_code == 0
    assert not is_fast(folder)


@pytest.mark.parametrize(
    "flags", [("--ttl", "12h"), ("--exclude", "none*"), ("--refuse-hidden",), ("--dtype", "float16"), ("--json",)]
)
def test_another_call_has_no_receipt(folder: Path, is_fast, flags: tuple[str, ...]) -> None:
    assert not is_fast(folder, *flags)


def test_pruning_never_uses_a_receipt(folder: Path, is_fast) -> None:
    assert not is_fast("--prune-missing", folder)
    assert not is_fast("--prune-missing", folder)


def test_edited_settings_end_a_receipt(folder: Path, store: Path, is_fast) -> None:
    (store / "kvprep.toml").write_text('[ttl]\ndefault = "12h"\n')
    assert not is_fast(folder)


def test_a_changed_file_of_the_model_ends_a_receipt(
    settled: Path, is_fast, model: Path, tmp_path: Path, monkeypatch
) -> None:
    copy = shutil.copytree(model, tmp_path / "copied")
    monkeypatch.setenv("KVPREP_MODEL", str(copy))
    assert not is_fast(settled)
    assert not is_fast(settled)
    assert is_fast(settled)
    os.utime(copy / "config.json", (1, 1))
    assert not is_fast(settled)


def test_an_installed_library_ends_a_receipt(folder: Path, is_fast, tmp_path: Path, monkeypatch) -> None:
    installed = tmp_path / "site-packages"
    installed.mkdir()
    monkeypatch.setattr(sys, "path", [*sys.path, str(installed)])
    assert not is_fast(folder)
    assert is_fast(folder)
    (installed / "lxml-99.dist-info").mkdir()
    assert not is_fast(folder)


def _look(folder: Path, store: Path) -> receipt.Look:
    seen = receipt.look(receipt.Call((folder,), (), (), "", (), store, store.parent / "key"))
    assert seen is not None
    return seen


def test_a_receipt_ends_with_the_first_entry_that_expires(settled: Path, store: Path) -> None:
    seen = _look(settled, store)
    assert receipt.write_receipt(seen, 2, seen.began_ns / 1e9 + 60, [])
    assert receipt.num_unchanged(seen, lambda: seen.began_ns / 1e9 + 59) == 2
    assert receipt.num_unchanged(seen, lambda: seen.began_ns / 1e9 + 61) is None
    assert receipt.num_unchanged(seen, lambda: seen.began_ns / 1e9 - 1) is None, "the clock was set back"


def test_without_the_key_no_receipt_can_be_made_or_altered(folder: Path, is_fast, tmp_path: Path) -> None:
    (file,) = (tmp_path / "cache" / "kvprep" / "receipts").iterdir()
    facts = json.loads(file.read_text())
    for altered in (
        {**facts, "body": facts["body"].replace('"unchanged": 2', '"unchanged": 3')},
        {**facts, "mac": "0" * 64},
        {**facts, "mac": "\u00e9"},
        {**facts, "body": "[" * 9000},
        [],
    ):
        file.write_text(json.dumps(altered))
        assert not is_fast(folder)
        assert is_fast(folder), "the ordinary way has written it anew"


def test_another_key_file_has_no_receipt_and_a_lost_one_is_exit_12(folder: Path, run, tmp_path: Path) -> None:
    key = tmp_path / "key"
    key.rename(tmp_path / "away")
    assert run("ingest", folder).exit_code == 12
    text = (tmp_path / "away").read_text()
    key.write_text(text.replace("KVPREP-KEY-1 ", "KVPREP-KEY-1 0"))
    key.chmod(0o600)
    assert run("ingest", folder).exit_code == 12


def test_a_receipt_of_another_store_does_not_count(folder: Path, store: Path, is_fast, monkeypatch) -> None:
    shutil.copytree(store, store.with_name("copy"))
    monkeypatch.setenv("KVPREP_STORE", str(store.with_name("copy")))
    assert not is_fast(folder)


def test_a_receipt_names_no_source_and_no_store(folder: Path, store: Path, tmp_path: Path) -> None:
    (file,) = (tmp_path / "cache" / "kvprep" / "receipts").iterdir()
    told = file.read_text() + file.name
    assert str(folder) not in told
    assert str(store) not in told
    assert "lease" not in told


def test_only_the_newest_receipts_are_kept(settled: Path, store: Path, monkeypatch, tmp_path: Path) -> None:
    monkeypatch.setattr(receipt, "_MOST_RECEIPTS", 3)
    for number in range(5):
        call = receipt.Call((settled,), (), (), str(number), (), store, store.parent / "key")
        seen = receipt.look(call)
        assert seen is not None and receipt.write_receipt(seen, 1, None, [])
    assert len(list((tmp_path / "cache" / "kvprep" / "receipts").iterdir())) == 3


_WATCHED = """
import sys
opened = []
sys.addaudithook(lambda event, given: opened.append(str(given[0])) if event in ("open", "sqlite3.connect") else None)
from kvprep.cli.main import main
try:
    main()
finally:
    inside = sorted({name for name in opened if name.startswith((sys.argv[2], sys.argv[4]))})
    heavy = {"torch", "transformers", "numpy", "cryptography", "sqlite3", "rich", "typer"} & set(sys.modules)
    print(inside, sorted(heavy), file=sys.stderr)
"""


def test_a_receipt_opens_neither_index_nor_entries_nor_sources_and_imports_no_heavy_library(
    run, stocked: Path, store: Path, tmp_path: Path, monkeypatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    time.sleep(2.1)  # what was written just now is read again
    run("ingest", stocked)
    time.sleep(2.1)  # and what was stored just now gets no receipt

    def watched() -> str:
        command = [sys.executable, "-c", _WATCHED, "ingest", str(stocked), "--store", str(store)]
        return subprocess.run(command, capture_output=True, text=True, check=True).stderr.strip()

    assert "index.sqlite" in watched()
    settings, stamp, facts = (str(store / name) for name in ("kvprep.toml", "locks/unchanged", "store.toml"))
    assert watched() == f"{[settings, stamp, facts]} ['typer']"
    assert watched() == f"{[facts]} []", "the same line is not even parsed"


def test_where_something_is_deferred_there_is_no_receipt_before_it_is_computed(run, settled: Path, is_fast) -> None:
    new = settled / "new.txt"
    new.write_text("A third document, which nobody has asked about so far. " * 4)
    assert not any(is_fast("--worth", 1, settled) for _ in range(3))
    assert run("ask", "--max-new-tokens", 4, new, "What of it?").exit_code == 0
    assert not is_fast("--worth", 1, settled)
    assert is_fast("--worth", 1, settled)


def test_the_receipt_of_an_ingest_of_everything_is_none_of_one_that_defers(folder: Path, is_fast) -> None:
    assert not is_fast("--worth", 1, folder)
    assert is_fast("--worth", 1, folder)


def test_an_ingest_that_ends_at_a_receipt_counts_as_a_success_in_the_report(
    run, json_of, folder: Path, is_fast, store: Path
) -> None:
    stamp = store / "locks" / "unchanged"
    os.utime(stamp, (4e9, 4e9))
    assert json_of("stats")["last_success"] == "2096-10-02T07:06:40Z"
    assert is_fast(folder)
    assert abs(stamp.stat().st_mtime - time.time()) < 3600
    assert is_fast(folder)  # what it touches is nothing that the receipt covers
    assert run("verify").exit_code == 0
