"""What only a key shows: that it opens the store, every namespace, the audit log's end, and how the clock stands."""

import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

from kvprep.doctor.check import Check, fine, note, of_error, problem
from kvprep.doctor.places import BACKUP
from kvprep.errors import IntegrityError, KvprepError
from kvprep.store.entry import EntryRecord
from kvprep.store.namespace import Namespace
from kvprep.store.restore import has_older_audit
from kvprep.store.store import Store
from kvprep.types import EntryId, NamespaceId

ACCEPT = "kvprep doctor --accept-restore   # only if you restored an older copy yourself"
SAMPLE = 20
"""Newest entries of a namespace that are opened: they tell model and clock, and that entries open at all."""
_FUTURE_S = 60.0


def check_opening(store: Store) -> Iterator[Check]:
    """Say whose key it is; that it opens the store has been shown by then."""
    scope = "every namespace" if store.keyring.opens_everything else "some namespaces"
    yield fine("opening", f"key {store.holder.label!r}, {store.holder.role}, opens {scope}")
    if store.keyring.is_rewriting:
        yield note("opening", "a rewrite under new keys was cut short", "kvprep key rotate --rewrite")


def open_all(store: Store) -> tuple[list[Namespace], list[Check]]:
    """Open every namespace; give those that open, and what keeps the others from it."""
    opened, checks = [], []
    for ident in store.keyring.idents():
        try:
            namespace = store.open_namespace(ident)
        except KvprepError as error:
            checks.append(_closed(ident, error))
            continue
        if namespace is not None:
            opened.append(namespace)
    if not checks:
        checks.append(fine("namespaces", f"{len(opened)} open: {', '.join(sorted(n.name for n in opened))}"))
    return opened, checks


def _closed(ident: NamespaceId, error: KvprepError) -> Check:
    if isinstance(error, IntegrityError) and "older copy" in str(error):
        return problem("namespaces", str(error), ACCEPT, is_integrity=True)
    if error.hint:
        return of_error("namespaces", error)
    restore = "Restore the folders keys/ and namespaces/ from a backup."
    return problem(
        "namespaces", f"{ident.hex()[:12]}: {error}", restore, is_integrity=isinstance(error, IntegrityError)
    )


def newest_entries(namespace: Namespace) -> tuple[list[EntryRecord], list[Check]]:
    """Open the newest entries of a namespace, by their files' times; damaged ones are a problem."""
    paths = sorted(namespace.files("entries"), key=_written_at, reverse=True)[:SAMPLE]
    entries, damaged = [], 0
    for path in paths:
        try:
            entry = namespace.entry(EntryId(bytes.fromhex(path.stem)))
        except IntegrityError:
            damaged += 1
            continue
        if entry is not None:
            entries.append(entry)
    if not damaged:
        return entries, []
    said = f"namespace {namespace.name}: {damaged} of the {len(paths)} newest entries do not open"
    return entries, [problem("entries", said, "kvprep verify --repair", is_integrity=True)]


def _written_at(path: Path) -> float:
    try:
        return path.stat().st_mtime
    except FileNotFoundError:
        return 0.0  # removed since it was listed


def check_audit(store: Store) -> Iterator[Check]:
    """Look whether the audit log still has what was its end when it was seen here last."""
    if has_older_audit(store):
        said = "lacks the record that was its last when it was seen here: it was cut, or an older copy put back"
        yield problem("audit log", said, ACCEPT, is_integrity=True)
    else:
        yield fine("audit log", "goes on from where it was seen here last; `kvprep audit verify` checks every link")


def check_backup(store: Store) -> Iterator[Check]:
    """Say when the key was backed up last."""
    at = store.audit.last_at("key backup")
    if at is None:
        yield note("backup", "no copy of the key was ever made with `kvprep key backup`", BACKUP)
    else:
        yield fine("backup", f"key copied {_said(at)}; documents/, namespaces/ and keys/ are yours to copy")


def check_clock(store: Store, entries: list[EntryRecord]) -> Iterator[Check]:
    """Hold the clock against the newest of what was written: it cannot come from the future."""
    now = time.time()
    newest = max([store.audit.last_at() or 0.0, *(entry.created_at for entry in entries)])
    if newest > now + _FUTURE_S:
        yield problem(
            "clock",
            f"{_said(now)}, but something was written {_said(newest)}: it went back, and entries outlive their time",
            "timedatectl set-ntp true   # or set the clock",
        )
    else:
        yield fine("clock", f"{_said(now)}, after all that was written here")


def _said(at: float) -> str:
    return datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%d %H:%M UTC")
