"""A repair drops what is damaged, everything that needs it, and nothing else; and names what was lost."""

from collections.abc import Callable
from pathlib import Path

import pytest
from store_makers import Put, flipped, load, put, put_branch

from kvprep.hashing import content_hash
from kvprep.store.namespace import Namespace
from kvprep.store.repair import LostDocument, drop_damaged
from kvprep.store.store import Store
from kvprep.store.verify import verify
from kvprep.types import Finding, Severity


@pytest.fixture
def made(ns: Namespace) -> dict[str, Put]:
    """A trunk, a branch that shares its first blocks, and a document of its own."""
    trunk = put(ns, "trunk")
    branch = put_branch(ns, trunk, "branch")
    return {"trunk": trunk, "branch": branch, "other": put(ns, "other", seed=5, path="/x/other.txt")}


def damage(path: Path, at: int | None = None) -> None:
    data = path.read_bytes()
    path.write_bytes(flipped(data, len(data) // 2 if at is None else at, 0))


def segment_of(store: Store, made: Put, number: int = -1) -> Path:
    return store.layout.file("segments", made.entry.stretches[number].segment)


def lost_names(lost: list[LostDocument]) -> set[bytes]:
    return {document.document for document in lost}


def test_a_damaged_segment_takes_every_entry_that_needs_it(ns: Namespace, store: Store, made: dict[str, Put]) -> None:
    damage(segment_of(store, made["trunk"]))
    dropped = drop_damaged(store, verify(store).findings)
    assert (dropped.entries, dropped.segments, dropped.documents) == (2, 1, 0)
    assert lost_names(dropped.lost["default"]) == {content_hash("trunk"), content_hash("branch")}
    assert all(document.has_text and document.sources for document in dropped.lost["default"])
    assert load(ns, made["other"].ident) == made["other"].memory.first(200)
    assert load(ns, made["trunk"].ident) is None
    assert verify(store).ok


def test_a_damaged_segment_of_its_own_leaves_what_it_shares(ns: Namespace, store: Store, made: dict[str, Put]) -> None:
    damage(segment_of(store, made["branch"]))
    dropped = drop_damaged(store, verify(store).findings)
    assert (dropped.entries, dropped.segments) == (1, 1)
    assert load(ns, made["trunk"].ident) == made["trunk"].memory.first(200)
    assert verify(store).ok


@pytest.mark.parametrize("at", [None, 0, 70])
@pytest.mark.parametrize("kind", ["entries", "documents"])
def test_a_damaged_entry_or_text_is_dropped_with_its_entry(
    ns: Namespace, store: Store, made: dict[str, Put], kind: str, at: int | None
) -> None:
    other = made["other"]
    names = {"entries": other.ident, "documents": ns.document_id(other.document.content_hash)}
    damage(store.layout.file(kind, names[kind]), at)
    dropped = drop_damaged(store, verify(store).findings)
    assert (dropped.entries, dropped.documents) == (1, int(kind == "documents"))
    (lost,) = dropped.lost["default"]
    assert lost == LostDocument(content_hash("other"), ("/x/other.txt",), has_text=kind == "entries")
    assert load(ns, made["branch"].ident) == made["branch"].memory.first(200)
    assert verify(store).ok


def test_what_was_dropped_is_not_used_when_it_is_put_back(ns: Namespace, store: Store, made: dict[str, Put]) -> None:
    path = store.layout.file("entries", made["other"].ident)
    whole = path.read_bytes()
    damage(path)
    drop_damaged(store, verify(store).findings)
    path.write_bytes(whole)
    assert load(ns, made["other"].ident) is None


def test_an_entry_of_another_store_is_dropped(store: Store, made: dict[str, Put], tmp_path: Path) -> None:
    with Store.create(tmp_path / "other") as other:
        theirs = other.layout.file("entries", put(other.namespace("default")).ident)
        target = store.path / theirs.relative_to(other.path)
        target.parent.mkdir(exist_ok=True)
        target.write_bytes(theirs.read_bytes())
    assert drop_damaged(store, verify(store).findings).entries == 1
    assert verify(store).ok


@pytest.mark.parametrize("subject", ["keys/aa.kvk", "namespaces/bb.kvn", "../../etc/passwd", "entries/x", ".", "note"])
def test_what_only_a_person_can_mend_is_left_alone(store: Store, made: dict[str, Put], subject: str) -> None:
    before = sorted(store.path.rglob("*.kv*"))
    dropped = drop_damaged(store, [Finding(Severity.ERROR, subject, "problem", "remedy")])
    assert (dropped.entries, dropped.documents, dropped.segments) == (0, 0, 0)
    assert sorted(store.path.rglob("*.kv*")) == before


def test_a_copy_elsewhere_says_nothing_against_the_file(ns: Namespace, store: Store, made: dict[str, Put]) -> None:
    path = store.layout.file("entries", made["other"].ident)
    copy = path.parent.with_name("zz") / path.name
    copy.parent.mkdir()
    copy.write_bytes(path.read_bytes())
    (store.path / "entries" / path.name).write_bytes(path.read_bytes())
    assert drop_damaged(store, verify(store).findings).entries == 0
    assert load(ns, made["other"].ident) == made["other"].memory.first(200)


def test_what_is_only_information_is_no_reason_to_drop(store: Store, made: dict[str, Put]) -> None:
    path = store.layout.relative(segment_of(store, made["trunk"]))
    assert drop_damaged(store, [Finding(Severity.INFO, path, "orphan", "")]).segments == 0
    assert segment_of(store, made["trunk"]).exists()


@pytest.mark.parametrize("steps", [1, 2])
def test_a_repair_that_was_cut_short_is_finished_by_the_next(
    ns: Namespace, store: Store, made: dict[str, Put], steps: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    damage(segment_of(store, made["trunk"]))
    left = steps
    write: Callable[..., object] = Namespace._write_state

    def cut(*what: object) -> object:
        raise KeyboardInterrupt

    def counted(self: Namespace, *what: object) -> object:
        nonlocal left
        left -= 1
        return write(self, *what) if left else cut()

    monkeypatch.setattr(Namespace, "_write_state", counted)
    if steps == 1:
        with pytest.raises(KeyboardInterrupt):
            drop_damaged(store, verify(store).findings)
        monkeypatch.setattr(Namespace, "_write_state", write)
    drop_damaged(store, verify(store).findings)
    assert verify(store).ok
    assert load(ns, made["branch"].ident) is None
