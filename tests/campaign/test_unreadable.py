"""A file that the disk will not give is named, and is neither taken for damaged nor for gone."""

import errno
import os
from collections.abc import Callable
from pathlib import Path

import pytest
from cutting import Counter, Outcome, in_child
from operations import OLD, OTHER, SHARER, Place, make_place
from points import Step
from store_makers import load

from kvprep.errors import Unreadable
from kvprep.store.findings import UNREADABLE
from kvprep.store.gc import collect
from kvprep.store.repair import drop_damaged
from kvprep.store.store import Store
from kvprep.store.verify import verify
from kvprep.types import Severity

KINDS = ("entries", "documents", "segments")


class BadSector(Counter):
    """Lets one file be opened for reading by nobody, as long as it is said to be bad."""

    def __init__(self) -> None:
        super().__init__()
        self.path = ""

    def before(self, step: Step) -> None:
        if step.kind == "read" and step.path == self.path:
            raise OSError(errno.EIO, os.strerror(errno.EIO), step.path)


@pytest.fixture
def place(tmp_path: Path) -> Place:
    return make_place(tmp_path / "place")


def path_of(place: Place, store: Store, kind: str) -> Path:
    old = place.made[OLD]
    ident = {
        "entries": old.ident,
        "documents": store.namespace("default").document_id(old.document.content_hash),
        "segments": old.entry.stretches[0].segment,
    }[kind]
    return store.layout.file(kind, ident)


def with_bad_sector(place: Place, kind: str, run: Callable[[Store, BadSector, Path], None]) -> Outcome:
    disk = BadSector()

    def opened() -> None:
        with place.open() as store:
            run(store, disk, path_of(place, store, kind))

    return in_child(place.folder, disk, opened)


def check_all_served(place: Place) -> None:
    with place.open() as store:
        assert not verify(store).findings
        for text in (OLD, SHARER, OTHER):
            one = place.made[text]
            assert load(store.namespace("default"), one.ident) == one.memory.first(200)


@pytest.mark.parametrize("kind", KINDS)
def test_what_cannot_be_read_is_a_finding_and_no_repair_drops_it(place: Place, kind: str) -> None:
    def run(store: Store, disk: BadSector, path: Path) -> None:
        disk.path = str(path)
        findings = verify(store).findings
        disk.path = ""
        errors = {f.subject: f.remedy for f in findings if f.severity is Severity.ERROR}
        # The index cannot be compared with what cannot be read.
        assert store.layout.relative(path) in errors and errors.keys() <= {store.layout.relative(path), "index.sqlite"}
        assert set(errors.values()) == {UNREADABLE}
        dropped = drop_damaged(store, findings)
        assert (dropped.entries, dropped.documents, dropped.segments) == (0, 0, 0)

    ended = with_bad_sector(place, kind, run)
    assert not ended.error, ended.trace
    check_all_served(place)


@pytest.mark.parametrize("kind", KINDS)
def test_what_cannot_be_read_is_a_named_error_to_who_needs_it(place: Place, kind: str) -> None:
    def run(store: Store, disk: BadSector, path: Path) -> None:
        ns = store.namespace("default")
        disk.path = str(path)
        with pytest.raises(Unreadable, match="Input/output error"):
            assert load(ns, place.made[OLD].ident) is None or ns.document(place.made[OLD].document.content_hash)

    ended = with_bad_sector(place, kind, run)
    assert not ended.error, ended.trace


def test_gc_removes_nothing_while_an_entry_cannot_be_read(place: Place) -> None:
    def run(store: Store, disk: BadSector, path: Path) -> None:
        disk.path = str(path)
        collect(store, dry_run=False, now=0)

    assert with_bad_sector(place, "entries", run).error == "Unreadable"
    check_all_served(place)
