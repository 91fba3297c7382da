"""`kvprep doctor` finds what is wrong, names its mend, and never ends in a traceback."""

import fcntl
import json
import os
import shutil
import sqlite3
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from kvprep.store import remembered

Checks = dict[str, dict[str, Any]]


@pytest.fixture
def examined(run, validated) -> Callable[..., Checks]:
    """Run doctor; give its checks by name, the worst of each name, and hold its exit code against them."""

    def checks(*arguments: object) -> Checks:
        result = run("doctor", "--json", *arguments)
        facts = validated("doctor", result.stdout)
        problems = [check for check in facts["checks"] if check["result"] == "problem"]
        expected = 4 if any(check["integrity"] for check in problems) else 1 if problems else 0
        assert (result.exit_code, facts["ok"]) == (expected, not problems)
        assert all(check["mend"] for check in problems), "each problem has its mend"
        return {check["check"]: check for check in sorted(facts["checks"], key=lambda c: c["result"])}

    return checks


def results(checks: Checks, *names: str) -> list[str]:
    return [checks[name]["result"] for name in names]


def test_a_sound_store_has_no_problem_and_the_table_says_where_the_key_lies(
    run, examined, stocked: Path, tmp_path: Path
) -> None:
    checks = examined()
    named = ("store", "permissions", "key", "index", "figures", "leftovers", "locks", "opening")
    assert results(checks, *named) == ["ok"] * 8
    assert results(checks, "namespaces", "audit log", "clock", "model", "device", "versions") == ["ok"] * 6
    assert "as its 2 newest entries" in checks["model"]["message"]
    shown = run("doctor")
    assert shown.exit_code == 0
    assert str(tmp_path / "key") in shown.stdout
    assert shown.stdout.splitlines()[-1].startswith("well: 0 problems")


def test_a_machine_without_a_store_is_looked_at_all_the_same(examined, store: Path) -> None:
    checks = examined()
    assert checks["store"]["result"] == "note"
    assert checks["store"]["mend"] == f"kvprep init --store {store}"
    assert results(checks, "versions", "space", "model") == ["ok"] * 3
    assert not store.exists()


def test_a_store_that_has_vanished_is_a_problem(examined, stocked: Path, store: Path) -> None:
    shutil.rmtree(store)
    assert "has vanished" in examined()["store"]["message"]


@pytest.mark.parametrize("text", ["", "format = 1", "\0", "format = 1\nid = 7\n", "x" * 100])
def test_a_broken_store_toml_is_damage(examined, stocked: Path, store: Path, text: str) -> None:
    (store / "store.toml").write_text(text)
    assert examined()["store"]["integrity"]


def test_a_later_format_is_a_problem(examined, stocked: Path, store: Path) -> None:
    text = (store / "store.toml").read_text()
    (store / "store.toml").write_text(text.replace("format = 1", "format = 99"))
    checks = examined()
    assert (checks["store"]["result"], checks["store"]["integrity"]) == ("problem", False)


def test_without_the_key_all_else_is_looked_at(examined, stocked: Path, tmp_path: Path) -> None:
    (tmp_path / "key").unlink()
    checks = examined()
    assert "nothing in it can be read" in checks["key"]["message"]
    assert results(checks, "opening", "index", "model") == ["problem", "ok", "ok"]


def test_a_damaged_and_a_wrong_key_are_told_apart(run, examined, stocked: Path, tmp_path: Path) -> None:
    run("init", "--store", tmp_path / "other", "--json")
    other = tmp_path / "other-key"
    (tmp_path / "key").rename(tmp_path / "right")
    run("init", "--store", tmp_path / "second")
    (tmp_path / "key").rename(other)
    shutil.copy(other, tmp_path / "key")
    assert results(examined(), "key", "opening") == ["ok", "problem"]
    (tmp_path / "key").write_text("KVPREP-KEY-1 spoilt\n")
    (tmp_path / "key").chmod(0o600)
    assert "damaged" in examined()["key"]["message"]


