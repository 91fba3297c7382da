"""Row 9: an older valid file, or the whole store as it was, put back: refused or flagged, and by what."""

import shutil
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest
from store_makers import load, make_entry, put, write_stretch

from kvprep.errors import AuthenticationFailed, DanglingEntry, IntegrityError, UntrustedWriter
from kvprep.store.charter import SourceCheck, Trust
from kvprep.store.gc import collect
from kvprep.store.signing import public_key
from kvprep.store.store import Store
from kvprep.store.verify import verify
from kvprep.types import Severity


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with Store.create(tmp_path / "store") as made:
        yield made


def errors(store: Store) -> dict[str, str]:
    return {f.subject: f.problem for f in verify(store).findings if f.severity is Severity.ERROR}


def reopened(store: Store) -> Store:
    store.close()
    return Store.open(store.path)


def test_a_removed_entry_that_is_put_back_is_refused(store: Store, figures: Callable[..., None]) -> None:
    ns = store.namespace("default")
    made = put(ns)
    path, segment = (store.layout.file("entries", made.ident), made.entry.stretches[0].segment)
    kept = {file: file.read_bytes() for file in (path, store.layout.file("segments", segment))}
    ns.remove([made.ident])
    collect(store, dry_run=False, now=0.0)
    for file, data in kept.items():
        file.write_bytes(data)
    assert ns.entry(made.ident) is None and load(ns, made.ident) is None
    assert reopened(store).namespace("default").entry(made.ident) is None
    assert collect(store, dry_run=False, now=0.0).segments == 1 and not path.exists()
    figures("9", "removed entry", refused=1)


def test_an_older_segment_in_the_place_of_a_newer_one_is_refused(store: Store, figures: Callable[..., None]) -> None:
    ns = store.namespace("default")
    older = put(ns)
    older_file = store.layout.file("segments", older.entry.stretches[0].segment)
    data = older_file.read_bytes()
    stretch = write_stretch(ns, older.entry.token_ids, older.memory, older.entry.shape)
    ident = ns.put(older.document, make_entry(older.document, older.entry.token_ids, (stretch,)))
    assert ident == older.ident
    store.layout.file("segments", stretch.segment).write_bytes(data)
    with pytest.raises(IntegrityError, match="holds another segment"):
        load(ns, ident)
    assert "holds another segment" in " ".join(errors(store).values())
    figures("9", "segment", refused=1)


def test_an_older_entry_of_the_same_document_is_refused_once_its_segment_has_gone(
    store: Store, figures: Callable[..., None]
) -> None:
    ns = store.namespace("default")
    older = put(ns)
    path = store.layout.file("entries", older.ident)
    data = path.read_bytes()
    stretch = write_stretch(ns, older.entry.token_ids, older.memory, older.entry.shape)
    ns.put(older.document, make_entry(older.document, older.entry.token_ids, (stretch,)))
    collect(store, dry_run=False, now=0.0)
    path.write_bytes(data)
    with pytest.raises(DanglingEntry):
        load(ns, older.ident)
    assert not verify(store).ok
    figures("9", "entry without its segment", refused=1)


def test_an_older_entry_with_another_time_to_live_is_flagged(store: Store, figures: Callable[..., None]) -> None:
    ns = store.namespace("default")
    older = put(ns, expires_at=None)
    path = store.layout.file("entries", older.ident)
    data = path.read_bytes()
    ns.put(older.document, replace(older.entry, expires_at=1.0))
    assert verify(store).ok
    path.write_bytes(data)
    assert any(f.subject == "index.sqlite" for f in verify(store).findings)
    figures("9", "entry with another time to live", flagged=1)


def test_an_older_namespace_file_is_refused_by_who_has_it_open_and_by_who_opens_it(
    store: Store, figures: Callable[..., None]
) -> None:
    ns = store.namespace("default")
    made = put(ns)
    path = store.layout.file("namespaces", ns.ident)
    data = path.read_bytes()
    ns.remove([made.ident])
    path.write_bytes(data)
    with pytest.raises(IntegrityError, match="older copy was put back"):
        ns.state()
    with pytest.raises(IntegrityError, match="generation 1, but 2 was seen before: an older copy was put back"):
        reopened(store).namespace("default")
    figures("9", "namespace file", refused=2)


