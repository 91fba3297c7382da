import shutil
import sqlite3
import time
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest
from store_makers import BLOCK, MODEL, TAGS, Put, load, make_document, put, put_branch

from kvprep.hashing import drift_hash
from kvprep.store import envelope, rebuild
from kvprep.store.database import Index, wal_is_safe
from kvprep.store.layout import Layout
from kvprep.store.namespace import Namespace
from kvprep.store.store import Store
from kvprep.store.verify import verify
from kvprep.types import Severity, SourceRecord

FILES = ("index.sqlite", "index.sqlite-wal", "index.sqlite-shm", "index.sqlite-journal")


def delete_index(store: Store) -> None:
    store.close()
    for name in FILES:
        (store.path / name).unlink(missing_ok=True)


def copy_index(store: Store, folder: Path) -> None:
    store.close()
    folder.mkdir()
    for name in FILES:
        if (store.path / name).exists():
            shutil.copy(store.path / name, folder)


def put_copy_back(store: Store, folder: Path) -> None:
    delete_index(store)
    for path in folder.iterdir():
        shutil.copy(path, store.path)


def edit(store: Store, sql: str, *parameters: object) -> None:
    store.close()
    with closing(sqlite3.connect(store.path / "index.sqlite")) as connection, connection:
        assert connection.execute(sql, parameters).rowcount != 0, "the edit hit no row"


def hashes_of(ns: Namespace, made: Put) -> list:
    return ns.block_hashes(MODEL.fingerprint, made.entry.token_ids, BLOCK)


def reopened(store: Store) -> Namespace:
    store.close()
    return Store.open(store.path).namespace("default")


def test_a_prefix_finds_the_entry_with_most_of_its_blocks(ns: Namespace) -> None:
    trunk = put(ns)
    branch = put_branch(ns, trunk, "other")
    found = list(ns.index.longest_match(hashes_of(ns, branch)))
    assert [(m.entry, m.num_blocks) for m in found] == [(branch.ident, 3), (trunk.ident, 2)]
    assert list(ns.index.longest_match(hashes_of(ns, put(ns, "third", seed=5))[:0])) == []


def test_a_short_last_block_is_found_after_its_parent(ns: Namespace) -> None:
    made = put(ns)
    hashes = hashes_of(ns, made)
    assert ns.index.tails_after(hashes[2]) == [(hashes[3], 8, made.ident)]
    assert ns.index.tails_after(hashes[1]) == []


def test_an_entry_that_shares_only_the_front_of_a_segment_does_not_claim_its_tail(ns: Namespace) -> None:
    trunk = put(ns)
    put_branch(ns, trunk, "other")
    tail = ns.index.tails_after(hashes_of(ns, trunk)[2])
    assert [entry for _, _, entry in tail] == [trunk.ident]


def test_a_prefix_shorter_than_a_block_is_found_after_the_root(ns: Namespace) -> None:
    made = put(ns, count=10)
    assert [e for _, _, e in ns.index.tails_after(ns.root(MODEL.fingerprint))] == [made.ident]


def test_a_long_prefix_is_matched_over_many_statements(ns: Namespace) -> None:
    made = put(ns, count=BLOCK * 1203)
    assert [m.num_blocks for m in ns.index.longest_match(hashes_of(ns, made))] == [1203]


def test_of_many_documents_that_begin_alike_only_a_few_are_named(ns: Namespace) -> None:
    trunk = put(ns)
    for number in range(12):
        put_branch(ns, trunk, f"branch {number}")
    matches = list(ns.index.longest_match(hashes_of(ns, trunk)[:2]))
    assert {match.num_blocks for match in matches} == {2}
    assert len(matches) == len({match.entry for match in matches}) == 8


def test_removing_one_of_two_sharers_leaves_what_a_rebuild_makes(ns: Namespace) -> None:
    trunk = put(ns)
    branch = put_branch(ns, trunk, "other")
    ns.remove([trunk.ident])
    kept = ns.index.snapshot()
    ns.rebuild_index()
    assert ns.index.snapshot() == kept
    assert load(ns, branch.ident) == branch.memory.first(200)


