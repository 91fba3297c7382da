import os
import shutil
from dataclasses import replace
from pathlib import Path

import pytest
from store_makers import (
    BLOCK,
    MODEL,
    SHAPE,
    TINY,
    Memory,
    changed,
    flipped,
    load,
    make_document,
    make_entry,
    put,
    put_branch,
    tokens,
    with_new_footer,
    write_stretch,
)

from kvprep.errors import (
    AuthenticationFailed,
    ConfigError,
    DanglingEntry,
    IntegrityError,
    NotFound,
    PolicyDenied,
    StoreError,
    StoreLocked,
    StoreNotFound,
    UnsupportedFormat,
)
from kvprep.hashing import content_hash
from kvprep.store.keys import NamespaceKeys
from kvprep.store.layout import Layout
from kvprep.store.lock import exclusive
from kvprep.store.namespace import Namespace
from kvprep.store.opening import open_or_create
from kvprep.store.remembered import memory_file
from kvprep.store.state import NamespaceState
from kvprep.store.store import Store, default_store_path
from kvprep.types import Member, SourceRecord, TextFinding


def file_of(ns: Namespace, kind: str, ident: bytes) -> Path:
    return ns.store.layout.file(kind, ident)


def test_what_is_put_comes_back_bit_for_bit_in_another_process_of_the_library(ns: Namespace, store: Store) -> None:
    made = put(ns)
    branch = put_branch(ns, made, "other")
    store.close()
    with Store.open(store.path) as again:
        ns = again.namespace("default")
        for one in (made, branch):
            entry = ns.entry(one.ident)
            assert entry is not None
            assert entry.token_ids.tolist() == one.entry.token_ids.tolist()
            assert replace(entry, token_ids=one.entry.token_ids, generation=0) == one.entry
            assert ns.document(one.document.content_hash) == one.document
            assert load(ns, one.ident) == one.memory.first(200)


def test_what_is_known_of_a_source_comes_back_whole(ns: Namespace) -> None:
    document = make_document("text")
    source = SourceRecord(
        path="/m.eml/t.txt",
        state=make_document("text", "/m.eml").sources[0].state,
        canonicaliser="canon 1, text 1",
        member="t.txt",
        findings=(TextFinding("hidden-text", 5, "page 1"), TextFinding("hidden-characters", 1, "line 2")),
        hides_text=True,
        members=(Member("a.txt", 7), Member("ü.png", 0)),
        documents_inside=("a.txt",),
    )
    ns.put_document(document.with_source(source))
    assert ns.document(document.content_hash) == document.with_source(source)


def test_a_document_invalidated_leaves_the_sharer_of_its_prefix_whole(ns: Namespace) -> None:
    trunk = put(ns)
    branch = put_branch(ns, trunk, "other")
    removed = ns.remove([trunk.ident])
    assert (removed.entries, removed.documents) == (1, 1)
    assert load(ns, trunk.ident) is None
    assert load(ns, branch.ident) == branch.memory.first(200)


def test_nothing_of_a_document_shows_in_the_store(ns: Namespace, store: Store) -> None:
    put(ns, "a secret text", path="/home/somebody/secret.txt")
    store.close()
    for path in store.path.rglob("*"):
        assert "secret" not in path.name
        assert not path.is_file() or b"secret" not in path.read_bytes()


def test_files_are_their_owners_alone(ns: Namespace, store: Store) -> None:
    put(ns)
    for path in store.path.rglob("*"):
        assert path.stat().st_mode & 0o077 == 0, path


@pytest.mark.parametrize("mended", [False, True], ids=["as found", "checksum mended"])
def test_no_flipped_bit_of_entry_document_or_namespace_is_ever_served(ns: Namespace, mended: bool) -> None:
    made = put(ns, shape=TINY, count=70)
    reads = {
        file_of(ns, "entries", made.ident): lambda: ns.entry(made.ident),
        file_of(ns, "documents", ns.document_id(made.document.content_hash)): lambda: ns.document(
            content_hash("hello")
        ),
        file_of(ns, "namespaces", ns.ident): lambda: ns.entry(made.ident),
    }
    for path, read in reads.items():
        data = path.read_bytes()
        for at in range(0, len(data) - (88 if mended else 0), 5):
            content = flipped(data, at, at % 8)
            path.write_bytes(with_new_footer(content) if mended else content)
            with pytest.raises((IntegrityError, UnsupportedFormat)):
                read()
        path.write_bytes(data)
        assert read() is not None


def swap(one: Path, other: Path) -> None:
    first, second = one.read_bytes(), other.read_bytes()
    one.write_bytes(second)
    other.write_bytes(first)


def test_two_entries_that_change_places_are_refused(ns: Namespace) -> None:
    one, other = put(ns), put(ns, "other", seed=1)
    swap(*(file_of(ns, "entries", made.ident) for made in (one, other)))
    for made in (one, other):
        with pytest.raises(AuthenticationFailed):
            ns.entry(made.ident)


