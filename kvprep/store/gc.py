"""Garbage collection: what no live entry needs goes; what cannot be told stays. It runs beside readers and ingests.

Source: docs/format.md, "Order of writes".
"""

import math
from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from kvprep.errors import IntegrityError, PolicyDenied, StoreFull, StoreLocked, TryAgainLater, UnsupportedFormat
from kvprep.store.eviction import Appraise, Choice, Eviction, carry_out
from kvprep.store.layout import Layout, disk_errors, file_size, is_left_behind, sync_folder, unlink_left_behind
from kvprep.store.lock import exclusive
from kvprep.store.namespace import Namespace
from kvprep.store.needs import Needs, Use
from kvprep.store.pins import Pins, forget_stale, pinned
from kvprep.store.reseal import no_codec, reseal
from kvprep.store.segment import FindCodec
from kvprep.store.store import Store

_BATCH = 32
"""Segments that are removed while the commit lock is held."""


@dataclass(frozen=True, slots=True)
class Collected:
    """What was removed, or would be."""

    segments: int = 0
    """Those that no live entry needs."""
    resealed: int = 0
    """Those of which live entries needed the front only: it was written anew, and the old file removed."""
    awaiting: int = 0
    """Those that should be re-sealed and could not be: a removed document's blocks are in them still."""
    entries: int = 0
    """Expired ones, and those that were removed before and put back."""
    evicted: tuple[Eviction, ...] = ()
    """Entries that may be used and are not worth keeping, in the order in which they were chosen."""
    documents: int = 0
    """Documents that have neither source nor entry. They are NOT removed: their text is history."""
    temporary: int = 0
    """Writes that were cut short."""
    num_bytes: int = 0
    """Bytes of the files that go, less those that are written anew, as estimated from their blocks."""
    kept_bytes: int = 0
    """Bytes of entries, documents and segments that stay."""
    kept_tokens: int = 0
    """Tokens in segments that are needed; a removed document's, where one waits to be re-sealed, are not taken off."""
    kept_prefill_s: float = 0.0
    """What computing them took."""
    unreadable: tuple[str, ...] = ()
    """Entry files that do not open. While there are any, every segment is kept: they may need it."""


def collect(
    store: Store,
    *,
    dry_run: bool,
    now: float,
    find_codec: FindCodec = no_codec,
    appraise: Appraise | None = None,
    max_bytes: int | None = None,
) -> Collected:
    """Remove expired entries, what is not worth keeping, segments that no entry names, and writes that were cut short.

    What an ingest under way has pinned stays. A segment that a removed document shares with live ones is re-sealed.

    Args:
        store: no lease is taken; the commit lock is, for moments.
        dry_run: only say what would go.
        now: seconds since 1970; entries that expire up to it go.
        find_codec: without it, encoded segments that should be re-sealed wait.
        appraise: says what an entry is worth; without it, none goes that may be used.
        max_bytes: what may stay, of entries, documents and segments; what is worth least goes until the rest fits.

    Raises:
        TryAgainLater: another gc is running.
        IntegrityError: a namespace does not open.
    """
    if dry_run:
        collection = _Collection(store, now, live_pins_only=True)
        collection.choose(appraise, max_bytes)
        return collection.planned()
    with _alone(store.layout) as pins:
        collection = _Collection(store, now, live_pins_only=False)
        collection.choose(appraise, max_bytes)
        collected = collection.carry_out(find_codec, pins)
    store.audit.record("gc", "done")
    return collected


@contextmanager
def _alone(layout: Layout) -> Iterator[Pins]:
    try:
        with exclusive(layout.root / "locks" / "gc.lock", wait_seconds=0):
            forget_stale(layout)
            with closing(Pins(layout, "gc")) as pins:
                yield pins
    except StoreLocked as error:
        raise TryAgainLater(str(error), hint="Another gc is running; run this one when it has ended.") from error