def test_a_document_of_which_a_source_moves_on(ns: Namespace) -> None:
    one, two = make_document("one", "/a", "/b"), make_document("two", "/b")
    ns.put_document(one)
    ns.put_document(one.without_source("/b"))
    ns.put_document(two)
    assert ns.index.document_of_path("/a") == ns.document_id(one.content_hash)
    assert ns.index.document_of_path("/b") == ns.document_id(two.content_hash)
    assert ns.index.document_of_path("/c") is None


def test_a_source_written_just_before_it_was_read_is_never_called_unchanged(ns: Namespace) -> None:
    document = make_document("text", "/a")
    state = replace(document.sources[0].state, mtime_ns=time.time_ns())
    assert ns.index.state_id(state) is None
    assert ns.index.state_id(document.sources[0].state) is not None


def test_sources_of_live_entries_are_known(ns: Namespace) -> None:
    made = put(ns, expires_at=100.0)
    model = ns.index.model_id(MODEL.fingerprint, TAGS)
    source = made.document.sources[0]
    (known,) = ns.index.live_sources(model, 99.0)
    assert known.path == known.file == ns.index.path_id(source.path)
    assert (known.state, known.entry) == (ns.index.state_id(source.state), made.ident)
    assert known.reading == ns.index.reading_id("canon", hides_text=False, holds_documents=False)
    assert known.segments == tuple(stretch.segment for stretch in made.entry.stretches)
    assert ns.has_files_of(known)
    assert ns.index.live_sources(model, 100.0) == []
    assert ns.index.live_sources(ns.index.model_id(MODEL.fingerprint, replace(TAGS, template="x")), 99.0) == []


def test_what_a_file_holds_is_known_by_the_file(ns: Namespace) -> None:
    letter, terms, other = make_document("letter", "/m.eml"), make_document("terms", "/m.eml/t.txt"), make_document("x")
    state = letter.sources[0].state
    ns.put_document(letter.with_source(SourceRecord("/m.eml", state, "canon", documents_inside=("t.txt",))))
    ns.put_document(terms.with_source(SourceRecord("/m.eml/t.txt", state, "canon", member="t.txt")))
    ns.put_document(other.with_source(SourceRecord("/m.eml.txt", state, "canon")))
    both = {ns.document_id(document.content_hash) for document in (letter, terms)}
    assert set(ns.index.documents_of_file("/m.eml")) == both
    assert ns.index.documents_inside(ns.document_id(letter.content_hash), "/m.eml") == ("t.txt",)
    assert ns.index.documents_inside(ns.document_id(letter.content_hash), "/other.eml") == ()
    assert ns.index.documents_inside(ns.document_id(terms.content_hash), "/m.eml/t.txt") == ()


def test_a_reading_is_another_by_another_reader_and_by_what_it_found(ns: Namespace) -> None:
    readings = {
        ns.index.reading_id(name, hides_text=hides, holds_documents=holds)
        for name in ("canon 1", "canon 2")
        for hides in (False, True)
        for holds in (False, True)
    }
    assert len(readings) == 8


def test_paths_that_are_no_text_are_named_too(ns: Namespace) -> None:
    assert ns.index.path_id("/x/\udcff.txt") != ns.index.path_id("/x/\udcfe.txt")


def test_the_index_tells_nothing_to_who_has_no_key(ns: Namespace, store: Store) -> None:
    made = put(ns, "a secret text", path="/home/somebody/secret.txt")
    store.close()
    data = b"".join((store.path / name).read_bytes() for name in FILES if (store.path / name).exists())
    for told in (b"secret", b"Title", made.document.content_hash, made.document.content_hash.hex().encode()):
        assert told not in data
    assert drift_hash("a secret text") not in data