def test_a_store_that_has_lost_its_key_slots_is_damaged(examined, stocked: Path, store: Path) -> None:
    for path in (store / "keys").iterdir():
        path.unlink()
    checks = examined()
    assert (checks["ways in"]["integrity"], checks["opening"]["result"]) == (True, "problem")


STRANGE: dict[str, Callable[[Path], object]] = {
    "a file in its place": lambda store: (shutil.rmtree(store), store.write_text("x")),
    "a folder for store.toml": lambda store: ((store / "store.toml").unlink(), (store / "store.toml").mkdir()),
    "a folder for the index": lambda store: ((store / "index.sqlite").unlink(), (store / "index.sqlite").mkdir()),
    "a folder for the audit log": lambda store: ((store / "audit.sqlite").unlink(), (store / "audit.sqlite").mkdir()),
    "no locks": lambda store: shutil.rmtree(store / "locks"),
    "no namespaces": lambda store: shutil.rmtree(store / "namespaces"),
}


@pytest.mark.parametrize("what", STRANGE)
def test_whatever_stands_there_is_a_problem_with_a_mend(examined, stocked: Path, store: Path, what: str) -> None:
    STRANGE[what](store)
    assert any(check["result"] == "problem" for check in examined().values())


def test_strange_files_among_locks_and_leftovers_keep_nobody_waiting(examined, stocked: Path, store: Path) -> None:
    for folder, name in (("locks", "strange.lease"), ("tmp", "strange")):
        os.mkfifo(store / folder / name)
        os.symlink("loop", store / folder / "loop")
    (store / "locks" / "folder.lease").mkdir()
    assert results(examined(), "locks", "leftovers") == ["ok", "ok"]


def test_a_store_that_opens_with_a_passphrase_needs_no_key_file(
    run, examined, stocked: Path, tmp_path: Path, monkeypatch
) -> None:
    assert run("key", "add", "--passphrase", "--role", "admin", stdin="six random words for a test\n").exit_code == 0
    (tmp_path / "key").unlink()
    assert results(examined(), "key", "opening") == ["note", "problem"]
    (tmp_path / "words").write_text("six random words for a test\n")
    monkeypatch.setenv("KVPREP_PASSPHRASE_FILE", str(tmp_path / "words"))
    assert results(examined(), "key", "opening", "namespaces") == ["note", "ok", "ok"]


def test_who_else_can_read_the_key_or_write_to_the_store(examined, stocked: Path, store: Path, tmp_path: Path) -> None:
    (tmp_path / "key").chmod(0o644)
    store.chmod(0o777)
    checks = examined()
    assert results(checks, "key", "permissions") == ["problem", "problem"]
    assert checks["key"]["mend"] == f"chmod 600 {tmp_path / 'key'}"
    (tmp_path / "key").chmod(0o640)
    store.chmod(0o750)
    assert results(examined(), "key", "permissions") == ["note", "note"]


def test_a_key_on_the_stores_disk_guards_copies_only_and_inside_the_store_nothing(
    examined, stocked: Path, store: Path, tmp_path: Path, monkeypatch
) -> None:
    assert "not a stolen disk" in examined()["key's place"]["message"]
    shutil.move(tmp_path / "key", store / "locks" / "key")
    monkeypatch.setenv("KVPREP_KEY_FILE", str(store / "locks" / "key"))
    assert examined()["key's place"]["result"] == "problem"


def test_a_single_key_and_no_backup_are_said(run, examined, stocked: Path, tmp_path: Path) -> None:
    checks = examined()
    assert results(checks, "ways in", "backup") == ["note", "note"]
    assert run("key", "backup", tmp_path / "copy").exit_code == 0
    assert run("key", "add", "--file", tmp_path / "second").exit_code == 0
    assert results(examined(), "ways in", "backup") == ["ok", "ok"]