class _Collection:
    """One run: first it looks, then it removes."""

    def __init__(self, store: Store, now: float, *, live_pins_only: bool) -> None:
        self._store, self._layout, self._now = store, store.layout, now
        # In this order. What is written from here on is not in the list. Whoever relies on something in the list has
        # pinned it by now, or will have when pins are read again, or has put its entry.
        self._segments = list(store.layout.all_files("segments"))
        self._temporary = [p for p in sorted((store.path / "tmp").iterdir()) if is_left_behind(p)]
        self._pinned = pinned(store.layout, live_only=live_pins_only)
        unclaimed = set(store.layout.all_files("entries"))
        self._needs = [_needs_of(namespace, now) for namespace in store.namespaces()]
        self._unreadable = self._names_of_unreadable(unclaimed)
        self._evictions: list[Eviction] = []
        kept = (path for kind in ("entries", "documents") for path in store.layout.all_files(kind))
        self._total = sum(map(file_size, (*self._segments, *kept)))
        self._find_garbage()
        self._unused = self._garbage  # whatever is evicted: it goes first, since an eviction needs room for a note

    def choose(self, appraise: Appraise | None, max_bytes: int | None) -> None:
        """Choose which entries go although they may be used: none where their going would free nothing."""
        if appraise is None or self._unreadable or not self._store.keyring.opens_everything:
            return
        writable = [needs for needs in self._needs if _may_write(needs.namespace)]
        choice = Choice(writable, self._layout, appraise, self._pinned, self._now)
        choice.idle()
        self._find_garbage()
        if max_bytes is not None:
            choice.lighten(self._total - self._freed() - max_bytes)
            self._find_garbage()
        self._evictions = choice.evictions

    def _find_garbage(self) -> None:
        """Find the segments that nothing needs, and those of which something needs the front only."""
        spared = _file_names(self._pinned)
        needed = {segment.hex() for needs in self._needs for segment in needs.uses}
        shrinkable = [(needs, use) for needs in self._needs for use in needs.shrinkable()]
        self._garbage = [p for p in self._segments if p.stem not in needed and p.name not in spared]
        self._to_reseal = [
            (needs, use)
            for needs, use in shrinkable
            if self._file(use).name not in spared and _may_write(needs.namespace)
        ]
        if self._unreadable:
            self._garbage, self._to_reseal = [], []
        if not self._store.keyring.opens_everything:
            self._garbage = []  # others may need what this key knows nothing of
        self._num_shrinkable = len(shrinkable)

    def _freed(self) -> int:
        """Count the bytes that go, leftovers of killed writes not among them."""
        doomed = [path for needs in self._needs for path in (*needs.dead.values(), *needs.evicted.values())]
        copies = sum(use.dead_share(file_size(self._file(use))) for _, use in self._to_reseal)
        return sum(map(file_size, (*self._garbage, *doomed))) + copies

    def _names_of_unreadable(self, entries: set[Path]) -> tuple[str, ...]:
        unreadable = [path for needs in self._needs for path in needs.unreadable]
        if self._store.keyring.opens_everything:
            unclaimed = entries - {path for needs in self._needs for path in needs.files}
            unreadable += [path for path in sorted(unclaimed) if path.exists()]
        return tuple(self._layout.relative(path) for path in unreadable)

    def _file(self, use: Use) -> Path:
        return self._layout.file("segments", use.stretch.segment)

    def planned(self) -> Collected:
        """Say what would go."""
        temporary, freed = sum(map(file_size, self._temporary)), self._freed()
        uses = [use for needs in self._needs for use in needs.uses.values()]
        return Collected(
            segments=len(self._garbage),
            resealed=len(self._to_reseal),
            awaiting=self._num_shrinkable - len(self._to_reseal),
            entries=sum(len(needs.dead) for needs in self._needs),
            evicted=tuple(self._evictions),
            documents=sum(needs.historic_documents() for needs in self._needs),
            temporary=len(self._temporary),
            num_bytes=freed + temporary,
            kept_bytes=self._total - freed,
            kept_tokens=sum(use.num_tokens for use in uses),
            kept_prefill_s=sum(use.prefill_s for use in uses),
            unreadable=self._unreadable,
        )

    def carry_out(self, find_codec: FindCodec, pins: Pins) -> Collected:
        """Remove; what frees room comes before what needs some."""
        planned = self.planned()
        expired = (needs.namespace.remove(needs.dead, why="expired", still=needs.is_dead) for needs in self._needs)
        entries = sum(removed.entries for removed in expired)
        segments = self._unlink(self._unused)
        evicted = carry_out(self._store, self._evictions, self._now)
        self._spare(set(self._evictions).difference(evicted))
        gone = set(segments)
        segments += self._unlink([path for path in self._garbage if path not in gone])
        temporary = [path for path in self._temporary if unlink_left_behind(path)]
        moved = [self._file(use) for needs, use in self._to_reseal if _moved(needs.namespace, use, find_codec, pins)]
        resealed = self._unlink(moved)
        return replace(
            planned,
            segments=len(segments),
            resealed=len(resealed),
            awaiting=self._num_shrinkable - len(resealed),
            entries=entries,
            evicted=tuple(evicted),
            temporary=len(temporary),
        )

    def _spare(self, staying: Iterable[Eviction]) -> None:
        """Leave all segments of entries that were to be evicted and stay: one that was pinned keeps an entry whole."""
        needed = _file_names(stretch.segment for each in staying for stretch in each.holding.entry.stretches)
        self._garbage = [path for path in self._garbage if path.name not in needed]
        self._to_reseal = [(needs, use) for needs, use in self._to_reseal if self._file(use).name not in needed]

    def _unlink(self, segments: Sequence[Path]) -> list[Path]:
        """Remove segments but those that were pinned meanwhile, a few at a time: nothing is put while they go."""
        removed: list[Path] = []
        for at in range(0, len(segments), _BATCH):
            with self._store.commit_lock():
                spared = _file_names(pinned(self._layout, live_only=False))
                batch = [path for path in segments[at : at + _BATCH] if path.name not in spared]
                for path in batch:
                    with disk_errors(path):
                        path.unlink(missing_ok=True)
            for folder in {path.parent for path in batch}:
                sync_folder(folder)
            removed += batch
        return removed


def _needs_of(namespace: Namespace, now: float) -> Needs:
    """Look at a namespace; where nothing may be removed, what has expired is needed like everything else."""
    if _may_write(namespace):
        return Needs(namespace, now)
    needs = Needs(namespace, -math.inf)
    needs.dead.clear()
    return needs


def _may_write(namespace: Namespace) -> bool:
    try:
        namespace.check_may_write()
    except PolicyDenied:
        return False
    return True


def _moved(namespace: Namespace, use: Use, find_codec: FindCodec, pins: Pins) -> bool:
    """Re-seal a segment; where that cannot be, leave it as it is."""
    try:
        with namespace.pinning(pins):
            return reseal(namespace, use, find_codec)
    except (IntegrityError, UnsupportedFormat, PolicyDenied, StoreFull):
        return False


def _file_names(segments: Iterable[bytes]) -> set[str]:
    return {f"{segment.hex()}.kvs" for segment in segments}