def test_an_older_charter_is_refused(store: Store, figures: Callable[..., None]) -> None:
    ns = store.create_namespace("mine", trust=Trust.SIGNED, source_check=SourceCheck.STAT)
    put(ns)
    path = store.layout.file("namespaces", ns.ident)
    data = path.read_bytes()
    ns.amend(lambda charter: charter.without([public_key(store.holder.writer_seed)]))
    path.write_bytes(data)
    with pytest.raises(IntegrityError, match="version 1 of its charter, but 2 was seen before"):
        reopened(store).namespace("mine")
    figures("9", "charter", refused=1)


def test_an_older_document_is_refused_where_its_writer_is_trusted_no_more(
    store: Store, figures: Callable[..., None]
) -> None:
    ns = store.create_namespace("mine", trust=Trust.SIGNED, source_check=SourceCheck.STAT)
    made = put(ns)
    path = store.layout.file("documents", ns.document_id(made.document.content_hash))
    data = path.read_bytes()
    ns.amend(lambda charter: charter.without([public_key(store.holder.writer_seed)]))
    path.write_bytes(data)
    with pytest.raises(UntrustedWriter):
        ns.document(made.document.content_hash)
    figures("9", "document of a writer who is trusted no more", refused=1)


def test_an_older_index_decides_nothing_and_is_flagged(store: Store, figures: Callable[..., None]) -> None:
    ns = store.namespace("default")
    gone = put(ns)
    store.close()
    index = store.path / "index.sqlite"
    data = index.read_bytes()
    store = Store.open(store.path)
    ns = store.namespace("default")
    ns.remove([gone.ident])
    kept = put(ns, "other", seed=3, path="/x/other.txt")
    store.close()
    index.write_bytes(data)
    with Store.open(store.path) as again:
        ns = again.namespace("default")
        assert ns.entry(gone.ident) is None and load(ns, kept.ident) == kept.memory.first(200)
        assert any(f.subject == "index.sqlite" for f in verify(again).findings)
    figures("9", "index", flagged=1)


def test_an_older_audit_log_is_flagged(store: Store, figures: Callable[..., None]) -> None:
    store.close()
    audit = store.path / "audit.sqlite"
    data = audit.read_bytes()
    with Store.open(store.path):
        pass
    audit.write_bytes(data)
    with Store.open(store.path) as again:
        # Opening wrote a record where another one was.
        assert "not the one that was here before" in errors(again)["audit.sqlite"]
    figures("9", "audit log", flagged=1)


def test_an_audit_log_cut_to_what_it_was_is_flagged(store: Store, figures: Callable[..., None]) -> None:
    for _ in range(5):
        store = reopened(store)
    store.close()
    with closing(sqlite3.connect(store.path / "audit.sqlite")) as database, database:
        database.execute("DELETE FROM records WHERE seq > 2")
    with Store.open(store.path) as again:
        assert "its tail was cut off" in errors(again)["audit.sqlite"]
    figures("9", "audit log that was cut", flagged=1)


@pytest.mark.parametrize("invalidated", [True, False], ids=["invalidated since", "only read since"])
def test_the_whole_store_as_it_was_is_refused_or_flagged(
    store: Store, tmp_path: Path, invalidated: bool, figures: Callable[..., None]
) -> None:
    ns = store.namespace("default")
    made = put(ns)
    store.close()
    shutil.copytree(store.path, tmp_path / "older")
    with Store.open(store.path) as later:
        if invalidated:
            later.namespace("default").remove([made.ident])
        else:
            later.audit.record("look-up", "hit")
    shutil.rmtree(store.path)
    shutil.copytree(tmp_path / "older", store.path)
    with Store.open(store.path) as again:
        if invalidated:
            with pytest.raises(IntegrityError, match="older copy was put back"):
                again.namespace("default")
        problem = errors(again)
        assert problem if invalidated else "audit.sqlite" in problem
    figures("9", f"whole store ({'invalidated' if invalidated else 'only read'} since)", flagged=1)


def test_a_file_of_another_store_is_refused(store: Store, tmp_path: Path) -> None:
    with Store.create(tmp_path / "other") as other:
        for kind, name in (("entries", "kve"), ("documents", "kvd"), ("namespaces", "kvn")):
            ours, theirs = (put(each.namespace("default")) for each in (store, other))
            files = [next(iter(sorted((each.path / kind).rglob(f"*.{name}")))) for each in (store, other)]
            data = files[0].read_bytes()
            files[0].write_bytes(files[1].read_bytes())
            with pytest.raises(AuthenticationFailed, match="another namespace or store"):
                ns = store.namespace("default")
                ns.entry(ours.ident)
                ns.document(ours.document.content_hash)
            files[0].write_bytes(data)
            assert ours.document.content_hash == theirs.document.content_hash