@pytest.mark.parametrize("damage", [b"", b"no database at all" * 100, None])
def test_a_damaged_index_is_named_and_left_as_it_is(examined, stocked: Path, store: Path, damage: bytes | None) -> None:
    index = store / "index.sqlite"
    data = index.read_bytes()
    spoilt = data[:100] + bytes(4000) + data[4100:] if damage is None else damage
    index.write_bytes(spoilt)
    check = examined()["index"]
    assert (check["integrity"], check["mend"]) == (True, "Run `kvprep verify --rebuild-index`.")
    assert index.read_bytes() == spoilt


def test_rows_and_files_that_do_not_match_are_a_note(examined, stocked: Path, store: Path) -> None:
    min((store / "entries").glob("??/*.kve")).unlink()
    with sqlite3.connect(store / "index.sqlite") as database:
        (kept,) = (path.stem for path in (store / "entries").glob("??/*.kve"))
        database.execute("DELETE FROM entries WHERE id = ?", (bytes.fromhex(kept),))
    assert examined()["index"]["message"] == "1 entries without a row, 1 rows without their entry"


def test_an_entry_that_does_not_open_is_damage(examined, stocked: Path, store: Path) -> None:
    path = min((store / "entries").glob("??/*.kve"))
    data = bytearray(path.read_bytes())
    data[-120] ^= 1
    path.write_bytes(data)
    assert "1 of the 2 newest entries do not open" in examined()["entries"]["message"]


def test_a_namespace_that_does_not_open_keeps_nothing_else_from_being_looked_at(
    run, examined, stocked: Path, store: Path
) -> None:
    run("namespace", "create", "other")
    path = max((store / "namespaces").iterdir(), key=lambda path: path.stat().st_mtime_ns)
    path.write_bytes(path.read_bytes()[:-1])
    checks = examined()
    assert checks["namespaces"]["integrity"]
    assert results(checks, "clock", "model", "audit log") == ["ok"] * 3


@pytest.mark.parametrize("spoil", [lambda data: b"no database" * 1000, lambda data: data[:8192] + bytes(4096)])
def test_damaged_figures_are_a_problem_and_left_as_they_are(run, examined, stocked: Path, store: Path, spoil) -> None:
    (store / "usage.sqlite").write_bytes(spoil((store / "usage.sqlite").read_bytes()))
    before = (store / "usage.sqlite").read_bytes()
    check = examined()["figures"]
    assert (check["result"], check["mend"].split()[0]) == ("problem", "mv")
    assert (store / "usage.sqlite").read_bytes() == before
    (store / "usage.sqlite").unlink()
    assert examined()["figures"]["message"] == "none yet"


def test_a_damaged_audit_log_is_a_problem(examined, stocked: Path, store: Path) -> None:
    (store / "audit.sqlite").write_bytes(b"no database at all" * 100)
    assert "audit.sqlite" in examined()["opening"]["message"]


def test_a_damaged_memory_of_stores_is_a_problem(examined, stocked: Path) -> None:
    remembered.memory_file().write_text("{")
    assert "stores.json" in examined()["opening"]["message"]


def test_another_model_means_misses_and_says_what_differs(examined, stocked: Path, monkeypatch) -> None:
    monkeypatch.setenv("KVPREP_DTYPE", "bfloat16")
    check = examined()["model"]
    assert check["result"] == "problem"
    assert "2 of the 2 newest entries were made otherwise (dtype): misses" in check["message"]


