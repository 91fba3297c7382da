"""What is killed, refused and cut short: a small store with its keys, and every operation that changes it."""

import os
import shutil
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from store_makers import Put, flipped, load, put, put_branch

from kvprep.codec import find_codec
from kvprep.hashing import content_hash
from kvprep.store.eviction import SHORTEST_IDLE_SECONDS, Appraisal
from kvprep.store.gc import collect
from kvprep.store.holdings import Holding
from kvprep.store.namespace import Namespace
from kvprep.store.repair import drop_damaged
from kvprep.store.rewrite import rewrite
from kvprep.store.rotation import rotate
from kvprep.store.store import Store
from kvprep.store.verify import verify
from kvprep.types import Severity

OLD, NEW, SHARER, OTHER = "old text", "new text", "sharer", "other"
STATE = "XDG_STATE_HOME"


@dataclass
class Place:
    """A folder with a store, its key file, and what this machine remembers of the store."""

    folder: Path
    made: dict[str, Put] = field(default_factory=dict)
    hurt: frozenset[str] = frozenset()
    """Files that were damaged on purpose; a repair takes them away, and `OTHER` with them."""

    @property
    def store(self) -> Path:
        return self.folder / "store"

    @property
    def key(self) -> Path:
        return self.folder / "keys" / "key"

    def open(self) -> Store:
        """Open the store, with the memory that lies beside it."""
        os.environ[STATE] = str(self.folder / "state")
        return Store.open(self.store, key_file=self.key)

    def copy(self, to: Path) -> "Place":
        shutil.rmtree(to, ignore_errors=True)
        shutil.copytree(self.folder, to)
        return Place(to, self.made, self.hurt)


def make_place(folder: Path) -> Place:
    """Make a store: an old text, one that shares its beginning, another, and one that is there no more."""
    os.environ[STATE] = str(folder / "state")
    place = Place(folder)
    with Store.create(place.store, key_file=place.key) as store:
        ns = store.namespace("default")
        old = put(ns, OLD, seed=1, path="/x/old.txt")
        sharer, other = put_branch(ns, old, SHARER), put(ns, OTHER, seed=3, path="/x/other.txt")
        place.made = {OLD: old, SHARER: sharer, OTHER: other, NEW: put(ns, NEW, seed=2)}
        ns.remove([place.made[NEW].ident])
        ns.remove_document(content_hash(NEW))
        collect(store, dry_run=False, now=0)
    return place


@dataclass(frozen=True)
class Operation:
    """Something that changes a store; run again, it finishes what was begun."""

    name: str
    run: Callable[[Place, Store], None]
    prepare: Callable[[Place], None] = lambda place: None
    puts: bool = False
    """Whether `NEW` is there afterwards."""
    takes: str = ""
    """What is there no more afterwards."""
    renames: bool = False
    """Whether every row of the index is written anew: a power cut may take all of them, until they are built again."""

    def __str__(self) -> str:
        return self.name


def _put(place: Place, store: Store) -> None:
    put(store.namespace("default"), NEW, seed=2, path="/x/new.txt")


def _remove(ns: Namespace) -> None:
    ns.remove(ns.index.entries_of(content_hash(OLD)))


def _supersede(place: Place, store: Store) -> None:
    ns = store.namespace("default")
    put(ns, NEW, seed=2, path="/x/old.txt")
    _remove(ns)
    document = ns.document(content_hash(OLD))
    assert document is not None
    ns.put_document(document.without_source("/x/old.txt"))


def _invalidate(place: Place, store: Store) -> None:
    ns = store.namespace("default")
    _remove(ns)
    ns.remove_document(content_hash(OLD))


def _removed(place: Place) -> None:
    with place.open() as store:
        _remove(store.namespace("default"))


def _gc(place: Place, store: Store) -> None:
    collect(store, dry_run=False, now=time.time())


def _gc_by_value(place: Place, store: Store) -> None:
    old, later = content_hash(OLD), time.time() + 2 * SHORTEST_IDLE_SECONDS

    def appraise(namespace: Namespace, holding: Holding) -> Appraisal:
        longest_idle_s = 0.0 if holding.entry.document == old else None
        return Appraisal(0.0, is_proven=False, longest_idle_s=longest_idle_s, density=0.0)

    collect(store, dry_run=False, now=later, appraise=appraise)


