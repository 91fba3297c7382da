"""Killed between any two steps, or with a full disk, a store opens, verifies and serves the old or the new."""

import os
import resource
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import pytest
from kills import killed_after
from store_makers import Put, load, make_document, put, put_branch

from kvprep.errors import StoreError, StoreFull
from kvprep.hashing import content_hash
from kvprep.store import remembered
from kvprep.store.charter import Trust
from kvprep.store.gc import collect
from kvprep.store.namespace import Namespace
from kvprep.store.store import Store
from kvprep.store.verify import verify

OLD, NEW, SHARER = "old text", "new text", "sharer"


def put_new(ns: Namespace) -> None:
    put(ns, NEW, seed=2, path="/x/new.txt")


def put_again(ns: Namespace) -> None:
    """The same text and tokens, computed and read afresh."""
    put(ns, OLD, seed=1, path="/x/elsewhere.txt")


def remove(ns: Namespace) -> None:
    ns.remove(ns.index.entries_of(content_hash(OLD)))


def supersede(ns: Namespace) -> None:
    put(ns, NEW, seed=2, path="/x/old.txt")
    remove(ns)
    document = ns.document(content_hash(OLD))
    assert document is not None
    ns.put_document(document.without_source("/x/old.txt"))


def add_source(ns: Namespace) -> None:
    document = ns.document(content_hash(OLD))
    assert document is not None
    source = make_document(OLD, "/x/old.txt").sources[0]
    ns.put_document(document.with_source(replace(source, state=replace(source.state, mtime_ns=99))))


def forget_document(ns: Namespace) -> None:
    remove(ns)
    ns.remove_document(content_hash(OLD))


def rebuild(ns: Namespace) -> None:
    ns.rebuild_index()


def settings(ns: Namespace) -> None:
    ns.update_settings({"model": "m"})


def new_namespace(ns: Namespace) -> None:
    put(ns.store.namespace("other", create=True), NEW, seed=2)


def sweep(ns: Namespace) -> None:
    ns.remove(ns.index.entries_of(content_hash(OLD)))
    collect(ns.store, dry_run=False, now=time.time())


def want_signatures(ns: Namespace) -> None:
    ns.amend(lambda charter: replace(charter, trust=Trust.SIGNED))


OPERATIONS = [
    put_new, put_again, remove, supersede, add_source, forget_document, rebuild, settings, want_signatures,
    new_namespace, sweep,
]  # fmt: skip
GONE_OR_OLD = {remove, supersede, forget_document, sweep}


class Base:
    """A store to be copied, and what this machine remembers of it."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / "base"
        with Store.create(self.path) as store:
            ns = store.namespace("default")
            self.old = put(ns, OLD, seed=1, path="/x/old.txt")
            self.sharer = put_branch(ns, self.old, SHARER)
            self.new = put(ns, NEW, seed=2)  # to know its bytes
            ns.remove([self.new.ident])
            ns.remove_document(content_hash(NEW))
            collect(store, dry_run=False, now=0)
        self.memory = remembered.memory_file().read_bytes()

    def copy(self, to: Path) -> Path:
        shutil.rmtree(to, ignore_errors=True)
        shutil.copytree(self.path, to)
        remembered.memory_file().write_bytes(self.memory)
        return to


@pytest.fixture
def base(tmp_path: Path) -> Base:
    return Base(tmp_path)


def killed_in(operation: Callable[[Namespace], None], path: Path, steps: int) -> bool:
    def run(count: Callable[[], None]) -> None:
        with Store.open(path) as store:
            ns = store.namespace("default")
            _ = ns.index
            count()
            operation(ns)

    return killed_after(steps, run)


@pytest.mark.parametrize("operation", OPERATIONS)
def test_a_kill_between_any_two_steps_loses_nothing(
    base: Base, tmp_path: Path, operation: Callable[[Namespace], None]
) -> None:
    steps = 0
    while killed_in(operation, path := base.copy(tmp_path / "copy"), steps):
        with Store.open(path) as store:
            ns = store.namespace("default")
            report = verify(store)
            assert report.ok, (steps, report.findings)
            _check_served(ns, base, operation)
            operation(ns)  # the next run carries on
            ns.rebuild_index()
            collect(store, dry_run=False, now=0)
            assert verify(store).findings == (), steps
            _check_served(ns, base, operation)
        steps += 1
    assert steps > 1


def _check_served(ns: Namespace, base: Base, operation: Callable[[Namespace], None]) -> None:
    old, new, sharer = (load(ns, made.ident) for made in (base.old, base.new, base.sharer))
    assert sharer == base.sharer.memory.first(200)
    assert new in (None, base.new.memory.first(200))
    assert old == base.old.memory.first(200) or (old is None and operation in GONE_OR_OLD)


@pytest.fixture
def tiny_disk(tmp_path: Path) -> Iterator[Path]:
    folder = tmp_path / "disk"
    folder.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", "size=400k,mode=0700", "tmpfs", str(folder)]
    try:
        subprocess.run(command, check=True, capture_output=True)
    except (OSError, subprocess.CalledProcessError):
        pytest.skip("mounting is not permitted here")
    yield folder
    subprocess.run(["umount", "-l", str(folder)], check=True)


def test_a_full_disk_is_a_clear_error_and_loses_nothing(tiny_disk: Path) -> None:
    with Store.create(tiny_disk / "store") as store:
        ns, made = store.namespace("default"), []
        with pytest.raises(StoreFull) as caught:
            made.extend(put(ns, f"text {seed}", seed=seed) for seed in range(100))
        assert "space" in caught.value.hint
        _check_whole(store, made)
        for one in (made.pop() for _ in range(4)):
            with suppress(StoreFull):  # the rows may find no room: a hint, and the entry is gone all the same
                ns.remove([one.ident])
            assert load(ns, one.ident) is None
        collect(store, dry_run=False, now=0)
        made.append(put(ns, "one more", seed=200))
        _check_whole(store, made)


def _check_whole(store: Store, made: list[Put]) -> None:
    ns = store.namespace("default")
    report = verify(store)
    assert report.ok, report.findings
    assert len(made) > 2
    for one in made:
        assert load(ns, one.ident) == one.memory.first(200)


LIMITED = """
import resource, sys
from pathlib import Path
from store_makers import put
from kvprep.errors import StoreError
from kvprep.store.store import Store
with Store.open(Path(sys.argv[1])) as store:
    ns = store.namespace("default")
    resource.setrlimit(resource.RLIMIT_FSIZE, (4000, resource.RLIM_INFINITY))
    try:
        put(ns, "large")
    except StoreError:
        sys.exit(77)
"""


def test_a_file_that_the_system_refuses_to_grow_leaves_no_trace(store: Store, ns: Namespace) -> None:
    made = put(ns)
    before = sorted(store.path.rglob("*"))
    environment = os.environ | {"PYTHONPATH": str(Path(__file__).parent)}
    child = subprocess.run([sys.executable, "-c", LIMITED, str(store.path)], env=environment, check=False)
    assert child.returncode == 77
    assert sorted(store.path.rglob("*")) == before
    assert verify(store).findings == ()
    assert load(ns, made.ident) == made.memory.first(200)
    assert resource.getrlimit(resource.RLIMIT_FSIZE)[0] != 4000


def test_a_folder_that_cannot_be_written_is_an_error_of_ours(ns: Namespace, store: Store) -> None:
    (store.path / "tmp").rename(store.path / "away")
    (store.path / "tmp").touch()
    with pytest.raises(StoreError):
        put(ns)
