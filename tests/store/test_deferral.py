"""A document may be known and not computed: its file says so, the index tells it, and computing it ends it."""

from store_makers import MODEL, TAGS, make_document, put

from kvprep.store.database import Index
from kvprep.store.entry import Deferral
from kvprep.store.namespace import Namespace
from kvprep.store.store import Store


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


def test_what_is_computed_is_deferred_no_more(store: Store) -> None:
    ns = store.namespace("default")
    made = put(ns)
    assert ns.defer(made.document.content_hash, _deferral(ns))
    assert len(ns.index.deferred_sources(_model(ns))) == 1
    record = ns.document(made.document.content_hash)
    assert record is not None
    ns.put(record, made.entry)
    assert ns.index.deferred_sources(_model(ns)) == []
    after = ns.document(made.document.content_hash)
    assert after is not None and after.deferred == ()


def test_a_document_that_is_gone_cannot_be_deferred(store: Store) -> None:
    ns = store.namespace("default")
    made = put(ns)
    ns.remove_document(made.document.content_hash)
    assert not ns.defer(made.document.content_hash, _deferral(ns))
    assert ns.index.deferred_sources(_model(ns)) == []


def test_a_removed_document_leaves_no_row(store: Store) -> None:
    ns = store.namespace("default")
    document = make_document("hello", "/x/a.txt").with_deferral(_deferral(ns))
    ns.put_document(document)
    ns.remove_document(document.content_hash)
    assert ns.index.snapshot()["deferred"] == set()
