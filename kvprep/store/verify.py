"""Verify: prove that every byte of a store is what was written, or name what is not.

Source: docs/format.md.
"""

from collections.abc import Collection, Iterable, Iterator
from pathlib import Path

from kvprep.errors import WrongKey
from kvprep.store.bytecheck import NamespaceCheck, open_namespaces
from kvprep.store.checklog import CheckLog
from kvprep.store.filecheck import REMEDIES, check_contents, check_files
from kvprep.store.findings import COLLECT, RESTORE_KEYS, Level, Tally, VerifyReport
from kvprep.store.indexcheck import check_index
from kvprep.store.layout import Layout
from kvprep.store.namespace import Namespace
from kvprep.store.pins import pinned
from kvprep.store.scrub import Effort, Scrub
from kvprep.store.store import Store
from kvprep.types import Finding, SegmentId, Severity

__all__ = ["EVERYTHING", "Effort", "Level", "VerifyReport", "verify", "verify_sealed"]

CHECK_LOG = "checks.sqlite"


EVERYTHING = Effort()


def verify_sealed(
    layout: Layout, level: Level, *, effort: Effort = EVERYTHING, writers: Collection[bytes] = ()
) -> VerifyReport:
    """Check what needs no key.

    Args:
        layout: the store's. Damaged key slots are findings like any other.
        level: `Level.STRUCTURE` or `Level.CHECKSUM`.
        effort: which segments are read.
        writers: at level checksum, public keys (32 bytes each): each file but those in keys/ must be signed by one of
            them, and every chunk be the one that was signed.
    """
    if level in (Level.BYTES, Level.DEEP):
        raise ValueError(f"level {level} needs an open store")
    tally = Tally()
    segments = check_files(layout, level, tally, writers)
    if level is Level.CHECKSUM:
        paths = {layout.relative(path): path for path in segments}
        what = " ".join([level, *sorted(key.hex() for key in writers)])
        for subject in _due(layout, what, effort, tally, paths):
            check_contents(layout, "segments", paths[subject], tally, writers)
    return tally.report(level)


def verify(
    store: Store,
    *,
    level: Level = Level.BYTES,
    namespaces: Iterable[str] | None = None,
    effort: Effort = EVERYTHING,
) -> VerifyReport:
    """Check a store; what other processes do to it meanwhile is no finding.

    Args:
        store: open; nothing in it is changed, but for the log of when each segment was checked last.
        level: how deep; at most `Level.BYTES`.
        namespaces: names of those to open, None for all. Orphans are looked for only among all.
        effort: which segments are read; everything else is looked at in every run.

    Raises:
        WrongKey: a key slot or the keys of a namespace are damaged.
        NotFound: no namespace of a name.
        IntegrityError: a namespace asked for by name does not open.
    """
    if level is Level.DEEP:
        raise ValueError("level deep needs a model")
    if level is not Level.BYTES:
        return verify_sealed(store.layout, level, effort=effort)
    tally, layout = Tally(), store.layout
    # Listed before namespaces are opened: what is written meanwhile is nobody's only because it was not looked for.
    listed = {kind: list(layout.all_files(kind)) for kind in ("documents", "entries", "segments")}
    in_use = pinned(layout, live_only=True)
    check_files(layout, Level.CHECKSUM, tally)
    _refuse_damaged_keys(tally)
    opened = open_namespaces(store, tally) if namespaces is None else [store.namespace(name) for name in namespaces]
    checks = _check_namespaces(opened, tally)
    _check_contents(layout, checks, effort, tally)
    _check_audit(store, tally)
    if store.keyring.is_rewriting:
        tally.info("keys", "a rewrite was cut short", "Run `kvprep key rotate --rewrite` again.")
    # Who does not open all cannot tell what belongs to nobody.
    elif namespaces is None and store.keyring.opens_everything and _has_opened_all(tally):
        _check_unclaimed(layout, listed, checks, tally)
        _check_orphans(layout, listed["segments"], checks, in_use, tally)
    return tally.report(level)


def _check_namespaces(opened: Iterable[Namespace], tally: Tally) -> list[NamespaceCheck]:
    checks = [NamespaceCheck(namespace, tally) for namespace in opened]
    for check in checks:
        check.documents()
        check.entries()
        check_index(check.namespace, tally)
    return checks


def _has_opened_all(tally: Tally) -> bool:
    return not any(finding.subject.startswith("namespaces/") for finding in _errors(tally))


def _check_contents(layout: Layout, checks: list[NamespaceCheck], effort: Effort, tally: Tally) -> None:
    """Read the segments that entries name."""
    owners = {
        layout.relative(layout.file("segments", segment)): (check, segment)
        for check in checks
        for segment in check.stretches
    }
    for subject in _due(layout, Level.BYTES, effort, tally, owners):
        check, segment = owners[subject]
        check.contents(segment)


def _check_audit(store: Store, tally: Tally) -> None:
    report = store.check_audit()
    tally.checked["records"] += report.records
    if report.problems:
        more = f", and {len(report.problems) - 1} more" if len(report.problems) > 1 else ""
        tally.error("audit.sqlite", report.problems[0] + more, "See `kvprep audit verify`, and find out who did it.")


def _due(layout: Layout, what: str, effort: Effort, tally: Tally, subjects: Iterable[str]) -> Iterator[str]:
    with CheckLog(layout.root / CHECK_LOG, what) as log:
        yield from Scrub(effort, log, tally).over(sorted(subjects))


def _errors(tally: Tally) -> list[Finding]:
    return [f for f in tally.findings if f.severity is Severity.ERROR]


def _refuse_damaged_keys(tally: Tally) -> None:
    damaged = [f"{f.subject} ({f.problem})" for f in _errors(tally) if f.subject.startswith("keys")]
    if damaged:
        raise WrongKey(f"damaged keys: {', '.join(damaged)}", hint=RESTORE_KEYS)


def _check_unclaimed(layout: Layout, listed: dict[str, list[Path]], checks: list[NamespaceCheck], tally: Tally) -> None:
    """Find files that belong to no namespace."""
    for kind in ("documents", "entries"):
        for path in listed[kind]:
            subject = layout.relative(path)
            # One that is not among those that were found may have been removed and put anew since.
            if tally.is_damaged(subject) or any(check.owns(kind, path) for check in checks):
                continue
            if path.exists():
                tally.error(subject, "belongs to no namespace of this store", REMEDIES[kind])


def _check_orphans(
    layout: Layout, segments: list[Path], checks: list[NamespaceCheck], in_use: set[SegmentId], tally: Tally
) -> None:
    """Find segments that no entry names, and that nobody was about to name.

    Args:
        segments: listed before `in_use` was read, and that before the entries.
    """
    needed = {segment.hex() for segment in in_use.union(*(check.stretches for check in checks))}
    for path in segments:
        if path.stem not in needed and path.exists():
            tally.info(layout.relative(path), "orphan: no entry names it", COLLECT)
            check_contents(layout, "segments", path, tally)