def test_two_documents_that_change_places_are_refused(ns: Namespace) -> None:
    one, other = put(ns), put(ns, "other", seed=1)
    swap(*(file_of(ns, "documents", ns.document_id(made.document.content_hash)) for made in (one, other)))
    for made in (one, other):
        with pytest.raises(AuthenticationFailed):
            ns.document(made.document.content_hash)


def test_two_segments_that_change_places_are_refused(ns: Namespace) -> None:
    one, other = put(ns), put(ns, "other", seed=1)
    swap(*(file_of(ns, "segments", made.entry.stretches[0].segment) for made in (one, other)))
    for made in (one, other):
        with pytest.raises(IntegrityError):
            load(ns, made.ident)


def test_a_missing_segment_dangles(ns: Namespace) -> None:
    made = put(ns)
    file_of(ns, "segments", made.entry.stretches[0].segment).unlink()
    with pytest.raises(DanglingEntry):
        load(ns, made.ident)
    with pytest.raises(DanglingEntry):
        ns.check_segments(made.entry)


@pytest.mark.parametrize("change", ["tokens", "shape", "model", "place"])
def test_a_segment_that_is_not_what_the_entry_means_is_refused(ns: Namespace, change: str) -> None:
    """Our own entry and our own segment, joined wrongly: by a bug, not by an attacker."""
    token_ids = tokens(200)
    stretch = write_stretch(ns, token_ids, Memory(SHAPE, 200, seed=1), SHAPE)
    entry = make_entry(make_document("text", "/a"), token_ids, (stretch,))
    match change:
        case "tokens":
            entry = replace(entry, token_ids=tokens(200, seed=1))
        case "shape":
            entry = replace(entry, shape=TINY)
        case "model":
            entry = replace(entry, model=replace(MODEL, fingerprint=b"f" * 32))
        case _:
            stretch = replace(stretch, first_block=1, last_block=4)
    with pytest.raises(AuthenticationFailed, match="not the stretch"):
        ns.open_segment(stretch, entry)


def test_a_stretch_that_claims_more_blocks_than_its_segment_has_is_refused(ns: Namespace) -> None:
    token_ids = tokens(256)
    stretch = write_stretch(ns, token_ids[:128], Memory(SHAPE, 128, seed=1), SHAPE)
    entry = make_entry(make_document("text", "/a"), token_ids, (replace(stretch, last_block=4),))
    with pytest.raises(AuthenticationFailed):
        ns.open_segment(entry.stretches[0], entry)


def test_an_entry_put_back_after_its_removal_is_refused(ns: Namespace, store: Store) -> None:
    made = put(ns)
    path = file_of(ns, "entries", made.ident)
    copy = path.read_bytes()
    ns.remove([made.ident])
    path.write_bytes(copy)
    assert ns.entry(made.ident) is None
    ns.rebuild_index()
    assert ns.index.entries() == []
    store.close()
    with Store.open(store.path) as again:
        assert again.namespace("default").entry(made.ident) is None


def test_an_entry_ingested_again_after_its_removal_is_served(ns: Namespace) -> None:
    made = put(ns)
    ns.remove([made.ident])
    again = put(ns)
    assert again.ident == made.ident
    assert load(ns, again.ident) == again.memory.first(200)


def test_removing_what_is_not_there_is_no_error_and_lasts(ns: Namespace) -> None:
    made = put(ns)
    copy = file_of(ns, "entries", made.ident).read_bytes()
    ns.remove([made.ident])
    ns.remove([made.ident])
    file_of(ns, "entries", made.ident).write_bytes(copy)
    assert ns.entry(made.ident) is None


def test_a_damaged_entry_can_be_removed(ns: Namespace) -> None:
    made = put(ns)
    file_of(ns, "entries", made.ident).write_bytes(b"rubbish")
    ns.remove([made.ident])
    assert ns.entry(made.ident) is None


def test_an_older_namespace_file_put_back_is_refused(ns: Namespace, store: Store) -> None:
    made = put(ns)
    entry, state = (file_of(ns, kind, ident) for kind, ident in (("entries", made.ident), ("namespaces", ns.ident)))
    copies = entry.read_bytes(), state.read_bytes()
    ns.remove([made.ident])
    entry.write_bytes(copies[0])
    state.write_bytes(copies[1])
    with pytest.raises(IntegrityError, match="older copy"):
        Store.open(store.path).namespace("default")


def test_an_older_copy_of_the_whole_store_is_refused(ns: Namespace, store: Store, tmp_path: Path) -> None:
    made = put(ns)
    store.close()
    shutil.copytree(store.path, tmp_path / "copy")
    with Store.open(store.path) as again:
        again.namespace("default").remove([made.ident])
    shutil.rmtree(store.path)
    shutil.copytree(tmp_path / "copy", store.path)
    with pytest.raises(IntegrityError, match="older copy"):
        Store.open(store.path).namespace("default")


