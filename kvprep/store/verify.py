"""Verify: prove that every byte of a store is what was written, or name what is not.

Source: docs/format.md.
"""

from collections.abc import Iterable
from pathlib import Path

from kvprep.errors import WrongKey
from kvprep.store.bytecheck import NamespaceCheck, check_namespace, open_namespaces
from kvprep.store.filecheck import REMEDIES, check_files
from kvprep.store.findings import COLLECT, RESTORE_KEYS, Level, Tally, VerifyReport
from kvprep.store.indexcheck import check_index
from kvprep.store.layout import Layout
from kvprep.store.store import Store
from kvprep.types import Finding, Severity

__all__ = ["Level", "VerifyReport", "verify", "verify_sealed"]


def verify_sealed(layout: Layout, level: Level) -> VerifyReport:
    """Check what needs no key: `Level.STRUCTURE` or `Level.CHECKSUM`. Damaged key slots are findings like any other."""
    if level is Level.BYTES:
        raise ValueError("level bytes needs an open store")
    tally = Tally()
    check_files(layout, level, tally)
    return tally.report(level)


def verify(store: Store, *, level: Level = Level.BYTES, namespaces: Iterable[str] | None = None) -> VerifyReport:
    """Check a store.

    Args:
        store: open; nothing in it is changed.
        level: how deep.
        namespaces: names of those to open, None for all. Orphans are looked for only among all.

    Raises:
        WrongKey: a key slot or the keys of a namespace are damaged.
        NotFound: no namespace of a name.
        IntegrityError: a namespace asked for by name does not open.
    """
    if level is not Level.BYTES:
        return verify_sealed(store.layout, level)
    tally = Tally()
    check_files(store.layout, Level.CHECKSUM, tally)
    _refuse_damaged_keys(tally)
    # Listed before namespaces are opened: what is written meanwhile is nobody's only because it was not looked for.
    listed = {kind: list(store.layout.all_files(kind)) for kind in ("documents", "entries", "segments")}
    if namespaces is None:
        opened = open_namespaces(store, tally)
    else:
        opened = [store.namespace(name) for name in namespaces]
    checks = [check_namespace(namespace, tally) for namespace in opened]
    for namespace in opened:
        check_index(namespace, tally)
    if namespaces is None and not any(f.subject.startswith("namespaces/") for f in _errors(tally)):
        _check_unclaimed(store.layout, listed, checks, tally)
    return tally.report(level)


def _errors(tally: Tally) -> list[Finding]:
    return [f for f in tally.findings if f.severity is Severity.ERROR]


def _refuse_damaged_keys(tally: Tally) -> None:
    damaged = [f"{f.subject} ({f.problem})" for f in _errors(tally) if f.subject.startswith("keys")]
    if damaged:
        raise WrongKey(f"damaged keys: {', '.join(damaged)}", hint=RESTORE_KEYS)


def _check_unclaimed(layout: Layout, listed: dict[str, list[Path]], checks: list[NamespaceCheck], tally: Tally) -> None:
    """Find files that belong to no namespace, and segments that no entry names."""
    claimed = {path for check in checks for path in check.files}
    for kind in ("documents", "entries"):
        for path in listed[kind]:
            if path not in claimed and path.exists():
                tally.error(layout.relative(path), "belongs to no namespace of this store", REMEDIES[kind])
    named = {path for check in checks for path in check.segments}
    for path in listed["segments"]:
        if path not in named and path.exists():
            tally.info(layout.relative(path), "orphan: no entry names it", COLLECT)
