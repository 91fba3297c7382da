"""Verify and gc run beside writers, removers and readers in other processes, and nobody is harmed or slandered."""

import itertools
import os
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path

import pytest
from store_makers import Put, load, put, put_branch

from kvprep.codec import find_codec
from kvprep.errors import DanglingEntry
from kvprep.store.gc import collect
from kvprep.store.namespace import Namespace
from kvprep.store.store import Store
from kvprep.store.verify import Level, verify

ROUNDS = 12


class Other:
    """A process that repeats some work."""

    def __init__(self, path: Path, work: Callable[[Store, Namespace, int], None]) -> None:
        self._reading, self._writing = os.pipe()
        os.set_blocking(self._reading, False)
        self._rounds = 0
        self._child = os.fork()
        if not self._child:
            try:
                with Store.open(path) as store:
                    for number in itertools.count():
                        work(store, store.namespace("default"), number)
                        os.write(self._writing, b".")
            finally:
                os._exit(1)

    def rounds(self) -> int:
        """How often the work has been done."""
        assert os.waitpid(self._child, os.WNOHANG) == (0, 0), "the other process failed"
        with suppress(BlockingIOError):
            self._rounds += len(os.read(self._reading, 1 << 16))
        return self._rounds

    def end(self) -> None:
        os.kill(self._child, signal.SIGKILL)
        os.waitpid(self._child, 0)
        os.close(self._reading)
        os.close(self._writing)


@contextmanager
def beside(path: Path, *works: Callable[[Store, Namespace, int], None]) -> Iterator[Iterator[int]]:
    """Have work repeated by other processes; give the rounds of one's own, until everybody has done some."""
    others = [Other(path, work) for work in works]
    try:
        yield itertools.takewhile(lambda number: min(o.rounds() for o in others) < ROUNDS, itertools.count())
    finally:
        for other in others:
            other.end()


def ingest(store: Store, ns: Namespace, number: int) -> None:
    """A document, and one that begins with it: new, or known and written anew."""
    with ns.lease():
        trunk = put(ns, f"text {number % 5}", seed=number % 5, path=f"/x/{number % 5}")
        time.sleep(0.002)
        put_branch(ns, trunk, f"branch {number % 5}", path=f"/y/{number % 5}")


def remove(store: Store, ns: Namespace, number: int) -> None:
    entries = [ident for ident, _ in ns.all_entries()]
    ns.remove(entries[:: 1 + number % 3])
    time.sleep(0.005)


def sweep(store: Store, ns: Namespace, number: int) -> None:
    collect(store, dry_run=False, now=time.time(), find_codec=find_codec)


@pytest.fixture
def stored(store: Store, ns: Namespace) -> list[Put]:
    trunk = put(ns, "kept", seed=100)
    return [trunk, put_branch(ns, trunk, "kept branch")]


@pytest.mark.parametrize("level", [Level.STRUCTURE, Level.BYTES])
def test_verify_finds_nothing_wrong_in_what_others_are_doing(store: Store, stored: list[Put], level: Level) -> None:
    with beside(store.path, ingest, remove, sweep) as rounds:
        for _ in rounds:
            # A segment whose entry has been removed is an orphan until gc comes round.
            assert {f.problem for f in verify(store, level=level).findings} <= {"orphan: no entry names it"}


def test_nothing_that_was_stored_goes_and_nothing_that_is_read_is_wrong(store: Store, ns: Namespace) -> None:
    """Each round stores a trunk and a branch, removes the trunk, and reads the branch while gc replaces its segment."""
    with beside(store.path, sweep) as rounds:
        for number in rounds:
            with ns.lease():
                trunk = put(ns, f"trunk {number}", seed=number)
                branch = put_branch(ns, trunk, f"branch {number}")
            ns.remove([trunk.ident])
            for _ in range(4):
                assert read(ns, branch) == branch.memory.first(200)
    assert verify(store).ok


def read(ns: Namespace, made: Put) -> list[bytes] | None:
    """Read as `kvprep.reuse.load` does: again, where gc has replaced a segment meanwhile."""
    while True:
        entry = ns.entry(made.ident)
        try:
            return load(ns, made.ident)
        except DanglingEntry:
            current = ns.entry(made.ident)
            assert entry is not None and current is not None
            assert current.stretches != entry.stretches or load(ns, made.ident)


def test_a_shared_beginning_is_relied_on_while_its_owner_is_removed_and_swept(store: Store, ns: Namespace) -> None:
    """What an ingest does: find a stored prefix, pin it, look that it is there, name it."""
    relied = 0
    with beside(store.path, sweep, remove) as rounds:
        for number in rounds:
            with ns.lease():
                trunk = put(ns, f"trunk {number}", seed=number)
                ns.pin(trunk.entry)
                try:
                    ns.check_segments(trunk.entry)
                except DanglingEntry:
                    continue
                time.sleep(0.003)
                branch = put_branch(ns, trunk, f"branch {number}")
                ns.check_segments(replace(branch.entry, generation=0))
                relied += 1
    assert relied
    assert verify(store).ok