def test_a_deleted_index_is_built_again(ns: Namespace, store: Store) -> None:
    trunk = put(ns)
    put_branch(ns, trunk, "other")
    before = ns.index.snapshot()
    delete_index(store)
    assert reopened(store).index.snapshot() == before


@pytest.mark.parametrize("content", [b"", b"no database" * 1000, b"SQLite format 3\0" + b"\xff" * 5000])
def test_a_damaged_index_is_thrown_away_and_built_again(ns: Namespace, store: Store, content: bytes) -> None:
    put(ns)
    before = ns.index.snapshot()
    delete_index(store)
    (store.path / "index.sqlite").write_bytes(content)
    assert reopened(store).index.snapshot() == before


def test_an_index_of_another_version_is_built_again(ns: Namespace, store: Store) -> None:
    put(ns)
    before = ns.index.snapshot()
    store.close()
    with closing(sqlite3.connect(store.path / "index.sqlite")) as connection:
        connection.execute("PRAGMA user_version = 77")
    assert reopened(store).index.snapshot() == before


def test_an_older_copy_of_the_index_brings_nothing_back(ns: Namespace, store: Store, tmp_path: Path) -> None:
    gone = put(ns)
    copy_index(store, tmp_path / "copy")
    ns = reopened(store)
    ns.remove([gone.ident])
    kept = put(ns, "kept", seed=3)
    put_copy_back(ns.store, tmp_path / "copy")
    ns = reopened(store)
    assert ns.index.entries_of(gone.document.content_hash) == [gone.ident]  # the hint is wrong,
    assert ns.entry(gone.ident) is None  # and decides nothing
    report = verify(ns.store)
    assert report.ok
    assert any("left over" in f.problem for f in report.findings)
    ns.rebuild_index()
    assert {f.problem for f in verify(ns.store).findings} == {"orphan: no entry names it"}
    assert ns.index.entries_of(gone.document.content_hash) == []
    assert load(ns, kept.ident) == kept.memory.first(200)


EDITS = {
    "a model": "UPDATE entries SET model = zeroblob(32)",
    "an expiry": "UPDATE entries SET expires_at = 9e12",
    "an entry's facts": "UPDATE entries SET sealed = randomblob(100)",
    "a document's facts": "UPDATE documents SET sealed = randomblob(100)",
    "a source's state": "UPDATE sources SET state = zeroblob(32)",
    "a source's path": "UPDATE sources SET path = randomblob(32)",
    "a source's file": "UPDATE sources SET file = randomblob(32)",
    "what read a source": "UPDATE sources SET reading = randomblob(32)",
    "a block's position": "UPDATE blocks SET position = position + 1",
    "a stretch's end": "UPDATE stretches SET last_block = 99",
    "a tail's tokens": "UPDATE tails SET tokens = 1",
}
OTHERS = "(SELECT o.{} FROM {} o WHERE o.id != {}.id)"
SWAPS = {
    "facts of two documents": f"UPDATE documents SET sealed = {OTHERS.format('sealed', 'documents', 'documents')}",
    "facts of two entries": f"UPDATE entries SET sealed = {OTHERS.format('sealed', 'entries', 'entries')}",
    "documents of two entries": f"UPDATE entries SET document = {OTHERS.format('document', 'entries', 'entries')}",
}


@pytest.mark.parametrize("sql", (EDITS | SWAPS).values(), ids=(EDITS | SWAPS).keys())
def test_an_edited_row_is_found_serves_nothing_wrong_and_is_mended(ns: Namespace, store: Store, sql: str) -> None:
    trunk = put(ns)
    branch = put_branch(ns, trunk, "other")
    before = ns.index.snapshot()
    edit(store, sql)
    ns = reopened(store)
    for made in (trunk, branch):
        assert load(ns, made.ident) == made.memory.first(200)
        for match in ns.index.longest_match(hashes_of(ns, made)):
            entry = ns.entry(match.entry)
            assert entry is not None
    report = verify(ns.store)
    assert any(f.severity is Severity.ERROR and f.subject == "index.sqlite" for f in report.findings)
    ns.rebuild_index()
    assert ns.index.snapshot() == before
    assert verify(ns.store).findings == ()