def test_a_model_or_device_that_is_not_there_is_a_problem(examined, stocked: Path, tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setenv("KVPREP_DEVICE", "cuda")
    assert "torch finds no such device here" in examined()["model"]["message"]
    monkeypatch.setenv("KVPREP_MODEL", str(tmp_path / "nowhere" / "model.gguf"))
    assert "no such folder or file" in examined()["model"]["message"]


def test_a_model_that_was_never_downloaded_is_not_downloaded_now(examined, store: Path, monkeypatch) -> None:
    monkeypatch.setenv("KVPREP_MODEL", "somebody/some-model")
    check = examined()["model"]
    assert (check["result"], check["mend"]) == ("note", "The first ingest downloads it.")


def test_records_from_the_future_mean_that_the_clock_went_back(examined, stocked: Path, store: Path) -> None:
    with sqlite3.connect(store / "audit.sqlite") as database:
        database.execute("UPDATE records SET at_us = ? WHERE seq = 1", (int((time.time() + 7200) * 1e6),))
    assert "it went back" in examined()["clock"]["message"]


def test_leftovers_of_a_killed_process_are_a_note(examined, stocked: Path, store: Path) -> None:
    (store / "tmp" / ("a" * 32)).write_bytes(bytes(1000))
    check = examined()["leftovers"]
    assert (check["result"], check["mend"]) == ("note", "Run `kvprep gc`.")


def test_a_lock_is_named_with_its_holder_and_a_long_held_one_is_a_note(examined, stocked: Path, store: Path) -> None:
    path = store / "locks" / f"{'a' * 64}.lease"
    with _held(path, f"{os.getpid()} since {time.strftime('%Y-%m-%dT%H:%M:%SZ', time.gmtime())}"):
        assert f"process {os.getpid()} is at work" in examined()["locks"]["message"]
    with _held(path, "77 since 2026-01-01T00:00:00Z"):
        check = examined()["locks"]
    assert (check["result"], check["mend"][:8]) == ("note", "ps -p 77")
    assert examined()["locks"]["message"] == "nobody holds one"


@contextmanager
def _held(path: Path, holder: str) -> Iterator[None]:
    path.write_text(holder)
    with path.open() as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def test_a_budget_that_the_disk_does_not_have_is_a_problem(examined, stocked: Path, store: Path) -> None:
    (store / "kvprep.toml").write_text('[ingest]\nmax_bytes = "999999TB"\n')
    assert examined()["space"]["result"] == "problem"


def test_it_changes_no_file_of_the_store_but_the_audit_log(examined, stocked: Path, store: Path) -> None:
    def files() -> dict[Path, bytes]:
        return {path: path.read_bytes() for path in store.rglob("*") if path.is_file() and "audit" not in path.name}

    before = files()
    examined()
    assert files() == before


@pytest.fixture
def put_back(run, stocked: Path, store: Path, tmp_path: Path) -> Path:
    """A copy of the store that was put back after something had been invalidated."""
    shutil.copytree(store, tmp_path / "copy")
    assert run("invalidate", "--all").exit_code == 0
    shutil.rmtree(store)
    (tmp_path / "copy").rename(store)
    return store


def test_an_older_copy_is_a_problem_until_it_is_accepted(
    run, examined, validated, put_back: Path, stocked: Path
) -> None:
    assert run("ls").exit_code == 4
    checks = examined()
    assert results(checks, "namespaces", "audit log") == ["problem", "problem"]
    assert "kvprep doctor --accept-restore" in checks["namespaces"]["mend"]
    assert examined()["audit log"]["integrity"], "looking makes nothing of it forgotten"
    result = run("doctor", "--accept-restore", "--yes", "--json")
    assert validated("doctor", result.stdout)["accepted"] == ["default"]
    assert "invalidated since may be used again" in result.stderr
    assert results(examined(), "namespaces", "audit log") == ["ok", "ok"]
    assert run("verify").exit_code == 0
    assert run("ask", "--require-hit", stocked / "lease.txt", "Who?", "--max-new-tokens", 1).exit_code == 0
    said = [json.loads(line) for line in run("audit", "show", "--json").stdout.splitlines()]
    assert "accept restore" in {record["verb"] for record in said[0]["records"]}


def test_nothing_is_accepted_unasked(run, put_back: Path) -> None:
    assert run("doctor", "--accept-restore").exit_code == 1
    assert run("ls").exit_code == 4


def test_where_nothing_is_older_there_is_nothing_to_accept(run, stocked: Path) -> None:
    result = run("doctor", "--accept-restore")
    assert (result.exit_code, "nothing to accept" in result.stdout) == (0, True)
