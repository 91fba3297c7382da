import os
import sqlite3
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import pytest
from store_makers import (
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

from kvprep.errors import IntegrityError, StoreError, WrongKey
from kvprep.hashing import content_hash
from kvprep.store import envelope
from kvprep.store.layout import open_layout
from kvprep.store.namespace import Namespace
from kvprep.store.store import Store, default_key_path
from kvprep.store.verify import Level, VerifyReport, verify, verify_sealed
from kvprep.types import Severity

LEVELS = (Level.STRUCTURE, Level.CHECKSUM, Level.BYTES)
KINDS = ("keys", "namespaces", "entries", "documents", "segments")


@pytest.fixture
def tiny(ns: Namespace, store: Store) -> Store:
    put(ns, shape=TINY, count=70)
    return store


def sealed_files(store: Store) -> list[Path]:
    return [path for kind in KINDS for path in store.layout.all_files(kind)]


def errors(report: VerifyReport) -> dict[str, str]:
    return {f.subject: f.problem for f in report.findings if f.severity is Severity.ERROR}


def infos(report: VerifyReport) -> dict[str, str]:
    return {f.subject: f.problem for f in report.findings if f.severity is Severity.INFO}


@pytest.mark.parametrize("level", LEVELS)
def test_a_whole_store_has_no_findings_and_says_how_much_was_checked(ns: Namespace, store: Store, level: Level) -> None:
    put_branch(ns, put(ns), "other")
    report = verify(store, level=level)
    assert report.ok
    assert report.findings == ()
    assert {kind: report.checked[kind] for kind in KINDS} == {
        "keys": 2, "namespaces": 1, "entries": 2, "documents": 2, "segments": 2
    }  # fmt: skip
    assert report.checked["rows"] > 1
    assert report.checked.get("chunks") == (12 if level is Level.BYTES else None)


@pytest.mark.parametrize("level", [Level.STRUCTURE, Level.CHECKSUM])
def test_two_levels_need_no_key(ns: Namespace, store: Store, level: Level) -> None:
    put(ns)
    store.close()
    default_key_path(store.layout.store_id).unlink()
    assert verify_sealed(open_layout(store.path), level).findings == ()


def test_bytes_cannot_be_verified_without_a_key(store: Store) -> None:
    with pytest.raises(ValueError, match="open store"):
        verify_sealed(store.layout, Level.BYTES)


def test_an_empty_store_is_whole(store: Store) -> None:
    assert verify(store).ok
    assert infos(verify(store)) == {"index.sqlite": "missing"}


def test_to_have_checked_nothing_is_a_failure(tmp_path: Path, store: Store) -> None:
    for path in sealed_files(store):
        path.unlink()
    report = verify_sealed(store.layout, Level.STRUCTURE)
    assert errors(report) == {".": "nothing was checked"}


def test_every_flipped_bit_of_every_file_is_found_without_a_key(tiny: Store) -> None:
    for path in sealed_files(tiny):
        data = path.read_bytes()
        for at in range(len(data)):
            path.write_bytes(flipped(data, at, at % 8))
            report = verify_sealed(tiny.layout, Level.CHECKSUM)
            assert set(errors(report)) == {tiny.layout.relative(path)}
        path.write_bytes(data)
    assert verify(tiny).findings == ()


@pytest.mark.parametrize("mended", [False, True], ids=["as found", "checksum mended"])
def test_flipped_bits_are_found_with_the_key_and_nothing_wrong_is_served(tiny: Store, mended: bool) -> None:
    ns = tiny.namespace("default")
    ident = ns.index.entries_of(content_hash("hello"))[0]
    right = load(ns, ident)
    for path in sealed_files(tiny):
        data = path.read_bytes()
        for at in range(0, len(data) - (88 if mended else 0), 61):
            content = flipped(data, at, at % 8)
            with changed(path, with_new_footer(content) if mended else content):
                if path.suffix == ".kvk":
                    with pytest.raises(WrongKey), Store.open(tiny.path) as opened:
                        verify(opened)
                else:
                    assert tiny.layout.relative(path) in errors(verify(tiny))
                with suppress(StoreError):
                    assert load(ns, ident) == right
    assert verify(tiny).findings == ()


@pytest.mark.parametrize("level", LEVELS)
def test_cuts_and_additions_are_found(tiny: Store, level: Level) -> None:
    for path in sealed_files(tiny):
        if path.suffix == ".kvk" and level is Level.BYTES:
            continue
        data = path.read_bytes()
        for length in (0, 1, 7, 8, 95, 96, 97, 127, 128, 129, 200, len(data) - 89, len(data) - 88, len(data) - 1):
            with changed(path, data[:length]):
                assert tiny.layout.relative(path) in errors(verify(tiny, level=level))
        with changed(path, data + b"\0"):
            assert tiny.layout.relative(path) in errors(verify(tiny, level=level))


@pytest.mark.parametrize("kind", ["entries", "documents", "segments"])
def test_two_files_that_change_places_are_found(ns: Namespace, store: Store, kind: str) -> None:
    put(ns)
    put(ns, "other", seed=1)
    one, other = store.layout.all_files(kind)
    first, second = one.read_bytes(), other.read_bytes()
    one.write_bytes(second)
    other.write_bytes(first)
    assert set(errors(verify(store))) >= {store.layout.relative(one), store.layout.relative(other)}


def test_files_under_wrong_names_and_strangers_are_told_apart(ns: Namespace, store: Store) -> None:
    put(ns)
    entry = next(store.layout.all_files("entries"))
    entry.rename(entry.with_name(f"{'a' * 63}.kve"))
    for name in ("note.txt", "entries/note.txt", "locks/note"):
        (store.path / name).touch()
    (store.path / "tmp" / "left").write_bytes(b"half")
    report = verify_sealed(store.layout, Level.STRUCTURE)
    assert errors(report) == {f"entries/{entry.parent.name}/{'a' * 63}.kve": "a file of a store under a wrong name"}
    assert set(infos(report)) == {"note.txt", "entries/note.txt", "locks/note", "tmp/left", "index.sqlite"}


def test_files_that_nothing_seals_take_no_memory_however_large_they_were_made(store: Store) -> None:
    os.truncate(store.path / "README", 1 << 40)
    assert "README" in [f.subject for f in verify_sealed(store.layout, Level.STRUCTURE).findings]
    os.truncate(store.path / "store.toml", 1 << 40)
    with pytest.raises(IntegrityError, match="damaged"):
        open_layout(store.path)


def test_a_missing_folder_is_found(store: Store) -> None:
    (store.path / "segments").rmdir()
    assert errors(verify_sealed(store.layout, Level.STRUCTURE)) == {"segments": "the folder is missing"}


def test_a_missing_segment_is_found(ns: Namespace, store: Store) -> None:
    made = put(ns)
    path = store.layout.file("segments", made.entry.stretches[0].segment)
    path.unlink()
    report = verify(store)
    assert list(errors(report)) == [store.layout.relative(path)]
    assert "missing, and needed by entries/" in errors(report)[store.layout.relative(path)]


def test_a_missing_document_is_found(ns: Namespace, store: Store) -> None:
    made = put(ns)
    store.layout.file("documents", ns.document_id(made.document.content_hash)).unlink()
    assert list(errors(verify(store)).values()) == ["its document is missing"]


def test_an_entry_put_back_after_its_removal_is_found(ns: Namespace, store: Store) -> None:
    made = put(ns)
    path = store.layout.file("entries", made.ident)
    copy = path.read_bytes()
    ns.remove([made.ident])
    path.write_bytes(copy)
    assert errors(verify(store)) == {store.layout.relative(path): "was removed before, and an old copy put back"}


def test_an_older_namespace_file_is_found(ns: Namespace, store: Store) -> None:
    made = put(ns)
    path = store.layout.file("namespaces", ns.ident)
    copy = path.read_bytes()
    ns.remove([made.ident])
    path.write_bytes(copy)
    assert "older copy" in errors(verify(store))[store.layout.relative(path)]


def test_a_lost_namespace_file_or_its_lost_keys_are_found(ns: Namespace, store: Store) -> None:
    put(ns)
    state, keys = (store.layout.file(kind, ns.ident) for kind in ("namespaces", "keys"))
    kept = state.read_bytes()
    state.unlink()
    assert errors(verify(store)) == {store.layout.relative(state): "missing"}
    state.write_bytes(kept)
    keys.unlink()
    assert errors(verify(store))[store.layout.relative(state)] == "its keys are missing"


def test_an_entry_of_another_store_is_found(ns: Namespace, store: Store, tmp_path: Path) -> None:
    with Store.create(tmp_path / "other") as other:
        theirs = other.layout.file("entries", put(other.namespace("default")).ident)
        target = store.path / theirs.relative_to(other.path)
        target.parent.mkdir()
        target.write_bytes(theirs.read_bytes())
    assert list(errors(verify(store)).values()) == ["belongs to no namespace of this store"]


def test_a_text_that_is_not_its_hash_is_found(ns: Namespace, store: Store) -> None:
    ns.put_document(replace(make_document("text", "/a"), text="another text"))
    assert list(errors(verify(store)).values()) == ["its text has another hash than its name"]


@pytest.mark.parametrize("gap", ["front", "middle", "end"])
def test_an_entry_with_a_gap_is_found(ns: Namespace, store: Store, gap: str) -> None:
    token_ids, memory = tokens(200), Memory(SHAPE, 200, seed=1)
    first = replace(write_stretch(ns, token_ids, memory, SHAPE), last_block=1)
    rest = write_stretch(ns, token_ids, memory, SHAPE, start=128)
    stretches = {"front": (rest,), "middle": (first, rest), "end": (first,)}[gap]
    document = make_document("text", "/a")
    ns.put(document, make_entry(document, token_ids, stretches))
    missing = {"front": 0, "middle": 1, "end": 1}[gap]
    assert list(errors(verify(store)).values()) == [f"no segment holds block {missing}"]


def test_an_orphan_is_information(ns: Namespace, store: Store) -> None:
    stretch = write_stretch(ns, tokens(200), Memory(SHAPE, 200, seed=1), SHAPE)
    report = verify(store)
    assert report.ok
    path = store.layout.relative(store.layout.file("segments", stretch.segment))
    assert infos(report)[path] == "orphan: no entry names it"


def test_one_namespace_can_be_verified_alone(ns: Namespace, store: Store) -> None:
    other = store.namespace("other", create=True)
    put(ns)
    theirs = store.layout.file("entries", put(other).ident)
    theirs.write_bytes(with_new_footer(flipped(theirs.read_bytes(), 100, 0)))
    assert verify(store, namespaces=["default"]).ok
    assert not verify(store, namespaces=["other"]).ok
    assert not verify(store).ok


def damage_index(store: Store) -> None:
    store.close()
    (store.path / "index.sqlite").write_bytes(b"no database" * 1000)


@pytest.mark.parametrize("level", LEVELS)
def test_a_damaged_index_is_found_and_left_alone(ns: Namespace, store: Store, level: Level) -> None:
    put(ns)
    damage_index(store)
    before = (store.path / "index.sqlite").read_bytes()
    assert set(errors(verify(store, level=level))) == {"index.sqlite"}
    assert (store.path / "index.sqlite").read_bytes() == before


def _segment(store: Store) -> Path:
    return next(store.layout.all_files("segments"))


def _entry(store: Store) -> Path:
    return next(store.layout.all_files("entries"))


@pytest.mark.parametrize("choose", [_segment, _entry])
def test_verify_names_each_damaged_file_once(ns: Namespace, store: Store, choose: Callable[[Store], Path]) -> None:
    put_branch(ns, put(ns), "other")
    path = choose(store)
    path.write_bytes(flipped(path.read_bytes(), 200, 3))
    report = verify(store)
    assert [f.subject for f in report.findings if f.severity is Severity.ERROR] == [store.layout.relative(path)]


def test_whoever_cannot_read_can_tell_that_a_file_is_not_signed(ns: Namespace, store: Store) -> None:
    put(ns)
    signed_kinds = [path for kind in KINDS if kind != "keys" for path in store.layout.all_files(kind)]
    for path in signed_kinds:
        data = bytearray(path.read_bytes())
        data[-envelope.FOOTER.size : -envelope.FOOTER.size + 64] = bytes(64)
        data[12] = 0  # flags
        path.write_bytes(with_new_footer(bytes(data)))
    report = verify_sealed(store.layout, Level.CHECKSUM, writers=[b"w" * 32])
    assert errors(report) == {store.layout.relative(path): "is not signed" for path in signed_kinds}
    remedies = {f.subject.split("/")[0]: f.remedy for f in report.findings if f.severity is Severity.ERROR}
    assert "delete this file" in remedies["entries"]
    assert "delete" not in remedies["namespaces"]  # with it the traces of what was removed would go


def test_a_broken_audit_log_is_found(ns: Namespace, store: Store) -> None:
    store.audit.flush()
    connection = sqlite3.connect(store.path / "audit.sqlite")
    connection.execute("UPDATE records SET verb = 'look-up'")
    connection.commit()
    connection.close()
    assert list(errors(verify(store))) == ["audit.sqlite"]