@pytest.mark.parametrize("table", ["documents", "sources", "entries", "segments", "stretches", "blocks", "tails"])
def test_deleted_rows_are_information_and_come_back(ns: Namespace, store: Store, table: str) -> None:
    put(ns)
    before = ns.index.snapshot()
    edit(store, f"DELETE FROM {table}")
    ns = reopened(store)
    report = verify(ns.store)
    assert report.ok
    assert report.findings
    ns.rebuild_index()
    assert ns.index.snapshot() == before


@pytest.mark.parametrize(
    "sql",
    [
        "UPDATE segments SET namespace = zeroblob(32)",
        "UPDATE entries SET namespace = zeroblob(32)",
        "UPDATE documents SET namespace = zeroblob(32)",
        "UPDATE sources SET namespace = zeroblob(32)",
        "UPDATE stretches SET entry = entry + 5",
        "UPDATE stretches SET segment = segment + 7",
        "UPDATE blocks SET segment = segment + 1",
        "UPDATE blocks SET hash = randomblob(32)",
        "UPDATE tails SET parent = randomblob(32), segment = segment + 1",
    ],
)
def test_rows_that_hang_in_the_air_do_not_outlast_a_rebuild(ns: Namespace, store: Store, sql: str) -> None:
    branch = put_branch(ns, put(ns), "other")
    before = ns.index.snapshot()
    edit(store, sql)
    ns = reopened(store)
    assert verify(ns.store).findings
    assert load(ns, branch.ident) == branch.memory.first(200)
    ns.rebuild_index()
    assert ns.index.snapshot() == before
    more = put(ns, "more", seed=9)
    assert verify(ns.store).findings == ()
    assert load(ns, more.ident) == more.memory.first(200)


def test_a_rebuild_of_one_namespace_leaves_the_others_alone(ns: Namespace, store: Store) -> None:
    other = store.namespace("other", create=True)
    put(ns)
    put(other)
    before = other.index.snapshot()
    ns.rebuild_index()
    assert other.index.snapshot() == before


@pytest.mark.parametrize(
    ("version", "safe"),
    [((3, 51, 3), True), ((3, 52, 0), True), ((3, 51, 2), False), ((3, 50, 7), True), ((3, 50, 6), False)],
)
def test_a_write_ahead_log_only_where_it_is_sound(version: tuple[int, ...], safe: bool) -> None:
    assert wal_is_safe(version) is safe


def test_a_rebuild_begins_a_new_generation(ns: Namespace) -> None:
    before = ns.state().generation
    ns.rebuild_index()
    assert ns.state().generation == before + 1


def test_a_comparison_opens_no_file_while_others_wait(
    ns: Namespace, store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Files are opened before the lock is taken; under it only those that have changed since."""
    put(ns)
    other = put(ns, "other", seed=1)
    opened: list[str] = []
    unseal, stamps = envelope.unseal, rebuild.stamps
    monkeypatch.setattr(envelope, "unseal", lambda *what, **how: opened.append(how["subject"]) or unseal(*what, **how))

    def locked(layout: Layout) -> rebuild.Stamps:
        if opened:  # the second look, under the lock
            opened.clear()
        return stamps(layout)

    monkeypatch.setattr(rebuild, "stamps", locked)
    scratch = Index(tmp_path / "scratch.sqlite")
    ns.compare_index(scratch)
    assert opened == []
    monkeypatch.setattr(rebuild, "files_behind", lambda *what: void(ns.remove([other.ident])))
    present, fresh = ns.compare_index(scratch)
    scratch.close()
    assert present == fresh
    assert not any(subject.startswith("documents/") for subject in opened)


def void(_: object) -> set[Path]:
    return set()
