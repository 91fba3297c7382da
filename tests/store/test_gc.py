from pathlib import Path

import pytest
from store_makers import SHAPE, Memory, load, put, put_branch, tokens, write_stretch

from kvprep.errors import StoreLocked
from kvprep.hashing import content_hash
from kvprep.store.gc import Collected, collect
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
    assert collect(store, dry_run=False, now=0) == Collected()
    assert files(store) == before


def test_segments_go_when_the_last_entry_that_needs_them_goes(ns: Namespace, store: Store) -> None:
    trunk = put(ns)
    branch = put_branch(ns, trunk, "other")
    ns.remove([trunk.ident])
    assert collect(store, dry_run=False, now=0).segments == 0
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


def test_an_ingest_that_runs_is_not_disturbed(ns: Namespace, store: Store) -> None:
    other = store.namespace("other", create=True)
    write_stretch(ns, tokens(200), Memory(SHAPE, 200, seed=1), SHAPE)
    with other.lease(), pytest.raises(StoreLocked):
        collect(store, dry_run=False, now=0)
    assert len(list(store.layout.all_files("segments"))) == 1
    with ns.lease(wait_seconds=0):  # nothing is held after a refusal
        pass
