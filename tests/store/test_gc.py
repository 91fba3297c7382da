import fcntl
from collections.abc import Iterator
from pathlib import Path

import pytest
from store_makers import COST, SHAPE, Meanwhile, Memory, load, put, put_branch, tokens, write_stretch

from kvprep.errors import StoreLocked
from kvprep.hashing import content_hash
from kvprep.store.gc import Collected, collect
from kvprep.store.layout import unlink_left_behind, write_durably
from kvprep.store.lock import exclusive
from kvprep.store.namespace import Namespace
from kvprep.store.store import Store
from kvprep.store.verify import verify


def files(store: Store) -> dict[Path, bytes]:
    kinds = ("keys", "namespaces", "entries", "documents", "segments")
    found = {path: path.read_bytes() for kind in kinds for path in store.layout.all_files(kind)}
    return found | {path: path.read_bytes() for path in (store.path / "tmp").iterdir()}


def test_a_store_without_garbage_loses_nothing(ns: Namespace, store: Store) -> None:
    put_branch(ns, put(ns), "other")
    before = files(store)
    size = sum(len(data) for path, data in before.items() if path.suffix not in (".kvk", ".kvn"))
    kept = Collected(kept_bytes=size, kept_tokens=200 + 72, kept_prefill_s=2 * COST.seconds)
    assert collect(store, dry_run=False, now=0) == kept
    assert files(store) == before


def test_segments_go_when_the_last_entry_that_needs_them_goes(ns: Namespace, store: Store) -> None:
    trunk = put(ns)
    branch = put_branch(ns, trunk, "other")
    ns.remove([trunk.ident])
    collected = collect(store, dry_run=False, now=0)
    assert (collected.segments, collected.resealed) == (0, 1)
    assert load(ns, branch.ident) == branch.memory.first(200)
    ns.remove([branch.ident])
    assert collect(store, dry_run=False, now=0).segments == 2
    assert list(store.layout.all_files("segments")) == []


def test_expired_entries_go_with_their_segments(ns: Namespace, store: Store) -> None:
    expired, alive = put(ns, "expired", expires_at=100.0), put(ns, "alive", seed=1, expires_at=101.0)
    collected = collect(store, dry_run=False, now=100.0)
    assert (collected.entries, collected.segments) == (1, 1)
    assert load(ns, expired.ident) is None
    assert load(ns, alive.ident) == alive.memory.first(200)
    assert verify(store).findings == ()


def test_leftovers_and_orphans_go(ns: Namespace, store: Store) -> None:
    write_stretch(ns, tokens(200), Memory(SHAPE, 200, seed=1), SHAPE)
    (store.path / "tmp" / "left").write_bytes(b"12345")
    before = sum(map(len, files(store).values()))
    collected = collect(store, dry_run=False, now=0)
    assert (collected.segments, collected.temporary) == (1, 1)
    assert collected.num_bytes == before - sum(map(len, files(store).values()))


def test_a_dry_run_says_the_same_and_does_nothing(ns: Namespace, store: Store) -> None:
    put(ns, expires_at=1.0)
    put(ns, "other", seed=1)
    write_stretch(ns, tokens(200), Memory(SHAPE, 200, seed=1), SHAPE)
    (store.path / "tmp" / "left").touch()
    before = files(store)
    said = collect(store, dry_run=True, now=2.0)
    assert files(store) == before
    assert collect(store, dry_run=False, now=2.0) == said


def test_an_entry_put_back_after_its_removal_goes(ns: Namespace, store: Store) -> None:
    made = put(ns)
    path = store.layout.file("entries", made.ident)
    copy = path.read_bytes()
    ns.remove([made.ident])
    path.write_bytes(copy)
    assert collect(store, dry_run=False, now=0).entries == 1
    assert not path.exists()


@pytest.mark.parametrize("where", [3, 40, 70, 300])
def test_no_segment_goes_while_an_entry_does_not_open(ns: Namespace, store: Store, where: int) -> None:
    """Its damage may be mended from a backup, and then it needs its segments."""
    made = put(ns)
    put(ns, "expired", seed=1, expires_at=1.0)
    path = store.layout.file("entries", made.ident)
    whole = bytearray(path.read_bytes())
    whole[where] ^= 1
    path.write_bytes(whole)
    segments = list(store.layout.all_files("segments"))
    collected = collect(store, dry_run=False, now=2.0)
    assert (collected.segments, collected.entries) == (0, 1)
    assert collected.unreadable == (store.layout.relative(path),)
    assert list(store.layout.all_files("segments")) == segments