def _rotate(place: Place, store: Store) -> None:
    rotate(store, place.key)


def _rewrite(place: Place, store: Store) -> None:
    rewrite(store, place.key, find_codec)


def _damage(place: Place) -> None:
    with place.open() as store:
        path = store.layout.file("segments", place.made[OTHER].entry.stretches[0].segment)
        path.write_bytes(flipped(path.read_bytes(), path.stat().st_size // 2, 0))
        place.hurt = frozenset({store.layout.relative(path)})


def _repair(place: Place, store: Store) -> None:
    drop_damaged(store, verify(store).findings)


def _settings(place: Place, store: Store) -> None:
    store.namespace("default").update_settings({"model": "m"})


def _namespace(place: Place, store: Store) -> None:
    put(store.namespace("other", create=True), NEW, seed=2)


def _rebuild(place: Place, store: Store) -> None:
    store.namespace("default").rebuild_index()


OPERATIONS = [
    Operation("put", _put, puts=True),
    Operation("supersede", _supersede, puts=True, takes=OLD),
    Operation("invalidate", _invalidate, takes=OLD),
    Operation("gc with re-seal", _gc, prepare=_removed, takes=OLD),
    Operation("gc by value", _gc_by_value, takes=OLD),
    Operation("rotate", _rotate),
    Operation("rewrite", _rewrite, renames=True),
    Operation("repair", _repair, prepare=_damage, takes=OTHER),
    Operation("new namespace", _namespace),
    Operation("rebuild", _rebuild),
    Operation("settings", _settings),
]


def prepared(folder: Path, operation: Operation) -> Place:
    """Make a store for an operation."""
    place = make_place(folder)
    operation.prepare(place)
    return place


def ran(place: Place, operation: Operation) -> None:
    """Carry an operation out, from opening the store to closing it."""
    with place.open() as store:
        operation.run(place, store)


def check_between(place: Place, operation: Operation, *, acknowledged: bool = False, lacks_rows: bool = False) -> None:
    """Hold a store that an operation may have been cut short in to what must be true of it at every moment.

    Args:
        place: the store's.
        operation: what was under way.
        acknowledged: whether it had said that it was done.
        lacks_rows: whether rows of the index may be missing, of whatever text.
    """
    with place.open() as store:
        errors = [f for f in verify(store).findings if f.severity is Severity.ERROR and f.subject not in place.hurt]
        assert not errors, errors
        for text, one in place.made.items():
            if text == OTHER and place.hurt:
                continue  # what is given of damaged files is not the question here
            served = _served(store, text)
            may_lack = lacks_rows or text == operation.takes or (text == NEW and not (acknowledged and operation.puts))
            must_lack = acknowledged and text == operation.takes
            assert (served is None and may_lack) or (served == one.memory.first(200) and not must_lack), text


def check_carried_on(place: Place, operation: Operation) -> None:
    """Run the operation again, then gc: no hand is needed, nothing is left over."""
    carry_on(place, operation)
    place.hurt = frozenset()
    check_between(place, operation, acknowledged=True)
    check_clean(place)


def check_clean(place: Place) -> None:
    """Nothing is left over; rows may be, until the index is built anew: it is a cache."""
    with place.open() as store:
        findings = verify(store).findings
        assert all(f.subject == "index.sqlite" and f.severity is Severity.INFO for f in findings), findings
    forget_index(place)
    with place.open() as store:
        assert all(namespace.index.built for namespace in store.namespaces())
        findings = verify(store).findings
        assert not findings, findings


def forget_index(place: Place) -> None:
    """Take the index away; the next command builds it from the entries."""
    for path in place.store.glob("index.sqlite*"):
        path.unlink()


def carry_on(place: Place, operation: Operation) -> None:
    """Do what a user does next."""
    ran(place, operation)
    with place.open() as store:
        collect(store, dry_run=False, now=0)


def _served(store: Store, text: str) -> list[bytes] | None:
    """What the library gives for a text, whatever its entry is called by now."""
    ns = store.namespace("default")
    found = [load(ns, ident) for ident in ns.index.entries_of(content_hash(text))]
    assert len(found) <= 1
    return found[0] if found else None
