import time
from dataclasses import replace
from pathlib import Path

import pytest

from kvprep.store.events import Event, EventKind
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


def grown_old(store: Path, key: Path, days: float) -> None:
    """Let all entries, and the figures, be so many days old."""
    with Store.open(store, key_file=key) as opened:
        namespace, at = opened.namespace("default"), time.time() - days * 86_400
        for _, entry in list(namespace.all_entries()):
            document = namespace.document(entry.document)
            namespace.put(document, replace(entry, created_at=at))
        opened.usage.record(Event(EventKind.WRITE, namespace=namespace.ident.hex(), result="stored"), at=at)


def test_what_is_idle_for_longer_than_pays_is_evicted_and_told(
    run, json_of, stocked: Path, store: Path, tmp_path: Path
) -> None:
    grown_old(store, tmp_path / "key", days=20)
    assert json_of("gc", "--dry-run", "--price", "storage_gb_month=1e-9")["evictions"] == []
    dear = ("--price", "storage_gb_month=1e9")
    assert json_of("gc", "--dry-run", "--no-idle", *dear)["evictions"] == []
    planned = json_of("gc", "--dry-run", *dear)
    assert planned["evicted"] == {"idle": 2, "limit": 0}
    assert segments(store) == 2
    said = run("gc", "--dry-run", *dear).stdout
    assert "2 entries would be evicted: 2 idle for longer than pays" in said
    assert "20.0 days" in said and "lease" in said
    done = json_of("gc", *dear)
    assert {fact["title"] for fact in done["evictions"]} == {fact["title"] for fact in planned["evictions"]}
    for fact in done["evictions"]:
        assert (fact["reason"], fact["reads"]) == ("idle", 0)
        assert fact["net"] < 0 and fact["bytes"] > 0 and fact["tokens"] > 0
        assert 20 * 86_400 <= fact["idle_seconds"] < 20.1 * 86_400
    assert segments(store) == 0
    assert run("verify").exit_code == 0


def test_over_a_limit_what_nobody_asked_for_goes_and_money_is_told(run, json_of, stocked: Path, store: Path) -> None:
    assert run("ask", "--require-hit", stocked / "lease.txt", "Who?", "--max-new-tokens", 1).exit_code == 0
    kept = json_of("gc", "--dry-run")["kept_bytes"]
    prices = ("--price", "storage_gb_month=1000000", "--price", "device_hour=3600")
    facts = json_of("gc", "--max-bytes", kept - 1, *prices)
    assert facts["max_bytes"] == kept - 1
    title = (stocked / "invoice.txt").read_text().strip()
    assert [(fact["title"], fact["reason"]) for fact in facts["evictions"]] == [(title, "limit")]
    money = facts["money"]
    assert money["rent_month"]["kept"] == pytest.approx(facts["kept_bytes"] / 1000)
    assert money["rent_month"]["freed"] == pytest.approx(facts["bytes"] / 1000)
    assert money["recompute"]["freed"] == pytest.approx(facts["evictions"][0]["prefill_seconds"])
    assert money["recompute"]["kept"] > 0
    assert run("ask", "--require-hit", stocked / "lease.txt", "Who?", "--max-new-tokens", 1).exit_code == 0
    (asked,) = [row for row in json_of("audit show")["records"] if row["verb"] == "evict"]
    assert asked["outcome"] == "limit"


def test_what_was_evicted_is_computed_again_only_when_it_is_asked_for(run, json_of, stocked: Path, store: Path) -> None:
    run("gc", "--max-bytes", 1)
    assert segments(store) == 0
    again = json_of("ingest", "--jobs", 1, stocked)
    assert (again["documents"]["deferred"], again["tokens"]["computed"]) == (2, 0)
    assert run("ask", "--require-hit", stocked / "lease.txt", "Who?", "--max-new-tokens", 1).exit_code != 0
    again = json_of("ingest", "--jobs", 1, stocked)
    assert (again["documents"]["deferred"], again["documents"]["ingested"]) == (1, 1)
    assert run("ask", "--require-hit", stocked / "lease.txt", "Who?", "--max-new-tokens", 1).exit_code == 0


def test_what_cannot_be_made_to_fit_is_said(run, stocked: Path) -> None:
    said = run("gc", "--max-bytes", "1")
    assert said.exit_code == 0
    assert "more than the limit" in said.stderr


def test_limit_and_idleness_can_be_set(run, json_of, stocked: Path, store: Path, tmp_path: Path) -> None:
    grown_old(store, tmp_path / "key", days=20)
    settings = store / "kvprep.toml"
    settings.write_text("[gc]\nidle = false\n[prices]\nstorage_gb_month = 1e9\n")
    assert json_of("gc", "--dry-run")["evictions"] == []
    assert json_of("gc", "--dry-run", "--idle")["evicted"] == {"idle": 2, "limit": 0}
    settings.write_text('[gc]\nidle = false\nmax_bytes = "1kB"\n')
    facts = json_of("gc", "--dry-run")
    assert (facts["max_bytes"], facts["evicted"]) == (1000, {"idle": 0, "limit": 2})


def test_without_figures_nothing_is_evicted(run, json_of, stocked: Path, store: Path, tmp_path: Path) -> None:
    (store / "usage.sqlite").write_bytes(b"no database" * 1000)
    result = run("gc", "--max-bytes", "1")
    assert result.exit_code == 0
    assert "nothing is evicted" in result.stderr
    assert segments(store) == 2
