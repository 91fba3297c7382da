"""An older copy of a store that was put back on purpose counts as the newest once somebody says so, and not before."""

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from store_makers import load, put

from kvprep.errors import IntegrityError
from kvprep.store import remembered
from kvprep.store.charter import SourceCheck, Trust
from kvprep.store.keychanges import NewKey, Role, add_key_file
from kvprep.store.restore import accept_restore, has_older_audit, older_namespaces
from kvprep.store.shredding import shred
from kvprep.store.store import Store
from kvprep.types import EntryId


@pytest.fixture
def restored(tmp_path: Path) -> Callable[[Callable[[Store], object]], Path]:
    """Copy a store, change it, and put the copy back."""

    def put_back(change: Callable[[Store], object]) -> Path:
        path = tmp_path / "store"
        with Store.create(path) as store:
            put(store.namespace("default"))
            store.create_namespace("signed", trust=Trust.SIGNED, source_check=SourceCheck.STAT)
        shutil.copytree(path, tmp_path / "copy")
        with Store.open(path) as store:
            change(store)
        shutil.rmtree(path)
        (tmp_path / "copy").rename(path)
        return path

    return put_back


def remove_all(store: Store) -> None:
    ns = store.namespace("default")
    ns.remove([ident for ident, _ in ns.all_entries()])


def test_an_older_copy_is_refused_until_it_is_accepted(restored) -> None:
    path = restored(remove_all)
    with Store.open(path) as store, pytest.raises(IntegrityError, match="older copy") as refused:
        store.namespace("default")
    assert "kvprep doctor --accept-restore" in refused.value.hint
    with Store.open(path) as store:
        assert [older.keys.name for older in older_namespaces(store)] == ["default"]
        assert has_older_audit(store)
        accept_restore(store)
    with Store.open(path) as store:
        ((ident, _),) = store.namespace("default").all_entries()
        assert load(store.namespace("default"), ident) is not None
        assert older_namespaces(store) == []
        assert not has_older_audit(store)
        assert store.check_audit().ok
        assert "accept restore" in {record.verb for record in store.audit.records()}


def test_after_it_a_generation_begins_that_is_above_all_that_were_seen(restored) -> None:
    path = restored(remove_all)
    with Store.open(path) as store:
        (older,) = older_namespaces(store)
        accept_restore(store)
        assert store.namespace("default").state().generation == older.seen_generation + 1


def test_an_entry_of_the_time_that_was_undone_does_not_outlive_a_later_invalidation(restored, tmp_path: Path) -> None:
    def replace_and_keep(store: Store) -> None:
        remove_all(store)
        made = put(store.namespace("default"))  # of a later generation than any in the copy
        shutil.copy(store.layout.file("entries", made.ident), tmp_path / "undone")

    path = restored(replace_and_keep)
    with Store.open(path) as store:
        accept_restore(store)
        ns = store.namespace("default")
        ((ident, _),) = ns.all_entries()
        ns.remove([ident])
        shutil.copy(tmp_path / "undone", store.layout.file("entries", ident))
        assert ns.entry(ident) is None


def test_a_namespace_that_was_shredded_stays_shredded(restored) -> None:
    path = restored(lambda store: shred(store, "default"))
    with Store.open(path) as store:
        assert accept_restore(store) == []
        with pytest.raises(IntegrityError, match="was shredded"):
            store.namespace("default")


def test_who_only_reads_accepts_for_himself_and_writes_nothing(restored, tmp_path: Path) -> None:
    path = restored(lambda store: store.namespace("signed").remove([EntryId(bytes(32))]))
    with Store.open(path) as store:
        add_key_file(store, NewKey(Role.READER, "reader"), tmp_path / "reader")
        state = store.layout.file("namespaces", store.namespace_id("signed"))
    before = state.read_bytes()
    with Store.open(path, key_file=tmp_path / "reader") as store:
        (older,) = accept_restore(store)
        assert older.seen_generation > older.state.generation
        assert store.namespace("signed").state().generation == older.state.generation
    assert state.read_bytes() == before


def test_a_log_that_was_cut_stays_noticed_after_it_has_grown_longer_again(restored) -> None:
    path = restored(lambda store: [store.audit.record("probe", "done") for _ in range(3)])
    for _ in range(8):
        with Store.open(path):
            pass
    with Store.open(path) as store:
        assert not store.check_audit().ok
        assert has_older_audit(store)


def test_a_store_that_is_forgotten_was_never_there(tmp_path: Path) -> None:
    with Store.create(tmp_path / "store") as store:
        remembered.forget_store(store.path)
        assert not remembered.was_remembered(store.path)
