"""Garbage collection: what no live entry needs goes; what cannot be told stays.

Source: docs/format.md, "Order of writes".
"""

from collections.abc import Iterable
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from kvprep.errors import IntegrityError
from kvprep.store.layout import unlink_durably
from kvprep.store.namespace import Namespace
from kvprep.store.store import Store
from kvprep.types import EntryId


@dataclass(frozen=True, slots=True)
class Collected:
    """What was removed, or would be."""

    segments: int = 0
    entries: int = 0
    """Expired ones, and those that were removed before and put back."""
    documents: int = 0
    """Documents that have neither source nor entry. They are NOT removed: their text is history."""
    temporary: int = 0
    """Writes that were cut short."""
    num_bytes: int = 0
    """Bytes of files that were removed."""
    unreadable: tuple[str, ...] = ()
    """Entry files that do not open. While there are any, every segment is kept: they may need it."""


def collect(store: Store, *, dry_run: bool, now: float) -> Collected:
    """Remove expired entries, segments that no entry names, and writes that were cut short.

    Args:
        store: every namespace's ingest lease is taken, so that no segment is on its way to its entry.
        dry_run: only say what would go.
        now: seconds since 1970; entries that expire up to it go.

    Raises:
        StoreLocked: an ingest is running.
        IntegrityError: a namespace does not open.
    """
    # Listed before the namespaces: a namespace made meanwhile is not leased, and its files must not be in the lists.
    segments = list(store.layout.all_files("segments"))
    temporary = sorted((store.layout.root / "tmp").iterdir())
    namespaces = store.namespaces()
    with ExitStack() as leases:
        for namespace in namespaces:
            leases.enter_context(namespace.lease(wait_seconds=0))
        sweep = _Sweep(store, namespaces, now)
        garbage = [path for path in segments if path not in sweep.needed] if not sweep.unreadable else []
        doomed = [path for dead in sweep.dead.values() for path in dead.values()]
        collected = Collected(
            segments=len(garbage),
            entries=len(doomed),
            documents=sweep.historic,
            temporary=len(temporary),
            num_bytes=sum(_size(path) for path in (*garbage, *doomed, *temporary)),
            unreadable=tuple(sweep.unreadable),
        )
        if not dry_run:
            for namespace in namespaces:
                namespace.remove(sweep.dead[namespace.name])
            _unlink(garbage)
            with store.commit_lock():  # whoever had begun to write one of them has ended
                _unlink(temporary)
    return collected


class _Sweep:
    """What of a store is alive. The leases are held."""

    def __init__(self, store: Store, namespaces: Iterable[Namespace], now: float) -> None:
        self._layout, self._now = store.layout, now
        self.needed: set[Path] = set()
        self.dead: dict[str, dict[EntryId, Path]] = {}
        self.unreadable: list[str] = []
        self.historic = 0
        unclaimed = set(self._layout.all_files("entries"))
        for namespace in namespaces:
            self.dead[namespace.name] = {}
            unclaimed -= self._look_at(namespace)
        self.unreadable += [self._layout.relative(path) for path in sorted(unclaimed) if path.exists()]

    def _look_at(self, namespace: Namespace) -> set[Path]:
        """Sort the entries of a namespace into needed, dead and unreadable; return their files."""
        alive, files = set(), set()
        for path in namespace.files("entries"):
            files.add(path)
            try:
                ident = EntryId(bytes.fromhex(path.stem))
                entry = namespace.entry(ident)
            except (IntegrityError, ValueError):
                self.unreadable.append(self._layout.relative(path))
                continue
            if entry is None or (entry.expires_at is not None and entry.expires_at <= self._now):
                self.dead[namespace.name][ident] = path
                continue
            alive.add(entry.document)
            self.needed |= {self._layout.file("segments", stretch.segment) for stretch in entry.stretches}
        documents = (document for _, document in namespace.all_documents())
        self.historic += sum(not d.sources and d.content_hash not in alive for d in documents)
        return files


def _size(path: Path) -> int:
    try:
        return path.lstat().st_size
    except FileNotFoundError:
        return 0


def _unlink(paths: Iterable[Path]) -> None:
    for path in paths:
        unlink_durably(path)
