"""A document may be known and not computed: its file says so, the index tells it, and computing it ends it."""

from store_makers import MODEL, TAGS, Put, make_document, put

from kvprep.store.database import Index
from kvprep.store.entry import Deferral
from kvprep.store.namespace import Namespace
from kvprep.store.store import Store
from kvprep.types import EntryId


def _model(ns: Namespace) -> bytes:
    return ns.index.model_id(MODEL.fingerprint, TAGS)


def _deferral(ns: Namespace, worth: int = 3) -> Deferral:
    return Deferral(_model(ns), 1234.5, worth, 86_400.0)


def test_a_deferral_is_read_back_as_it_was_written(store: Store) -> None:
    ns = store.namespace("default")
    document = make_document("hello", "/x/a.txt").with_deferral(_deferral(ns))
    ns.put_document(document)
    read = ns.document(document.content_hash)
    assert read is not None
    assert read.deferral(_model(ns)) == _deferral(ns)
    assert read.deferral(b"other") is None
    assert read.with_deferral(Deferral(_model(ns), 1.0, 0, None)).deferred == (Deferral(_model(ns), 1.0, 0, None),)


def test_the_index_names_the_sources_of_what_is_deferred_under_a_model(store: Store) -> None:
    ns = store.namespace("default")
    ns.put_document(make_document("hello", "/x/a.txt", "/x/b.txt").with_deferral(_deferral(ns)))
    ns.put_document(make_document("bye", "/x/c.txt"))
    found = ns.index.deferred_sources(_model(ns))
    assert {known.path for known in found} == {ns.index.path_id("/x/a.txt"), ns.index.path_id("/x/b.txt")}
    assert all(known.entry is None and known.deferral == _deferral(ns) for known in found)
    assert all(ns.has_files_of(known) for known in found)
    assert ns.index.deferred_sources(b"other") == []


def test_a_rebuild_of_the_index_finds_it_again(store: Store, tmp_path) -> None:
    ns = store.namespace("default")
    ns.put_document(make_document("hello", "/x/a.txt").with_deferral(_deferral(ns)))
    present, fresh = ns.compare_index(Index(tmp_path / "scratch.sqlite"))
    assert present == fresh
    assert len(present["deferred"]) == 1
    ns.rebuild_index()
    assert len(ns.index.deferred_sources(_model(ns))) == 1


def _evict(ns: Namespace, made: Put) -> list[EntryId]:
    return ns.evict({made.ident: _deferral(ns, worth=0)}, why="idle", still=lambda ident, entry: True)


def test_what_is_evicted_is_deferred_and_what_is_computed_is_so_no_more(store: Store) -> None:
    ns = store.namespace("default")
    made = put(ns)
    assert _evict(ns, made) == [made.ident]
    assert ns.entry(made.ident) is None
    assert len(ns.index.deferred_sources(_model(ns))) == 1
    record = ns.document(made.document.content_hash)
    assert record is not None and record.deferral(_model(ns)) == _deferral(ns, worth=0)
    ns.put(record, made.entry)
    assert ns.index.deferred_sources(_model(ns)) == []
    after = ns.document(made.document.content_hash)
    assert after is not None and after.deferred == ()


def test_what_has_become_worth_keeping_meanwhile_is_neither_evicted_nor_deferred(store: Store) -> None:
    ns = store.namespace("default")
    made = put(ns)
    kept = ns.evict({made.ident: _deferral(ns)}, why="idle", still=lambda ident, entry: entry.created_at < 0)
    assert kept == []
    assert ns.entry(made.ident) is not None
    assert ns.index.deferred_sources(_model(ns)) == []


def test_an_entry_whose_document_is_gone_is_evicted_all_the_same(store: Store) -> None:
    ns = store.namespace("default")
    made = put(ns)
    ns.remove_document(made.document.content_hash)
    assert _evict(ns, made) == [made.ident]
    assert ns.index.deferred_sources(_model(ns)) == []


def test_a_removed_document_leaves_no_row(store: Store) -> None:
    ns = store.namespace("default")
    document = make_document("hello", "/x/a.txt").with_deferral(_deferral(ns))
    ns.put_document(document)
    ns.remove_document(document.content_hash)
    assert ns.index.snapshot()["deferred"] == set()
