from pathlib import Path

from kvprep.store.lock import exclusive
from kvprep.store.store import Store


def segments(store: Path) -> int:
    return len(list((store / "segments").glob("??/*.kvs")))


def test_what_no_entry_needs_is_removed(run, json_of, stocked: Path, store: Path) -> None:
    run("invalidate", "--source", stocked / "lease.txt")
    planned = json_of("gc", "--dry-run")
    assert planned["segments"] == 1 and planned["bytes"] > 0
    assert segments(store) == 2
    assert json_of("gc") == planned | {"dry_run": False}
    assert segments(store) == 1
    assert run("verify").exit_code == 0


def test_nothing_is_removed_where_everything_is_needed(run, store: Path, stocked: Path) -> None:
    assert run("gc").exit_code == 0
    assert segments(store) == 2
    assert run("ask", "--require-hit", stocked / "lease.txt", "Who?", "--max-new-tokens", 1).exit_code == 0


def test_it_runs_beside_an_ingest_and_not_beside_another_gc(run, stocked: Path, store: Path, tmp_path: Path) -> None:
    with Store.open(store, key_file=tmp_path / "key") as opened, opened.namespace("default").lease():
        assert run("gc").exit_code == 0
    with exclusive(store / "locks" / "gc.lock"):
        assert run("gc").exit_code == 75


def test_what_a_removed_document_shares_is_sealed_anew(run, json_of, stocked: Path, store: Path) -> None:
    for name in ("one", "two"):  # one after the other: the second refers to the first part of what the first stored
        (stocked / f"{name}.txt").write_text("The same beginning, word for word. " * 8 + f"This is {name}.")
        assert run("ingest", stocked).exit_code == 0
    run("invalidate", "--source", stocked / "one.txt")
    awaiting = json_of("stats")["storage"]["awaiting_shred"]
    assert awaiting["segments"] == 1 and awaiting["bytes"] > 0
    assert "awaiting shred" in run("stats").stdout
    planned = json_of("gc", "--dry-run")
    assert (planned["resealed"], planned["awaiting_shred"]) == (1, 0)
    assert json_of("gc") == planned | {"dry_run": False}
    assert run("verify").exit_code == 0
    assert run("ask", "--require-hit", stocked / "two.txt", "Who?", "--max-new-tokens", 1).exit_code == 0
    assert "sealed anew" in run("gc").stdout
    assert json_of("stats")["storage"]["awaiting_shred"] == {"segments": 0, "bytes": 0}


def test_while_an_entry_does_not_open_segments_stay_and_it_is_said(run, json_of, stocked: Path, store: Path) -> None:
    damaged = min((store / "entries").glob("??/*.kve"))
    damaged.write_bytes(damaged.read_bytes()[:-1] + b"?")
    assert damaged.relative_to(store).as_posix() in json_of("gc")["unreadable"]
    assert segments(store) == 2
    assert "no segment was removed" in run("gc").stderr