def test_another_namespace_names_nothing_alike_and_opens_nothing(ns: Namespace, store: Store) -> None:
    other = store.namespace("other", create=True)
    made, theirs = put(ns), put(other)
    assert made.ident != theirs.ident
    assert ns.root(MODEL.fingerprint) != other.root(MODEL.fingerprint)
    with pytest.raises(AuthenticationFailed):
        other.entry(made.ident)
    assert not any(other.index.longest_match(ns.block_hashes(MODEL.fingerprint, made.entry.token_ids, BLOCK)))


def test_a_file_of_another_namespace_under_our_name_is_refused(ns: Namespace, store: Store) -> None:
    other = store.namespace("other", create=True)
    made, theirs = put(ns), put(other)
    with (
        changed(file_of(ns, "entries", made.ident), file_of(ns, "entries", theirs.ident).read_bytes()),
        pytest.raises(AuthenticationFailed),
    ):
        ns.entry(made.ident)
    stretch = theirs.entry.stretches[0]
    with pytest.raises(AuthenticationFailed):
        ns.open_segment(stretch, made.entry)


def test_an_absent_namespace_is_not_found(store: Store) -> None:
    with pytest.raises(NotFound):
        store.namespace("absent")
    with pytest.raises(ConfigError):
        store.namespace("../absent")


def test_a_lease_is_of_one_namespace(ns: Namespace, store: Store) -> None:
    other = store.namespace("other", create=True)
    with ns.lease():
        with pytest.raises(StoreLocked), ns.lease(wait_seconds=0):
            pass
        with other.lease(wait_seconds=0):
            pass
        made = put(ns)
        ns.remove([made.ident])  # waits for no lease


def test_settings_outlast_the_process_and_keep_the_tombstones(ns: Namespace, store: Store) -> None:
    made = put(ns)
    ns.remove([made.ident])
    before = ns.state()
    ns.update_settings({"model": "m"})
    assert Store.open(store.path).namespace("default").state() == replace(before, settings={"model": "m"})


def test_a_store_is_made_in_an_empty_folder_only(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(ConfigError):
        Store.create(tmp_path)


def test_no_store_is_told_from_a_damaged_one(store: Store, tmp_path: Path) -> None:
    with pytest.raises(StoreNotFound):
        Store.open(tmp_path / "nothing")
    config = store.path / "store.toml"
    for text in (b"", b"format = 1", b"\xff", b"format = [", config.read_bytes().replace(b"64", b"65")):
        with changed(config, text), pytest.raises(IntegrityError):
            Store.open(store.path)
    for version in (b"0", b"2"):
        other = config.read_bytes().replace(b"format = 1", b"format = " + version)
        with changed(config, other), pytest.raises(UnsupportedFormat):
            Store.open(store.path)


def test_a_store_that_has_vanished_is_not_made_anew(tmp_path: Path) -> None:
    path = tmp_path / "store"
    store, made = open_or_create(path)
    assert made
    store.close()
    assert open_or_create(path)[1] is False
    path.rename(tmp_path / "unmounted")
    with pytest.raises(StoreNotFound, match="vanished"):
        open_or_create(path)
    assert not path.exists()


def test_the_default_store_lies_in_the_users_data_folder() -> None:
    store, made = open_or_create(None)
    assert made
    assert store.path == default_store_path()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a file away")
def test_a_store_of_another_user_is_refused(store: Store) -> None:
    os.chown(store.path / "store.toml", 4711, -1)
    with pytest.raises(PolicyDenied, match="4711"):
        Store.open(store.path)


def test_a_damaged_memory_is_an_error_not_a_crash(store: Store) -> None:
    memory_file().write_text("{", "utf-8")
    with pytest.raises(ConfigError, match="damaged") as kept:
        Store.open(store.path)
    with exclusive(memory_file().parent / "stores.lock", wait_seconds=0):  # free, though its traceback lives
        assert kept.tb
    memory_file().unlink()


def test_a_creation_cut_short_is_begun_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "store"
    with monkeypatch.context() as patch:
        patch.setattr("kvprep.store.layout.write_store_toml", _cut_short)
        with pytest.raises(StoreError):
            Store.create(path)
    with Store.create(path) as store:
        assert [n.name for n in store.namespaces()] == ["default"]


def _cut_short(_: Layout) -> None:
    raise StoreError("cut short")


def test_a_namespace_that_is_written_while_it_is_opened_is_no_older_copy(ns: Namespace, store: Store) -> None:
    made = put(ns)
    meanwhile = [lambda: ns.remove([made.ident])]

    class Slow(Store):
        def _read_state(self, opened: NamespaceKeys) -> NamespaceState:
            state = super()._read_state(opened)
            while meanwhile:
                meanwhile.pop()()
            return state

    with Slow.open(store.path) as opened:
        assert opened.namespace("default").state().generation == ns.state().generation