def test_texts_without_source_and_entry_are_kept_and_counted(ns: Namespace, store: Store) -> None:
    made = put(ns)
    ns.put_document(made.document.without_source("/x/a.txt"))
    assert collect(store, dry_run=False, now=0).documents == 0
    ns.remove([made.ident])
    assert collect(store, dry_run=False, now=0).documents == 1
    assert ns.document(content_hash("hello")) is not None


def test_what_a_running_ingest_has_written_stays_until_it_has_ended(ns: Namespace, store: Store) -> None:
    with ns.lease():
        write_stretch(ns, tokens(200), Memory(SHAPE, 200, seed=1), SHAPE)
        assert collect(store, dry_run=False, now=0) == collect(store, dry_run=True, now=0)
        assert len(list(store.layout.all_files("segments"))) == 1
    assert collect(store, dry_run=True, now=0).segments == 1
    assert collect(store, dry_run=False, now=0).segments == 1


def test_what_a_running_ingest_relies_on_stays_when_its_entry_goes(ns: Namespace, store: Store) -> None:
    made = put(ns)
    with ns.lease():
        ns.pin(made.entry)
        ns.remove([made.ident])
        assert collect(store, dry_run=False, now=0).segments == 0
        again = ns.put(made.document, made.entry)
    assert load(ns, again) == made.memory.first(200)
    assert collect(store, dry_run=False, now=0).segments == 0


def test_what_is_pinned_while_gc_looks_stays_also_when_its_ingest_has_ended(
    store: Store, ns: Namespace, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = put(ns)
    ns.remove([made.ident])

    def put_again() -> None:
        with ns.lease():
            ns.pin(made.entry)
            ns.put(made.document, made.entry)

    Meanwhile(store, monkeypatch, put_again)
    assert collect(store, dry_run=False, now=0).segments == 0
    assert load(ns, made.ident) == made.memory.first(200)


def test_an_entry_that_is_renewed_while_gc_looks_stays(
    store: Store, ns: Namespace, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = put(ns, expires_at=1.0)
    Meanwhile(store, monkeypatch, lambda: void(put(ns, expires_at=9.0)))
    assert collect(store, dry_run=False, now=2.0).entries == 0
    assert load(ns, made.ident) == made.memory.first(200)


def void(_: object) -> None:
    """For lambdas that are to give nothing."""


def test_half_a_pin_spoils_none_after_it(ns: Namespace, store: Store) -> None:
    with (store.path / "locks" / f"{ns.ident.hex()}.pins").open("wb") as file:
        file.write(b"torn")
    with ns.lease():
        write_stretch(ns, tokens(200), Memory(SHAPE, 200, seed=1), SHAPE)
        assert collect(store, dry_run=False, now=0).segments == 0


def test_a_write_under_way_is_no_leftover(ns: Namespace, store: Store) -> None:
    looked: list[int] = []

    def parts() -> Iterator[bytes]:
        yield b"half"
        looked.append(collect(store, dry_run=False, now=0).temporary)
        yield b"whole"

    write_durably(store.layout, store.path / "note", parts())
    assert looked == [0]
    assert (store.path / "note").read_bytes() == b"halfwhole"
    assert collect(store, dry_run=False, now=0).temporary == 0


def test_two_do_not_run_at_once(ns: Namespace, store: Store) -> None:
    with exclusive(store.path / "locks" / "gc.lock"):
        with pytest.raises(StoreLocked):
            collect(store, dry_run=False, now=0)
        assert collect(store, dry_run=True, now=0).segments == 0


def test_a_file_that_is_taken_for_a_leftover_before_it_is_locked_is_made_anew(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    flock = fcntl.flock
    taken: list[Path] = []

    def late(file: int, how: int) -> None:
        if not taken:
            taken.extend(path for path in (store.path / "tmp").iterdir())
            assert [unlink_left_behind(path) for path in list(taken)] == [True]
        flock(file, how)

    monkeypatch.setattr("kvprep.store.layout.fcntl.flock", late)
    write_durably(store.layout, store.path / "note", [b"whole"])
    assert (store.path / "note").read_bytes() == b"whole"
    assert len(taken) == 1 and list((store.path / "tmp").iterdir()) == []
